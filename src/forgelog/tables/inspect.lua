--- The tables that are watched, and whether their triggers are as they should be.
-- @module forgelog.tables.inspect
local arguments = require "forgelog.tables.arguments"
local uncompiled = require "forgelog.connection.uncompiled"

local inspect = {
  -- The trigger on each partition of a watched table.
  PARTITION_TRIGGER = "forge_capture_truncate_partition",
  -- The triggers of a table, by the level of its capture.
  KINDS = {
    statement = { "insert", "update", "delete", "truncate" },
    row = { "row", "truncate" },
  },
}

-- What `missing` calls the triggers of partitions.
local UNCOVERED = "truncate of a partition"

local function columns(key)
  local list = {}
  for name in (key or ""):gmatch("[^\1]+") do list[#list + 1] = name end
  return list
end

-- Adds what one trigger says of its table.
local function add_trigger(about, row)
  local says = arguments.read(arguments.decode(row.args))
  if row.altered then table.insert(about.altered, row.kind) end
  if row.kind == "row" then about.level = "row" end
  if row.kind == "row" or row.kind == "update" then
    about.ignore, about.keep = says.ignore, says.keep
  end
  about.notify = about.notify and says.notify
  if says.key then about.key_changed = says.key ~= (row.key or "") end
end

-- Which of the columns that are kept or ignored the table has no more.
local function gone(about, has)
  local there, list = {}, {}
  for _, name in ipairs(has) do there[name] = true end
  for _, names in ipairs({ about.keep, about.ignore }) do
    for _, name in ipairs(names) do
      if not there[name] then list[#list + 1] = name end
    end
  end
  return list
end

local function in_words(about, lacks)
  local parts = {}
  if #about.missing > 0 then
    parts[#parts + 1] = "missing: " .. table.concat(about.missing, ", ")
  end
  if #about.altered > 0 then
    parts[#parts + 1] = "altered: " .. table.concat(about.altered, ", ")
  end
  if #lacks > 0 then
    parts[#parts + 1] = "no such column any more: " .. table.concat(lacks, ", ")
  end
  if about.key_changed then parts[#parts + 1] = "the primary key has changed since" end
  return parts[1] and table.concat(parts, "; ")
end

--- What the triggers of one table amount to.
-- @param rows those of sql/tables/triggers.sql for it, one at least
-- @treturn table as of `forgelog.tables.watched`
function inspect.describe(rows)
  local first, enabled = rows[1], {}
  local about = {
    schema = first.schema, table = first.table, ignore = {}, keep = {}, notify = true,
    level = "statement",
    missing = {}, altered = {}, key_changed = false, key = columns(first.key),
  }
  for _, row in ipairs(rows) do
    add_trigger(about, row)
    enabled[row.kind] = enabled[row.kind] or row.enabled
  end
  for _, kind in ipairs(inspect.KINDS[about.level]) do
    if not enabled[kind] then table.insert(about.missing, kind) end
  end
  if about.level == "row" and first.uncovered then
    about.uncovered = true
    table.insert(about.missing, UNCOVERED)
  end
  local lacks = gone(about, columns(first.columns))
  if #lacks > 0 then about.gone = lacks end
  about.wrong = in_words(about, lacks)
  about.healthy = about.wrong == nil
  return about
end

--- The tables that are watched. (`forgelog.tables.watched`)
function inspect.watched(conn)
  local list, err = inspect.list(conn)
  if not list then return nil, err end
  local names, by_name = {}, {}
  for i, about in ipairs(list) do
    names[i], by_name[about.name] = about.name, about
    about.name = nil
  end
  return names, by_name
end

--- The same as one list, for status and the command.
-- @param conn the connection
-- @return a sorted list of what `watched` says of each table, with its `name`; or nil and an error
function inspect.list(conn)
  local home, err = conn:schema_name()
  if not home then return nil, err end
  local triggers
  triggers, err = uncompiled(conn):run_in(home, "tables.triggers", nil)
  if not triggers then return nil, err end
  local names, rows = {}, {}
  for _, row in ipairs(triggers) do -- in the order of their names
    if row.trigger ~= inspect.PARTITION_TRIGGER then
      if not rows[row.name] then
        names[#names + 1], rows[row.name] = row.name, {}
      end
      table.insert(rows[row.name], row)
    end
  end
  local list = {}
  for i, name in ipairs(names) do
    list[i] = inspect.describe(rows[name])
    list[i].name = name
  end
  return list
end

return inspect
