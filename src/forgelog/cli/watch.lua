--- forgelog watch: has the changes of tables logged.
-- @module forgelog.cli.watch
local each = require "forgelog.cli.lib.each"
local stream = require "forgelog.cli.lib.stream"

--- Watches each table.
-- @param context of `forgelog.cli.lib.context`
-- @param options `table` (list of names), `ignore`, `keep` (lists of lists), `no_notify`,
-- `unlogged`
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local how = {
    ignore = stream.flat(options.ignore), notify = not options.no_notify,
    keep = stream.flat(options.keep), unlogged = options.unlogged,
  }
  local function watch(name) return log:watch(name, how) end
  return each(context, options.table, watch, "table", "watching %s", "%s was watched so already")
end
