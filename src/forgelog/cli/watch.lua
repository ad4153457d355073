--- forgelog watch: has the changes of tables logged.
-- @module forgelog.cli.watch
local covered = require "forgelog.cli.lib.covered"
local each = require "forgelog.cli.lib.each"
local stream = require "forgelog.cli.lib.stream"

-- The columns of a list that are not in another one.
local function without(list, other)
  local has, left = {}, {}
  for _, name in ipairs(other) do has[name] = true end
  for _, name in ipairs(list) do
    if not has[name] then left[#left + 1] = name end
  end
  return left
end

-- A watch says all that is wanted of a table, so that one without --keep ends what another one with
-- it began. Consumers may need these values.
local function note_lost(context, before, after)
  for name, about in pairs(after) do
    local lost = without((before[name] or about).keep, about.keep)
    if #lost > 0 then
      context.note("%s: no longer kept: %s (--keep names all columns to keep)", name,
        table.concat(lost, ", "))
    end
  end
end

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
  local _, before = log:watched()
  local function watch(name)
    local ok, result = log:watch(name, how)
    if not ok then return nil, result end
    return true, result, covered(log, name)
  end
  local status = each(context, options.table, watch, "table", "watching %s",
    "%s was watched so already")
  local _, after = log:watched()
  if before and after then note_lost(context, before, after) end
  return status
end
