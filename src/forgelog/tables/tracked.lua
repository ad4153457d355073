--- Which tables the names mean that a drain, a feed or a consumer was given, and how the log called
-- each of them last: so that a name which one of them gets later is noticed before changes under it
-- are passed over. All of it is in the memory of `forgelog.tables.names`.
-- @module forgelog.tables.tracked
local arrays = require "forgelog.connection.arrays"
local uncompiled = require "forgelog.connection.uncompiled"

local tracked = {}

local function key_of(relation) return ("%.0f"):format(relation) end

-- Has a table be among those that a name means. Until what is above it is asked for it counts as no
-- partition. Once it is one, its triggers are asked for too, and found to be others than before.
local function track(memory, relation, called, name)
  local key = key_of(relation)
  local meant = memory.tables[key] or { by = {}, own = {}, names = {}, above = "" }
  memory.tables[key], meant.called, meant.by[name], meant.names[called] = meant, called, true, true
  return meant
end

--- Remembers what was found out about names: whether each was known, which tables it means, and
-- under which names their changes are wanted.
-- @tparam table all what the names mean, each with `name`, `known`, `oid` and `own` (the table of
-- that name, and how the log would call it), `captured` (from oid to how that is called), `has` (a
-- set of names)
-- @tparam table memory of `forgelog.tables.names`
function tracked.remember(all, memory)
  memory.known, memory.tables = memory.known or {}, memory.tables or {}
  memory.wanted = memory.wanted or {}
  for _, one in ipairs(all) do
    memory.known[one.name] = one.known or memory.known[one.name]
    memory.wanted[one.name] = one.has
    if one.oid then track(memory, one.oid, one.own, one.name).own[one.name] = true end
    for relation, called in pairs(one.captured) do track(memory, relation, called, one.name) end
  end
end

local function add_name(memory, name, called)
  memory.renamed = memory.renamed or {}
  memory.renamed[name] = memory.renamed[name] or {}
  table.insert(memory.renamed[name], called)
end

-- Adds the tables in whose name changes of some others are logged now. Returns whether changes
-- under one of these names were not wanted before; or nil and an error.
local function add_speakers(conn, memory, list)
  if not list[1] then return false end
  local rows, err = uncompiled(conn):run("tables.speakers", arrays.write(list))
  if not rows then return nil, err end
  local differs = false
  for _, row in ipairs(rows) do
    for name in pairs(memory.tables[key_of(row.relation)].by) do
      track(memory, row.speaker, row.name, name)
      if not memory.wanted[name][row.name] then
        add_name(memory, name, row.name)
        differs = true
      end
    end
  end
  return differs
end

--- Whether changes of the tables are logged under other names by now: see
-- `forgelog.tables.names.changed`.
-- @param conn the connection
-- @tparam table memory of `forgelog.tables.names`
-- @return a boolean; or nil and an error, after which the same is found again
function tracked.changed(conn, memory)
  local relations, called, above, statement = {}, {}, {}, "tables.called"
  for key, meant in pairs(memory.tables or {}) do
    local i = #relations + 1
    relations[i], called[i], above[i] = key, meant.called, meant.above
    if meant.above ~= "" then statement = "tables.called_below" end
  end
  if #relations == 0 then return false end
  local rows, err = conn:run(statement, arrays.write(relations), arrays.write(called),
    arrays.write(above))
  if not rows then return nil, err end
  local moved = {}
  for _, row in ipairs(rows) do
    local key = key_of(row.relation)
    if row.above ~= memory.tables[key].above then moved[#moved + 1] = key end
  end
  local differs
  differs, err = add_speakers(conn, memory, moved)
  if differs == nil then return nil, err end
  for _, row in ipairs(rows) do
    local meant = memory.tables[key_of(row.relation)]
    meant.above = row.above
    if row.renamed then
      differs = true
      for name in pairs(meant.by) do
        add_name(memory, name, meant.called)
        add_name(memory, name, row.name)
      end
      meant.called, meant.names[row.name] = row.name, true
    end
  end
  return differs
end

-- The tables of the memory that have a text in one of their sets, as a list of oids.
local function having(memory, set, text)
  local list = {}
  for key, meant in pairs(memory.tables or {}) do
    if meant[set][text] then list[#list + 1] = tonumber(key) end
  end
  return list
end

--- The tables that a name that was given has meant, whatever they are called now; also such as are
-- gone.
-- @tparam table memory of `forgelog.tables.names`
-- @string name
-- @return a list of their oids
function tracked.meant_by(memory, name) return having(memory, "own", name) end

--- The tables that the log has called so, likewise.
-- @tparam table memory of `forgelog.tables.names`
-- @string logged the name in the log
-- @return a list of their oids
function tracked.called(memory, logged) return having(memory, "names", logged) end

return tracked
