--- Random ALTERs of tables that are watched, and watching them anew.
-- @module support.property.ddl
local make = require "support.property.make"
local shadow = require "support.property.shadow"
local types = require "support.property.types"

local ddl = {}

local quoted = shadow.quoted

local function alter(about, format, ...)
  return ("ALTER TABLE %s " .. format):format(about.quoted, ...)
end

-- A column that may be altered.
local function column(r, about)
  local list = {}
  for _, each in ipairs(about.columns) do
    if each.name ~= "tag" and each.name ~= "part" then list[#list + 1] = each end
  end
  return list[1] and r:pick(list)
end

local function taken(about)
  local set = { tag = true, part = true, extra = true }
  for _, each in ipairs(about.columns) do set[each.name] = true end
  return set
end

local function add(r, world, _, about)
  local text = make.column(r, make.name(r, taken(about)), r:pick(world.types))
  return alter(about, "ADD COLUMN ") .. text
end

local function drop(r, _, _, about)
  local which = column(r, about)
  return which and alter(about, "DROP COLUMN %s CASCADE", quoted(which.name))
end

-- Another column gets the name at once.
local function replace(r, world, _, about)
  local which = column(r, about)
  return which and ("%s; %s"):format(alter(about, "DROP COLUMN %s CASCADE", quoted(which.name)),
    alter(about, "ADD COLUMN ") .. make.column(r, which.name, r:pick(world.types)))
end

local function rename(r, _, _, about)
  local which = column(r, about)
  return which and alter(about, "RENAME COLUMN %s TO %s", quoted(which.name),
    quoted(make.name(r, taken(about))))
end

local function swap(r, _, _, about)
  local a, b = column(r, about), column(r, about)
  if not a or a.name == b.name then return nil end
  return table.concat({ alter(about, 'RENAME COLUMN %s TO "t m p"', quoted(a.name)),
    alter(about, "RENAME COLUMN %s TO %s", quoted(b.name), quoted(a.name)),
    alter(about, 'RENAME COLUMN "t m p" TO %s', quoted(b.name)) }, "; ")
end

local function retype(r, world, _, about)
  local which = column(r, about)
  if not which then return nil end
  local name = quoted(which.name)
  if r:chance(50) then
    return alter(about, "ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %s TYPE text USING %s::text",
      name, name, name)
  end
  local type = r:pick(world.types)
  return alter(about, "ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %s TYPE ", name, name)
    .. type.sql .. " USING " .. types.value(r, type)
end

local function drop_key(_, world, session, about, unit)
  if unit.identity then return nil end
  local log = session.inner and session.log or world.log
  local rows = world.must(log, [[SELECT conname AS name FROM pg_catalog.pg_constraint
    WHERE conrelid = $1::int8::oid AND contype = 'p']], unit.oid)
  return rows[1] and alter(about, "DROP CONSTRAINT %s", quoted(rows[1].name))
end

local function add_key(r, world, session, about, unit)
  if unit.identity then return nil end
  local list = { "tag" }
  if unit.parts[1] then table.insert(list, r:int(1, 2), "part") end
  for _ = 1, r:int(0, 2) do
    local which = column(r, about)
    if which and which.name ~= list[#list] and which.name ~= list[1] then
      table.insert(list, r:int(1, #list + 1), which.name)
    end
  end
  for i, name in ipairs(list) do list[i] = quoted(name) end
  local text = alter(about, "ADD PRIMARY KEY (%s)", table.concat(list, ", "))
  local gone = drop_key(r, world, session, about, unit)
  return gone and gone .. "; " .. text or text
end

local function rename_table(r, world, _, about)
  world.renames = world.renames + 1
  local name = r:pick({ "t", "T a", "x.y", 'q"t', "t,u", "it's", "%s" }) .. world.renames
  return alter(about, "RENAME TO %s", quoted(name))
end

local function set_schema(r, _, _, about)
  return alter(about, "SET SCHEMA %s", r:pick({ "public", "s2", '"odd.Schema"' }))
end

local function detach(r, world, session, about, unit)
  if not unit.parts[1] then return nil end
  local part = r:pick(unit.parts)
  local at = shadow.describe(session.inner and session.log or world.log, part.oid)
  return at and alter(about, "DETACH PARTITION %s", at.quoted), part
end

local function attach(r, world, session, about, unit)
  for _, part in ipairs(unit.parts) do
    local at = shadow.describe(session.inner and session.log or world.log, part.oid)
    local text = at and alter(about, "ATTACH PARTITION %s %s", at.quoted, part.bound)
    if text and r:chance(50) then return text end
  end
end

-- Another replica identity, with which a key that is made later is not known to transactions with
-- a snapshot from before: from then on the key stays.
local function identity(r, _, _, about, unit)
  unit.identity = true
  return alter(about, "REPLICA IDENTITY %s", r:pick({ "FULL", "NOTHING" }))
end

-- What changes nothing of the columns.
local function other(r, _, _, about)
  local which = r:pick(about.columns)
  local name = quoted(which.name)
  return r:pick({
    alter(about, "ALTER COLUMN %s SET STATISTICS 10", name),
    alter(about, "ALTER COLUMN %s SET STORAGE EXTERNAL", name),
    alter(about, "ALTER COLUMN %s DROP NOT NULL", name),
    alter(about, "ALTER COLUMN %s SET NOT NULL", name),
    ("CREATE INDEX ON %s (tag)"):format(about.quoted),
    ("COMMENT ON TABLE %s IS 'x'"):format(about.quoted),
    'ALTER TYPE public.spec_pair RENAME ATTRIBUTE b TO "b x"',
    "ALTER TYPE public.spec_mood ADD VALUE IF NOT EXISTS 'new'",
    ("ANALYZE %s"):format(about.quoted),
  })
end

local WAYS = { { add, 14 }, { drop, 10 }, { replace, 8 }, { rename, 10 }, { swap, 6 },
  { retype, 12 }, { drop_key, 5 }, { add_key, 10 }, { rename_table, 5 }, { set_schema, 5 },
  { detach, 8 }, { attach, 8 }, { other, 8 }, { identity, 2 } }

--- An ALTER of a table.
-- @param about the table as the session sees it
-- @treturn string SQL
function ddl.statement(r, world, session, about, unit)
  while true do
    local sql = r:weighed(WAYS)(r, world, session, about, unit)
    if sql then return sql end
  end
end

return ddl
