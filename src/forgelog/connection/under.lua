--- Running statements that only read under settings of their own, which are those of one
-- transaction: the session's stay as they are, and behind a pooler nobody else has them.
-- @module forgelog.connection.under
local core = require "forgelog.core"
local sql = require "forgelog.connection.sql"

local type_of_number = rawget(math, "type") or type -- a Lua with integers tells
local BEFORE = "SAVEPOINT forgelog_settings;\n"
local AFTER = "ROLLBACK TO SAVEPOINT forgelog_settings; RELEASE SAVEPOINT forgelog_settings"

-- A parameter as SQL. Like a parameter's, its type is that of its place.
local function literal(value)
  if value == nil then return "NULL" end
  if type(value) == "number" and type_of_number(value) ~= "integer" then
    value = core.number_text(value)
  end
  return sql.literal(tostring(value))
end

-- A statement with its parameters in it: several statements are sent as one without any.
local function filled(text, count, ...)
  if count == 0 then return text end
  local values = { ... }
  return (text:gsub("%$(%d+)", function(number)
    return tonumber(number) <= count and literal(values[tonumber(number)]) or nil
  end))
end

-- In a transaction that is open already the settings would stay until its end.
local function in_transaction(conn, numeric, text)
  local rows, result = conn:ask(numeric, BEFORE .. text)
  local ok, err = conn:query(AFTER)
  if rows and not ok then return nil, err end
  return rows, result
end

--- A connection for such statements. Sent as one, the settings and a statement are one transaction;
-- the statement is planned when the settings have been made. In a transaction that is open, it
-- leaves that as it was, also where the statement fails.
-- @param conn the connection
-- @string settings SQL that makes them for the transaction
-- @string[opt] begin SQL that goes before them where no transaction is open
-- @return a view of it, whose `query`, `run` and `run_in` do so
-- @function under
return function(conn, settings, begin)
  local made = conn:limited(conn:limit())
  function made.ask(_, numeric, text, ...)
    text = settings .. ";\n" .. filled(text, select("#", ...), ...)
    if conn:in_transaction() then return in_transaction(conn, numeric, text) end
    return conn:ask(numeric, (begin or "") .. text)
  end
  return made
end
