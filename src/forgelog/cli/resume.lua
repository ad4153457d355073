--- forgelog resume: has named consumers go on that were paused.
-- @module forgelog.cli.resume
local consumer = require "forgelog.consumer"
local each = require "forgelog.cli.lib.each"

--- Resumes each consumer.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name` (list of names)
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local function resume(name) return consumer.resume(log, name) end
  return each(context, options.name, resume, "consumer", "%s goes on", "%s was not paused")
end
