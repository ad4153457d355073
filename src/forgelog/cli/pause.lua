--- forgelog pause: has named consumers rest until they are resumed.
-- @module forgelog.cli.pause
local consumer = require "forgelog.consumer"
local each = require "forgelog.cli.lib.each"

--- Pauses each consumer.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name` (list of names)
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local function pause(name)
    local ok, was = consumer.pause(log, name)
    if not ok then return nil, was end
    return true, not was
  end
  return each(context, options.name, pause, "consumer", "%s pauses", "%s was paused already")
end
