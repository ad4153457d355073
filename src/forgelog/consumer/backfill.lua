--- Asking a consumer from outside to read tables from end to end, and seeing how far that is.
-- @module forgelog.consumer.backfill
local arrays = require "forgelog.connection.arrays"
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local entries = require "forgelog.consumer.filling.entries"
local group = require "forgelog.consumer.group"
local hidden = require "forgelog.connection.hidden"
local names = require "forgelog.tables.names"
local rows = require "forgelog.rows"

local backfill = {}

local WHERE = "consumer.backfill"
local NO_RIGHT = "42501" -- SQLSTATE

-- The place of a key in the table's order, tried out where this role may read the table: what is no
-- value of the key's type cannot be found wrong otherwise.
local function place_of(conn, s, from)
  local key, err = rows.key(s, from)
  if err or not key then return nil, err end
  local found
  found, err = rows.chunk(conn, s, key, 1)
  if found or (err.sqlstate or ""):sub(1, 2) ~= "22" then return key end
  return nil, rows.no_key(s, from, err.sqlstate)
end

-- Rows of a table that nobody watches would be read, and what becomes of them would not be seen.
local function watched(conn, s)
  local found, err = names.resolve(conn, WHERE, { tables = { s.name } }, {})
  return found and s, err
end

local function ask(conn, name, table, from)
  local s, key, err
  s, err = rows.source(conn, WHERE, table)
  if s and s.speaker ~= s.oid then -- a partition: the log knows the table above it only
    s, err = rows.source(conn, WHERE, table, nil, s.speaker)
  end
  if s then s, err = watched(conn, s) end
  if s then key, err = place_of(conn, s, from) end
  if err then return nil, err end
  local asked
  asked, err = conn:run("backfills.ask", name, ("%.0f"):format(s.oid), arrays.write(key),
    key and rows.order(s))
  if not asked then return nil, err end
  if not asked[1].known then return nil, group.unknown(conn, name) end
  return true, { table = asked[1].name, estimate = asked[1].estimate, whole = s.key == nil }
end

-- What is done to one that was asked for before: its table may be gone since.
local function change(conn, name, table, statement, ...)
  local oid, err = names.table(conn, WHERE, table)
  if not oid and err.code ~= "no_table" then return nil, err end
  local found, why = conn:run(statement, name, oid, table, ...)
  if not found then return nil, why end
  if not found[1].known then return nil, group.unknown(conn, name) end
  if found[1].count > 0 then return true, { table = table } end
  if not oid then return nil, err end
  local message = "consumer %s is not reading %s"
  return nil, core.error("schema", message:format(name, table), nil, { code = "no_backfill" })
end

--- Asks for it, or changes it: see `forgelog.consumer`.
-- @param log a log
-- @string name of the consumer
-- @string table its name
-- @tparam[opt] table opts see there
-- @return as there
function backfill.ask(log, name, table, opts)
  check.argument(WHERE, "name", name, "string")
  check.argument(WHERE, "table", table, "string")
  opts = check.options(WHERE, opts, { from = "key", pause = "boolean", cancel = "boolean" })
  local wishes = (opts.from ~= nil and 1 or 0) + (opts.pause ~= nil and 1 or 0)
    + (opts.cancel and 1 or 0)
  if wishes > 1 then check.misuse(WHERE, "from, pause and cancel exclude each other") end
  local conn = log.connection
  local ok, err = conn:locate()
  if ok then ok, err = entries.may(conn) end
  if not ok then return nil, err end
  if opts.cancel then return change(conn, name, table, "backfills.cancel") end
  if opts.pause ~= nil then return change(conn, name, table, "backfills.pause", opts.pause) end
  return ask(conn, name, table, opts.from)
end

--- Whether the log has a place for what consumers are to read, which this role sees all of.
-- @param conn the connection
-- @return a boolean; or nil and an error, SQLSTATE 42501 where this role may not read it
function backfill.there(conn)
  local found, err = conn:run("backfills.may_read")
  if not found then return nil, err end
  if not found[1].there then return false end
  if not found[1].may then
    local message = "permission denied for table forge_change_log_backfills"
    return nil, core.error("query", message, NO_RIGHT)
  end
  return hidden(conn, "forge_change_log_backfills", "r")
end

--- Adds to consumers which tables each reads, as `backfills`.
-- @param conn the connection
-- @tparam table list the consumers as of `status`
-- @return true; or nil and an error, as of `there`
function backfill.add(conn, list)
  local there, err = backfill.there(conn)
  if not there then return there == false or nil, err end
  local found
  found, err = conn:run("backfills.status")
  if not found then return nil, err end
  local by_name = {}
  for _, one in ipairs(list) do by_name[one.name], one.backfills = one, {} end
  for _, row in ipairs(found) do
    local one = by_name[row.consumer]
    row.consumer = nil
    if one then table.insert(one.backfills, row) end
  end
  return true
end

return backfill
