--- The rows of the table forge_change_log_parked as entries with a change, and what goes into them
-- as texts that every database can store.
-- @module forgelog.consumer.parking.rows
local arrays = require "forgelog.connection.arrays"
local core = require "forgelog.core"
local utf8 = require "forgelog.utf8"

local rows = { TABLE = "forge_change_log_parked" }

local NO_TABLE = "42P01" -- SQLSTATE
local LONGEST = 8000 -- bytes of an error that are kept

--- Runs sql/parked/NAME.sql.
-- @param conn the connection
-- @string name of the file
-- @param ... its parameters
-- @return its rows; or nil and an error, code "no_parked_table" where the log lacks the table
function rows.run(conn, name, ...)
  local list, err = conn:run("parked." .. name, ...)
  if list then return list end
  if err.sqlstate ~= NO_TABLE then return nil, err end
  local message = "parked changes need the table " .. rows.TABLE
  return nil, core.error("schema", message, NO_TABLE, { code = "no_parked_table",
    remedy = "install" })
end

--- The same where its success is all that is wanted.
-- @return true; or nil and an error
function rows.done(...)
  local list, err = rows.run(...)
  if not list then return nil, err end
  return true
end

local function hex(byte) return ("\\x%02X"):format(byte) end

local function escaped(char) return hex(char:byte()) end

--- A key, which may be any bytes, as a text.
function rows.stored_key(key) return (tostring(key):gsub("[^\32-\91%]\94-\126]", escaped)) end

--- The key that such a text stands for.
function rows.key_of(stored)
  return (stored:gsub("\\x(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

--- What an error says.
-- @param conn the connection
-- @param err a table with a message, or any other value; nil: there is none
-- @return a text, nil for nil; or nil and an error
function rows.message_of(conn, err)
  if err == nil then return nil end
  local message = type(err) == "table" and err.message or err
  local text = tostring(message):sub(1, LONGEST):gsub("%z", escaped)
  if not text:find("[\128-\255]") then return text end
  local list, why = rows.run(conn, "takes_utf8")
  if not list then return nil, why end
  return (list[1].yes and utf8.mend(text, hex) or text:gsub("[\128-\255]", escaped))
end

--- The names of all values that are kept with a change, in order; nil where none are.
function rows.kept_names(change)
  if not (change.old or change.new) then return nil end
  local seen, names = {}, {}
  for _, values in ipairs({ change.old or {}, change.new or {} }) do
    for name in pairs(values) do
      if not seen[name] then names[#names + 1] = name end
      seen[name] = true
    end
  end
  table.sort(names)
  return names
end

--- Values as an array in the order of their names; nil for nil.
function rows.array(values, names)
  if not values then return nil end
  local list = {}
  for i, name in ipairs(names) do list[i] = values[name] or false end
  return arrays.write(list)
end

local function named(values, names)
  if not values then return nil end
  local by_name = {}
  for i, value in ipairs(arrays.read(values)) do by_name[names[i]] = value or nil end
  return by_name
end

local function entry_of(row)
  local names, seq = arrays.read(row.kept_names), row.seq
  if row.was_read then seq = nil end
  return {
    id = row.id, key = rows.key_of(row.key), seq = row.seq, waits = row.waits, retry = row.retry,
    attempts = row.attempts, error = row.error, parked_at = row.parked_at,
    change = {
      seq = seq, table_name = row.table_name, op = row.op, row_id = row.row_id,
      changed_cols = row.changed_cols, created_at = row.created_at, txid = row.txid,
      context = row.context, key_cols = row.key_cols, old = named(row.old_values, names),
      new = named(row.new_values, names), omitted = arrays.read(row.omitted),
    },
  }
end

--- The entries that sql/parked/NAME.sql finds, as `consumer.parked` returns them.
-- @return a list; or nil and an error
function rows.entries(...)
  local list, err = rows.run(...)
  if not list then return nil, err end
  for i, row in ipairs(list) do list[i] = entry_of(row) end
  return list
end

return rows
