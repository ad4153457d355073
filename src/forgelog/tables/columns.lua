--- Whether the columns that a drain, a feed or a consumer looks at are there. No change would ever
-- name one that no table has, and nobody would be told.
-- @module forgelog.tables.columns
local arrays = require "forgelog.connection.arrays"
local closest = require "forgelog.tables.closest"
local core = require "forgelog.core"

local UNDEFINED_COLUMN = "42703" -- SQLSTATE

-- Those that are not among these columns.
local function missing(wanted, rows)
  local has, list = {}, {}
  for _, row in ipairs(rows) do has[row.name] = true end
  for _, name in ipairs(wanted) do
    if not has[name] then list[#list + 1] = name end
  end
  return list
end

local function unknown(where, name, rows, of_all)
  local near = closest(name, rows)
  local message = ("%s: %s has a column %s%s"):format(where,
    of_all and "no watched table" or "none of these tables", name,
    near and ("; is %s meant?"):format(near) or "")
  return core.error("schema", message, UNDEFINED_COLUMN,
    { code = "no_column", column = name, closest = near })
end

-- The tables that are meant, as an SQL array of oids; nil: all that are captured.
local function relations(filter, all)
  if not filter.tables then return nil end
  local list = {}
  for _, one in ipairs(all) do
    for oid in pairs(one.captured) do list[#list + 1] = ("%.0f"):format(oid) end
  end
  return arrays.write(list)
end

--- Looks whether the columns are there; or are named by a change in the log, as one is that a table
-- had once. Where no table is captured, or rows are wanted that are no table's, nothing is known of
-- them, and nothing is refused.
-- @param conn the connection
-- @string where name of the public function
-- @tparam table filter as of `forgelog.tables.names`: `columns`, `tables`, `channels`
-- @tparam table all what the names of its tables mean: each with `captured`, by oid
-- @return true; or nil and an error, code "no_column"
return function(conn, where, filter, all)
  if not (filter.columns and filter.columns[1]) or filter.channels then return true end
  local rows, err = conn:run("tables.columns", relations(filter, all))
  if not rows then return nil, err end
  if not rows[1] then return true end
  local left = missing(filter.columns, rows)
  if not left[1] then return true end
  local logged
  logged, err = conn:run("tables.column_logged", arrays.write(left))
  if not logged then return nil, err end
  left = missing(left, logged)
  if not left[1] then return true end
  return nil, unknown(where, left[1], rows, not filter.tables)
end
