--- forgelog touch: has every consumer read tables anew.
-- @module forgelog.cli.touch
local each = require "forgelog.cli.lib.each"

--- Touches each table.
-- @param context of `forgelog.cli.lib.context`
-- @param options `table` (list of names)
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local function touch(name)
    local seq, err = log:touch(name)
    if not seq then return nil, err end
    return true, true, { seq = seq }
  end
  return each(context, options.table, touch, "table", "%s is to be read anew", "")
end
