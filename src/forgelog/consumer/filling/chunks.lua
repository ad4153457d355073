--- What a consumer is handed next of a table that it reads from end to end: rows behind the last
-- one, as changes, and where it is behind them. The table is known by its oid; where there is none
-- of that, by its name.
-- @module forgelog.consumer.filling.chunks
local core = require "forgelog.core"
local rows = require "forgelog.rows"
local sql = require "forgelog.connection.sql"
local under = require "forgelog.connection.under"

local WHERE = "backfill"

local chunks = {}

-- The connection, for reading: whoever alters the table, or waits for that, holds up neither the
-- live feed nor this consumer behind him.
local function patient(conn) return under(conn, sql.statement("backfills.lock_timeout", "")) end

-- The source of an entry's rows; or nil and an error.
local function source_of(conn, entry)
  if entry.source then return entry.source end
  local name, s, err = entry.table_name, nil, nil
  if entry.relation then s, err = rows.source(conn, WHERE, name, true, entry.relation) end
  if not s and (not err or err.code == "no_table") then
    s, err = rows.source(conn, WHERE, name, true)
  end
  if not s then return nil, err end
  entry.found = s.oid
  if entry.after and (rows.order(s) ~= entry.key or s.oid ~= entry.relation) then
    local message = "%s: the primary key of %s is another one now"
    return nil, core.error("schema", message:format(WHERE, s.name), nil, { code = "key_changed" })
  end
  entry.source = s
  return s
end

local function forget_it(conn, entry)
  local found, err = conn:run("status.clock")
  if not found then return nil, err end
  return { entry = entry, count = 0, told = true,
    changes = { { op = "RELOAD", table_name = entry.table_name, created_at = found[1].now } } }
end

--- Reads.
-- @param conn the connection, without a transaction
-- @param entry of `forgelog.consumer.filling.entries`
-- @int most rows
-- @return a table: `entry`, `changes` (perhaps none), `told` (it is the change that says that what
-- was had of the table may be stale), and where it is behind them: `after`, `key`, `relation`,
-- `count`, `over`; or nil and an error, code "no_table" or "key_changed", or others
function chunks.read(conn, entry, most)
  if entry.reload then return forget_it(conn, entry) end
  conn = patient(conn)
  local s, err = source_of(conn, entry)
  if not s then return nil, err end
  local list, after, over = rows.chunk(conn, s, entry.after, most)
  if not list then return nil, after end
  return { entry = entry, changes = list, after = after, key = rows.order(s), over = over or nil,
    relation = ("%.0f"):format(s.oid), count = #list }
end

return chunks
