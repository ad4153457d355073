--- Finding the table that a name means, and whether it can be watched.
-- @module forgelog.tables.find
local closest = require "forgelog.tables.closest"
local core = require "forgelog.core"
local uncompiled = require "forgelog.connection.uncompiled"

local UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703" -- SQLSTATEs
local MANY = 10000 -- tables among which a close name is looked for

local find = {}

local function refusal(code, message, fields)
  fields = fields or {}
  fields.code = code
  return core.error("schema", message, fields.sqlstate, fields)
end

-- What follows the identifier that a text begins with; nil where it begins with none.
local function after_identifier(text)
  if text:sub(1, 1) ~= '"' then return text:match("^[%a_\128-\255][%w_$\128-\255]*(.*)$") end
  local at = 2
  while true do
    local quote = text:find('"', at, true)
    if not quote then return nil end
    if text:sub(quote + 1, quote + 1) ~= '"' then
      return quote > 2 and text:sub(quote + 1) or nil -- an empty name is none
    end
    at = quote + 2 -- a quote inside quotes
  end
end

--- A name as SQL has it.
-- @string name such as `a`, `s.a`, `"A b".c`
-- @return the name; nil for one that can only be meant exactly
function find.as_sql(name)
  local rest = after_identifier(name)
  if rest and rest:find("^%.") then rest = after_identifier(rest:sub(2)) end
  return rest == "" and name or nil
end

-- The error that there is none, which names the closest one.
local function no_table(conn, home, where, name)
  local rows = uncompiled(conn):run_in(home, "tables.there", MANY)
  local near = rows and closest(name, rows)
  return refusal("no_table", ("%s: there is no table %s here%s"):format(where, name,
    near and ("; is %s meant?"):format(near) or ""), { sqlstate = UNDEFINED_TABLE, closest = near })
end

--- The table that a name means.
-- @param conn the connection
-- @string where name of the public function
-- @string name as a user gives it
-- @return a row of sql/tables/find.sql with `home`, the log's schema; or nil and an error
function find.table(conn, where, name)
  local home, err = conn:schema_name()
  if not home then return nil, err end
  local rows
  rows, err = uncompiled(conn):run_in(home, "tables.find", find.as_sql(name), name)
  if not rows then return nil, err end
  local found = rows[1]
  if not found then return nil, no_table(conn, home, where, name) end
  found.home = home
  return found
end

local KINDS = { v = "a view", m = "a materialized view", f = "a foreign table" }

-- Whether options are given, and not those of a table that is watched as before.
local function has_options(wanted)
  return not wanted.as_before
    and (#wanted.ignore > 0 or #wanted.keep > 0 or wanted.unlogged or not wanted.notify)
end

-- Why a relation is no table of a user's: a code and the rest of a sentence; nil where it is one.
local function not_a_table(found, where)
  if KINDS[found.kind] then
    return "not_a_table", ("is %s; %s the tables behind it"):format(KINDS[found.kind], where)
  elseif found.catalog then
    return "catalog", "is a system catalog"
  elseif found.own then
    return "own_table", "is part of the log itself"
  end
end

-- Why a table cannot be watched, likewise.
local function unwatchable(found, wanted)
  local code, reason = not_a_table(found, "watch")
  if code then
    return code, reason
  elseif found.temporary then
    return "temporary", "is a temporary table"
  elseif found.ancestor and has_options(wanted) then
    return "covered", ("is covered by %s, which is watched; give options there"):format(
      found.ancestor)
  elseif found.unlogged and not wanted.unlogged then
    local text = "is unlogged%s: a crash empties it without a change in the log; ALTER TABLE %s "
      .. "SET LOGGED, or watch it with the option unlogged"
    local of = found.unlogged == found.quoted and "" or (" in part (%s)"):format(found.unlogged)
    return "unlogged", text:format(of, found.unlogged)
  elseif found.elsewhere then
    local text = "is watched by the log in schema %s already, and a table is watched by one log at "
      .. "a time; unwatch it there first"
    return "other_log", text:format(found.elsewhere)
  elseif found.by_hand then
    local text = "has the row trigger %s already, and would be logged twice; drop that trigger "
      .. "first"
    return "by_hand", text:format(found.by_hand)
  end
end

-- The first of some columns that the table does not have; nil where it has them all.
local function unknown_column(found, columns)
  local has = {}
  for name in found.columns:gmatch("%d+:([^\1]+)") do has[name] = true end
  for _, column in ipairs(columns) do
    if not has[column] then return column end
  end
end

-- The column among those of a table that is closest to a name; nil: none is.
local function near(found, name)
  local rows = {}
  for column in found.columns:gmatch("%d+:([^\1]+)") do rows[#rows + 1] = { name = column } end
  return closest(name, rows)
end

local function is_virtual(found, column)
  return ("\1" .. (found.virtual or "") .. "\1"):find("\1" .. column .. "\1", 1, true)
end

--- Whether a table can be touched. One that no trigger can watch can be, where it has rows of its
-- own.
-- @tparam table found of `table`
-- @return true; or nil and an error
function find.admit_touch(found)
  local code, reason = not_a_table(found, "touch")
  if not code or found.kind == "f" then return true end
  return nil, refusal(code, ("touch: %s %s"):format(found.name, reason))
end

--- Whether a table can be watched with these options.
-- @tparam table found of `table`
-- @tparam table wanted `ignore`, `keep` (lists of columns), `notify`, `unlogged`, `as_before`
-- (true: columns that are gone are no matter)
-- @return true; or nil and an error
function find.admit(found, wanted)
  local code, reason = unwatchable(found, wanted)
  if code then return nil, refusal(code, ("watch: %s %s"):format(found.name, reason)) end
  if not found.installed then
    local message = "the log in schema %s has no capture functions of this version"
    return nil, refusal("no_functions", message:format(found.home), { remedy = "install" })
  end
  if found.stranger then
    local message = "functions of the log in schema %s belong to role %s, and would run with the "
      .. "rights of a superuser; watch as that role"
    return nil, refusal("foreign_object", message:format(found.home, found.stranger))
  end
  for what, columns in pairs({ ignore = wanted.ignore, keep = wanted.keep }) do
    local column = unknown_column(found, columns)
    if column and not wanted.as_before then
      local meant = near(found, column)
      local message = ("watch: %s has no column %s to %s%s"):format(found.name, column, what,
        meant and ("; is %s meant?"):format(meant) or "")
      if is_virtual(found, column) then
        message = ("watch: no trigger knows what %s of %s is, a virtual generated column; there is "
          .. "nothing to %s"):format(column, found.name, what)
      end
      return nil, refusal("no_column", message, { sqlstate = UNDEFINED_COLUMN, option = what,
        closest = meant })
    end
  end
  return true
end

return find
