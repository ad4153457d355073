--- Random tables, and the ways in which they are captured.
-- @module support.property.make
local shadow = require "support.property.shadow"
local types = require "support.property.types"

local make = {}

local quoted = shadow.quoted

local NAMES = { "a", "b", "Old", "new", "old", "n", "o", "r", "s", "step", "place", "op", "c,d",
  'q"uote', "it's", "\195\188n\195\175", "~1", "~2", "select", "record", "old_rows", "new_rows",
  "%s", "%1$s", "$1", "@schema@", "sp ace", "back\\slash", "tab\tx", "txid", "row_id", "names",
  "table_name", "{", "}", ("x"):rep(63), "null", "forge", "logged", "rel", "tags", "home", "$$" }

--- A name that a column has not.
-- @tparam table taken set of names; the new one is added
function make.name(r, taken)
  for _ = 1, 20 do
    local name = r:pick(NAMES)
    if not taken[name] then
      taken[name] = true
      return name
    end
  end
  local number = 1
  while taken["c" .. number] do number = number + 1 end
  taken["c" .. number] = true
  return "c" .. number
end

--- How a column is defined.
function make.column(r, name, type)
  local text = quoted(name) .. " " .. type.sql
  if r:chance(12) then text = text .. " DEFAULT " .. types.value(r, type) end
  return text
end

-- A column that is computed from another.
local function generated(r, world, name, from)
  local expressions = { "num_nulls(%s)", "(num_nonnulls(%s) > 0)" }
  local pick = r:int(1, 2)
  local may_be_virtual = world.version >= 180000 and not from.type.sql:find("public.", 1, true)
  return ("%s %s GENERATED ALWAYS AS (%s) %s"):format(quoted(name), pick == 1 and "int" or "bool",
    expressions[pick]:format(quoted(from.name)), may_be_virtual and r:chance(50) and "VIRTUAL"
      or "STORED")
end

-- Columns, one of them the tag by which the model knows a row; names of those that can be keys.
local function columns(r, world)
  local list, taken, keys = {}, { tag = true, part = true, extra = true }, {}
  local plain = {}
  for _ = 1, r:int(0, r:pick({ 3, 3, 8, 15, 39 })) do
    local name = make.name(r, taken)
    if plain[1] and r:chance(8) then
      list[#list + 1] = generated(r, world, name, r:pick(plain))
    else
      local type = r:pick(world.types)
      local text = make.column(r, name, type)
      if type.key then keys[#keys + 1] = name end
      list[#list + 1], plain[#plain + 1] = text, { name = name, type = type }
    end
  end
  table.insert(list, r:int(1, #list + 1), "tag bigint DEFAULT nextval('public.spec_tags')")
  if r:chance(25) then keys = { "tag" } end
  return list, keys, taken
end

local function primary_key(r, keys, kind, late)
  if #keys == 0 then return nil end
  local names = {}
  for i, name in ipairs(keys) do names[i] = quoted(name) end
  local text = "PRIMARY KEY (" .. table.concat(names, ", ") .. ")"
  if kind ~= "partitioned" and r:chance(10) and not text:find("%Wtag%W") then
    text = text .. " INCLUDE (tag)"
  end
  -- Not one that is checked at COMMIT: inside the transaction two rows may have one key. Nor one of
  -- a late table: transactions with a snapshot from before do not know that key.
  return text .. (r:chance(20) and not late and " DEFERRABLE" or "")
end

local function oid_of(world, name)
  return world.must(world.log, "SELECT to_regclass($1::text)::oid::int8 AS oid", name)[1].oid
end

--- Makes a unit known: a table with what the model needs of it.
local function add_unit(world, name, fields)
  local unit = { oid = oid_of(world, name), keep = {}, ignore = {}, parts = {}, detached = {} }
  for key, value in pairs(fields) do unit[key] = value end
  world.units[#world.units + 1] = unit
  return unit
end

local function partitions(r, world, unit, name, list, key)
  local ways = unit.kind == "list" and { "IN (0)", "IN (1, 2)", "DEFAULT" }
    or { "WITH (MODULUS 2, REMAINDER 0)", "WITH (MODULUS 2, REMAINDER 1)" }
  for i, way in ipairs(ways) do
    local child = ("%s_p%d%s"):format(name, i, world.number)
    local bound = way == "DEFAULT" and way or "FOR VALUES " .. way
    if r:chance(50) then
      -- Its columns stand in another order, and one was dropped.
      local other = { "gone int" }
      for at = #list, 1, -1 do other[#other + 1] = list[at] end
      other[#other + 1] = key
      world.must(world.log, ([[CREATE TABLE %s (%s); ALTER TABLE %s DROP COLUMN gone;
        ALTER TABLE %s ATTACH PARTITION %s %s]]):format(child, table.concat(other, ", "), child,
        name, child, bound))
    else
      world.must(world.log, ("CREATE TABLE %s PARTITION OF %s %s"):format(child, name, bound))
    end
    unit.parts[#unit.parts + 1] = { oid = oid_of(world, child), bound = bound }
  end
end

-- An inheritance parent logs its own rows, and so does each child.
local function child(r, world, parent, name, keys, late)
  local extra, taken = {}, {}
  local type = r:pick(world.types)
  extra[1] = make.column(r, "extra", type)
  local key = primary_key(r, r:some(keys, r:int(0, 2)), nil, late)
  if key then extra[#extra + 1] = key end
  world.must(world.log, ("CREATE TABLE %s (%s) INHERITS (%s)"):format(name,
    table.concat(extra, ", "), parent.made))
  local unit = add_unit(world, name, { kind = "child", made = name, taken = taken })
  unit.family = { unit }
  parent.family = { parent, unit }
  return unit
end

--- Options of watch at random, for a table as it is described.
function make.options(r, about)
  local names = {}
  for _, column in ipairs(about.columns) do
    if column.generated ~= "v" then names[#names + 1] = column.name end
  end
  local opts = { notify = r:chance(70) }
  if r:chance(40) then opts.keep = r:some(names, r:int(1, 4)) end
  if r:chance(35) then opts.ignore = r:some(names, r:int(1, 4)) end
  opts.lock_timeout = 0.02
  return opts
end

--- Takes down the options that a unit was watched with.
function make.watched(unit, about, opts)
  unit.keep, unit.ignore = opts.keep or {}, {}
  for _, name in ipairs(opts.ignore or {}) do unit.ignore[about.by_name[name].number] = name end
end

local function capture(r, world, unit)
  local about = shadow.describe(world.log, unit.oid)
  if unit.kind == "hand" then
    local list = {}
    if r:chance(50) then list[1] = r:pick({ "quiet", "notify" }) end
    if list[1] and r:chance(40) then
      list[2] = r:pick(about.columns).name
      unit.ignore_by_name = list[2]
    end
    for i, text in ipairs(list) do list[i] = types.literal(text) end
    world.must(world.log, ("CREATE TRIGGER by_hand AFTER INSERT OR UPDATE OR DELETE ON %s "
      .. "FOR EACH ROW EXECUTE FUNCTION public.forge_notify_change(%s)"):format(about.quoted,
      table.concat(list, ", ")))
  else
    local opts = make.options(r, about)
    assert(world.log:watch(about.quoted, opts))
    make.watched(unit, about, opts)
  end
  world:refresh(unit)
end

--- Makes a table, or a family of tables, in the database of a world, and has it captured.
-- @param[opt] late whether transactions are open already
function make.table(r, world, late)
  world.number = world.number + 1
  local kind = r:weighed({ { "plain", 50 }, { "hand", 12 }, { "list", 12 }, { "hash", 10 },
    { "inherit", 16 } })
  local name = r:pick({ "public", "s2", '"odd.Schema"' }) .. ".t" .. world.number
  local list, keys, taken = columns(r, world)
  local chosen = r:some(keys, r:int(0, 3))
  local split = kind == "list" or kind == "hash"
  if split then
    table.insert(list, r:int(1, #list + 1), "part int NOT NULL DEFAULT 0")
    if chosen[1] then table.insert(chosen, r:int(1, #chosen + 1), "part") end
  end
  local key = primary_key(r, chosen, split and "partitioned", late)
  local all = table.concat(list, ", ") .. (key and ", " .. key or "")
  local text = ("CREATE TABLE %s (%s)%s"):format(name, all,
    split and (" PARTITION BY %s (part)"):format(kind:upper()) or "")
  table.insert(world.journal, kind .. ": " .. text)
  world.must(world.log, text)
  local unit = add_unit(world, name, { kind = kind, made = name, taken = taken })
  unit.family = { unit }
  if split then partitions(r, world, unit, name, list, key) end
  local other
  if kind == "inherit" then other = child(r, world, unit, name .. "c", keys, late) end
  capture(r, world, unit)
  if other then capture(r, world, other) end
  world.did.tables = world.did.tables + (other and 2 or 1)
  world.did.columns = world.did.columns + #list
end

return make
