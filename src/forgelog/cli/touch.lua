--- forgelog touch: has every consumer read tables anew.
-- @module forgelog.cli.touch
local each = require "forgelog.cli.lib.each"
local find = require "forgelog.tables.find"

-- Whoever changes a table that is not watched may think that it is.
local function note_unwatched(context, log, name)
  local found, _, watched = find.table(log.connection, "touch", name), log:watched()
  if not found or not watched or found.ancestor or found.by_hand then return end
  if not watched[found.name] then
    context.note("%s is not watched: its changes are not logged", name)
  end
end

--- Touches each table.
-- @param context of `forgelog.cli.lib.context`
-- @param options `table` (list of names)
-- @return the exit status
return function(context, options)
  local log = context:connect()
  local function touch(name)
    local seq, err = log:touch(name)
    if not seq then return nil, err end
    note_unwatched(context, log, name)
    return true, true, { seq = seq }
  end
  return each(context, options.table, touch, "table", "%s is to be read anew", "")
end
