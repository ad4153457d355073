--- Random statements that write rows.
-- @module support.property.dml
local shadow = require "support.property.shadow"
local types = require "support.property.types"

local dml = {}

local quoted = shadow.quoted

-- A value for a column, as SQL.
local function value(r, world, column)
  if not column.not_null and r:chance(15) then return "NULL" end
  if r:chance(4) then return "DEFAULT" end
  if column.name == "part" then return tostring(r:int(0, 4)) end
  return types.value(r, world.by_oid[column.type])
end

local function writable(about)
  local list = {}
  for _, column in ipairs(about.columns) do
    if column.generated == "" and column.name ~= "tag" then list[#list + 1] = column end
  end
  return list
end

local function names_of(list)
  local names = {}
  for i, column in ipairs(list) do names[i] = quoted(column.name) end
  return table.concat(names, ", ")
end

-- Columns of a new row: those that must be given, and some others.
local function given(r, about)
  local list, some = {}, r:pick({ 100, 80, 40 })
  for _, column in ipairs(writable(about)) do
    if column.not_null or r:chance(some) then list[#list + 1] = column end
  end
  return list
end

local function rows(r, world, list, count)
  local texts = {}
  for i = 1, count do
    local values = {}
    for at, column in ipairs(list) do values[at] = value(r, world, column) end
    texts[i] = "(" .. table.concat(values, ", ") .. ")"
  end
  return table.concat(texts, ", ")
end

-- Where a statement is aimed: at the table, or at a partition of it.
local function target(r, world, session, unit, about)
  if unit.parts[1] and r:chance(25) then
    local at = shadow.describe(session.inner and session.log or world.log, r:pick(unit.parts).oid)
    if at then return at.quoted end
  end
  return (unit.kind == "inherit" and r:chance(40) and "ONLY " or "") .. about.quoted
end

local function tags(r, view, count)
  local list = {}
  for tag in pairs(view.rows) do list[#list + 1] = tag end
  table.sort(list)
  return r:some(list, count or r:pick({ 1, 1, 2, 5 }))
end

local function where(r, view)
  local list = tags(r, view)
  local way = r:int(1, 10)
  if way <= 6 and list[1] then return ("tag IN (%s)"):format(table.concat(list, ", ")) end
  if way <= 8 then return ("tag %% %d = 0"):format(r:int(2, 4)) end
  return way == 9 and "false" or "true"
end

local function plain_insert(r, world, session, unit, view)
  local list = given(r, view.about)
  local into = target(r, world, session, unit, view.about):gsub("^ONLY ", "")
  if #list == 0 then return ("INSERT INTO %s DEFAULT VALUES RETURNING tag"):format(into) end
  return ("INSERT INTO %s (%s) VALUES %s RETURNING tag"):format(into, names_of(list),
    rows(r, world, list, r:pick({ 1, 1, 2, 3, 8 })))
end

local function copy(r, _, _, _, view)
  local list = writable(view.about)
  if #list == 0 then return nil end
  return ("INSERT INTO %s (%s) SELECT %s FROM %s WHERE %s LIMIT 5 RETURNING tag"):format(
    view.about.quoted, names_of(list), names_of(list), view.about.quoted, where(r, view))
end

-- What an UPDATE sets a column to.
local function setting(r, world, view, column)
  local name, way = quoted(column.name), r:int(1, 10)
  if way <= 2 then return name end
  if way == 3 and not column.not_null then return "NULL" end
  if way <= 6 and (column.type == 23 or column.type == 20) then return name .. " + 1" end
  if way <= 8 then
    local cases = {}
    for _, tag in ipairs(tags(r, view)) do
      local new = value(r, world, column)
      if new ~= "DEFAULT" then cases[#cases + 1] = ("WHEN %s THEN %s"):format(tag, new) end
    end
    if cases[1] then
      return ("CASE tag %s ELSE %s END"):format(table.concat(cases, " "), name)
    end
  end
  return value(r, world, column)
end

local function settings(r, world, view)
  local list = r:some(writable(view.about), r:pick({ 1, 1, 2, 5, 40 }))
  local texts = {}
  for i, column in ipairs(list) do
    texts[i] = quoted(column.name) .. " = " .. setting(r, world, view, column)
  end
  return texts[1] and table.concat(texts, ", ")
end

local function update(r, world, session, unit, view)
  local set = settings(r, world, view)
  if not set then return nil end
  return ("UPDATE %s SET %s WHERE %s RETURNING tag"):format(
    target(r, world, session, unit, view.about), set, where(r, view))
end

-- Rows take each other's keys: one that of the next, and the last one another; or, where a key is
-- checked at the end of the statement, two rows swap.
local function shift(r, world, _, _, view)
  local key = view.about.key[1]
  local list = tags(r, view, 3)
  if #view.about.key ~= 1 or key.name == "tag" or not list[2] then return nil end
  if key.generated ~= "" then return nil end
  local cases, cast = {}, "::" .. world.by_oid[key.type].cast
  local last = view.about.immediate and value(r, world, key)
    or types.literal(view.rows[list[1]].key) .. cast
  if last == "DEFAULT" then return nil end
  for i, tag in ipairs(list) do
    local other = list[i + 1] and view.rows[list[i + 1]]
    cases[i] = ("WHEN %s THEN %s"):format(tag, other and types.literal(other.key) .. cast or last)
  end
  return ("UPDATE %s SET %s = CASE tag %s END WHERE tag IN (%s) RETURNING tag"):format(
    view.about.quoted, quoted(key.name), table.concat(cases, " "), table.concat(list, ", "))
end

local function delete(r, world, session, unit, view)
  return ("DELETE FROM %s WHERE %s RETURNING tag"):format(
    target(r, world, session, unit, view.about), where(r, view))
end

local function upsert(r, world, _, _, view)
  local about = view.about
  if #about.key == 0 or not about.immediate then return nil end
  local list = given(r, about)
  local action = "NOTHING"
  local others = r:some(list, r:int(1, 3))
  if others[1] and r:chance(75) then
    local texts = {}
    for i, column in ipairs(others) do
      texts[i] = quoted(column.name) .. " = excluded." .. quoted(column.name)
    end
    action = "UPDATE SET " .. table.concat(texts, ", ")
  end
  if #list == 0 then return nil end
  return ("INSERT INTO %s (%s) VALUES %s ON CONFLICT (%s) DO %s RETURNING tag"):format(
    about.quoted, names_of(list), rows(r, world, list, r:int(1, 4)), names_of(about.key), action)
end

local function merge(r, world, _, _, view)
  if world.version < 150000 then return nil end
  local set, list = settings(r, world, view), given(r, view.about)
  if not set or #list == 0 then return nil end
  local values = rows(r, world, list, 1)
  local wanted = table.concat(tags(r, view), "), (")
  return ([[MERGE INTO %s t USING (VALUES (-1::bigint), (%s)) v(wanted) ON t.tag = v.wanted
    WHEN MATCHED AND t.tag %% 3 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET %s
    WHEN NOT MATCHED THEN INSERT (%s) VALUES %s]]):format(view.about.quoted,
    wanted == "" and "-2" or wanted, (set:gsub("CASE tag ", "CASE t.tag ")), names_of(list), values)
end

local function truncate(r, _, _, unit, view)
  if unit.kind == "hand" then return nil end
  if unit.kind == "inherit" and r:chance(50) then return "TRUNCATE ONLY " .. view.about.quoted end
  return "TRUNCATE " .. view.about.quoted
end

local WAYS = { { plain_insert, 30 }, { copy, 4 }, { update, 35 }, { delete, 8 }, { upsert, 10 },
  { merge, 5 }, { shift, 8 }, { truncate, 2 } }

--- A statement that writes a table.
-- @param view what the table holds as the session sees it, or nearly so
-- @treturn table `sql`, `unit`, `truncates` (set of units), `known` (it returns the tags of the
-- rows that it touched)
function dml.statement(r, world, session, unit, view)
  while true do
    local way = r:weighed(WAYS)
    local sql = way(r, world, session, unit, view)
    if sql then
      local made = { sql = sql, unit = unit, known = way ~= merge, truncates = {} }
      if way == truncate then
        for _, member in ipairs(sql:find("TRUNCATE ONLY", 1, true) and { unit } or unit.family) do
          made.truncates[member] = true
        end
      end
      return made
    end
  end
end

return dml
