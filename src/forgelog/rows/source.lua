--- A table whose rows are read: what it is called, its key, the columns whose values are wanted. It
-- is known by its oid, and looked up again where it has changed.
-- @module forgelog.rows.source
local core = require "forgelog.core"
local inspect = require "forgelog.tables.inspect"
local list_key = require "forgelog.key"
local names = require "forgelog.tables.names"
local sql = require "forgelog.connection.sql"
local uncompiled = require "forgelog.connection.uncompiled"
local under = require "forgelog.connection.under"

local UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703" -- SQLSTATEs
local NO_RIGHT = "42501"

local source = {}

--- The connection, for statements that print values as the log has them.
function source.pinned(conn)
  return under(conn, sql.statement("rows.pin", ""), sql.statement("rows.begin", "") .. "\n")
end

local function failure(code, sqlstate, message, ...)
  return core.error("schema", message:format(...), sqlstate, { code = code })
end

--- The error of a statement, with what is lacking where it is a right.
-- @tparam table s the source
-- @param err of the statement
-- @return an error
function source.explained(s, err)
  if err.kind ~= "query" or err.sqlstate ~= NO_RIGHT then return err end
  return failure("missing_right", NO_RIGHT,
    "%s: %s; it takes SELECT on the columns of the key and those to keep", s.where, err.message)
end

local KINDS = { v = "a view", m = "a materialized view", f = "a foreign table",
  S = "a sequence", i = "an index", c = "a type", t = "a TOAST table", I = "an index" }

-- ---- the columns to keep ----

local function list_of(text)
  local list = {}
  for name in (text or ""):gmatch("[^\1]+") do list[#list + 1] = name end
  return list
end

-- Those that watch keeps, as far as the table has them; nil where it keeps none.
local function watched(conn, first, has)
  local rows, err = uncompiled(conn):run("tables.triggers", first.speaker)
  if not rows then return nil, err end
  local own, list = {}, {}
  for _, row in ipairs(rows) do
    if row.oid == first.speaker and row.trigger ~= inspect.PARTITION_TRIGGER then
      own[#own + 1] = row
    end
  end
  if #own == 0 then return nil end
  for _, name in ipairs(inspect.describe(own).keep) do
    if has[name] then list[#list + 1] = name end
  end
  return #list > 0 and list or nil
end

local function kept(conn, s, first)
  local has = {}
  for _, name in ipairs(list_of(first.columns)) do has[name] = true end
  if s.wanted == true then return watched(conn, first, has) end
  for _, name in ipairs(s.wanted or {}) do
    if not has[name] then
      return nil, failure("no_column", UNDEFINED_COLUMN, "%s: %s has no column %s to keep", s.where,
        first.name, name)
    end
  end
  return s.wanted
end

-- ---- the table ----

-- Why its rows cannot be read; nil where they can.
local function obstacle(s, rows)
  local first = rows[1]
  if not first then
    return failure("no_table", UNDEFINED_TABLE, "%s: the table %s is gone", s.where, s.name)
  elseif KINDS[first.kind] then
    return failure("not_a_table", nil, "%s: %s is %s; read the tables behind it", s.where,
      first.name, KINDS[first.kind])
  elseif first.hidden then
    return failure("row_security", NO_RIGHT, "%s: row level security on %s may hide rows from this "
      .. "role; give it a policy that hides none (USING (true)), or the attribute BYPASSRLS",
      s.where, first.quoted)
  end
  for _, row in ipairs(rows) do
    if row.place and not row.greater then
      return failure("unsafe_key", nil, "%s: the primary key of %s has an index that is none of "
        .. "type btree, so that it has no order to read rows in", s.where, first.name)
    elseif row.checked then
      return failure("unsafe_key", nil, "%s: the type of column %s of the key of %s has a domain "
        .. "within it, whose checks would run with the rights of this role", s.where, row.column,
        first.name)
    end
  end
end

-- What a key is, as text; nil where there is none.
local function order_of(columns)
  local parts = {}
  for i, column in ipairs(columns) do
    parts[i] = ("%.0f:%.0f:%.0f"):format(column.number, column.type_oid, column.collation_oid)
  end
  return parts[1] and table.concat(parts, " ")
end

local function take(s, rows, columns, keep)
  local first = rows[1]
  s.name, s.quoted, s.kind, s.keep = first.name, first.quoted, first.kind, keep
  s.speaker = first.speaker
  s.columns, s.shape = columns, first.shape
  s.key, s.types = columns[1] and {} or nil, columns[1] and {} or nil
  for i, column in ipairs(columns) do s.key[i], s.types[i] = column.column, column.type end
end

--- Looks the table up again.
-- @param conn the connection
-- @tparam table s the source, which is changed
-- @bool under_way whether rows were read of it: then its key must not be another one
-- @return true; or nil and an error
function source.refresh(conn, s, under_way)
  local text = sql.fill("rows.table", { schema = s.schema, relation = ("%.0f"):format(s.oid) })
  local rows, err = source.pinned(conn):ask(true, text)
  if not rows then return nil, err end
  err = obstacle(s, rows)
  if err then return nil, err end
  local columns = rows[1].place and rows or {}
  if under_way and order_of(s.columns) ~= order_of(columns) then
    return nil, failure("key_changed", nil, "%s: the primary key of %s is another one now; read "
      .. "the table from its beginning", s.where, rows[1].name)
  end
  local keep
  keep, err = kept(conn, s, rows[1])
  if err then return nil, err end
  take(s, rows, columns, keep)
  return true
end

--- Finds a table. (`forgelog.rows.source`)
function source.find(conn, where, name, keep, oid)
  local err
  if not oid then oid, err = names.table(conn, where, name) end
  if not oid then return nil, err end
  local s = { where = where, name = name, oid = oid, wanted = keep, columns = {},
    schema = conn:fact("schema") }
  local ok
  ok, err = source.refresh(conn, s)
  if not ok then return nil, err end
  return s
end

--- What a table's key is: columns, types and collations, so that a key of before is a place in its
-- order as long as it stays the same.
-- @tparam table s the source
-- @treturn ?string nil: it has none
function source.order(s) return order_of(s.columns) end

--- The error for what is no key of a table. (`forgelog.rows.no_key`)
function source.no_key(s, after, sqlstate)
  return failure("bad_key", sqlstate, "%s: the key of %s has the columns (%s); %s is none", s.where,
    s.name, table.concat(s.key, ", "), type(after) == "string" and after
      or "{" .. table.concat(after, ", ") .. "}")
end

--- A place in the order of a table's key. (`forgelog.rows.key`)
function source.key_of(s, after)
  if after == nil then return nil end
  if not s.key then
    local message = "%s: %s has no primary key to go on behind"
    return nil, failure("bad_key", nil, message, s.where, s.name)
  end
  local key = after
  if type(after) == "string" then key = list_key({ row_id = after, key_cols = #s.key }) end
  if #key == #s.key then return key end
  return nil, source.no_key(s, after)
end

return source
