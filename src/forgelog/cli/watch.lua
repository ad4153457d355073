--- forgelog watch: has the changes of tables logged.
-- @module forgelog.cli.watch
local each = require "forgelog.cli.lib.each"
local stream = require "forgelog.cli.lib.stream"

--- Watches each table.
-- @param context of `forgelog.cli.lib.context`
-- @param options `table` (list of names), `ignore`, `keep` (list), `no_notify`,
-- `unlogged`
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local how = {
    ignore = stream.flat(options.ignore), notify = not options.no_notify,
    unlogged = options.unlogged,
  }
  if options.keep[1] then how.keep = options.keep end
  local function watch(name) return log:watch(name, how) end
  return each(context, options.table, watch, "table", "watching %s", "%s was watched so already")
end
