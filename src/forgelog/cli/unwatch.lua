--- forgelog unwatch: has the changes of tables logged no longer.
-- @module forgelog.cli.unwatch
local covered = require "forgelog.cli.lib.covered"
local each = require "forgelog.cli.lib.each"

--- Unwatches each table.
-- @param context of `forgelog.cli.lib.context`
-- @param options `table` (list of names)
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local function unwatch(name)
    local ok, result = log:unwatch(name)
    if not ok then return nil, result end
    return true, result, covered(log, name)
  end
  return each(context, options.table, unwatch, "table", "no longer watching %s",
    "%s was not watched")
end
