--- Running statements that only read without having them compiled to machine code. PostgreSQL
-- decides on that by a plan's estimate, which for a statement about the catalog is often a thousand
-- times too high; compiling then takes half a second where running takes some milliseconds.
-- @module forgelog.connection.uncompiled
local core = require "forgelog.core"
local sql = require "forgelog.connection.sql"

local type_of_number = rawget(math, "type") or type -- a Lua with integers tells
local OFF = "SELECT pg_catalog.set_config('jit', 'off', true);\n"
local BEFORE = "SAVEPOINT forgelog_jit; " .. OFF
local AFTER = "ROLLBACK TO SAVEPOINT forgelog_jit; RELEASE SAVEPOINT forgelog_jit"

-- A parameter as SQL. Like a parameter's, its type is that of its place.
local function literal(value)
  if value == nil then return "NULL" end
  if type(value) == "number" and type_of_number(value) ~= "integer" then
    value = core.number_text(value)
  end
  return sql.literal(tostring(value))
end

-- Sent as one, both statements are one transaction, with which the setting ends, behind a pooler
-- too. The second is planned when the first one has been run.
local function alone(conn, numeric, text, count, ...)
  local values = { ... }
  return conn:ask(numeric, OFF .. (text:gsub("%$(%d+)", function(number)
    return tonumber(number) <= count and literal(values[tonumber(number)]) or nil
  end)))
end

-- In a transaction that is open already the setting would stay until its end.
local function in_transaction(conn, numeric, text, ...)
  local ok, err = conn:query(BEFORE)
  if not ok then return nil, err end
  local rows, result = conn:ask(numeric, text, ...)
  ok, err = conn:query(AFTER)
  if rows and not ok then return nil, err end
  return rows, result
end

--- A connection for statements that only read; the session's own setting stays as it is.
-- @param conn the connection
-- @return a view of it, whose `query`, `run` and `run_in` have nothing compiled
-- @function uncompiled
return function(conn)
  local made = conn:limited(conn:limit())
  function made.ask(_, numeric, text, ...)
    if conn:in_transaction() then return in_transaction(conn, numeric, text, ...) end
    return alone(conn, numeric, text, select("#", ...), ...)
  end
  return made
end
