--- What the parts of the bench of retention share: a database with a log and a watched table, how
-- large the log is, how much WAL something writes, and how long each write of others takes
-- meanwhile.
-- @module bench.retention.log
local bench = require "bench.support"
local forgelog = require "forgelog"

local ITEMS = 100000 -- rows of the watched table

local retention = { items = ITEMS }

--- A pgbench script that updates one row, each client among its own.
function retention.one(clients)
  local share = math.floor(ITEMS / clients)
  return ([[
\set id :client_id * %d + random(1, %d)
UPDATE item SET n = n + 1 WHERE id = :id;
]]):format(share, share)
end

local Side = {}
Side.__index = Side

--- Settings of the whole server, until they are set again; false is the default.
function retention.set(settings)
  for name, value in pairs(settings) do
    bench.psql(value == false and ("ALTER SYSTEM RESET %s"):format(name)
      or ("ALTER SYSTEM SET %s = '%s'"):format(name, value))
  end
  bench.psql("SELECT pg_reload_conf()")
end

--- A database with a log and a table `item`, which is watched unless told otherwise. Vacuum comes
-- to neither by itself.
function retention.begin(unwatched)
  local conninfo = bench.database()
  local side = setmetatable({ conninfo = conninfo, log = bench.connect(conninfo), place = 0 }, Side)
  side:must(("CREATE TABLE item (id bigint PRIMARY KEY, n int, name text)"
    .. " WITH (autovacuum_enabled = off, fillfactor = 50)"))
  side:must(("INSERT INTO item SELECT g, 0, 'item ' || g FROM generate_series(1, %d) g"):format(
    ITEMS))
  side:must("ALTER TABLE forge_change_log SET (autovacuum_enabled = off)")
  side:must("VACUUM ANALYZE item")
  if not unwatched then assert(side.log:watch("item")) end
  return side
end

function Side:must(sql, ...) return (assert(self.log:query(sql, ...))) end

--- A number that the server finds.
function Side:number(sql, ...)
  return tonumber((select(2, next(self:must(sql, ...)[1]))))
end

--- Another connection to the log.
function Side:connect() return assert(forgelog.connect(self.conninfo, { schema = "public" })) end

--- Updates rows of the table in one statement: as many changes.
function Side:update(rows)
  local first = self.place % ITEMS
  self.place = first + rows
  self:must("UPDATE item SET n = n + 1 WHERE id > $1 AND id <= $2", first, first + rows)
end

--- Trims what lies at or below a seq, by the time of the first change above it.
-- @param[opt] seq default: all there is
-- @param[opt] options of `Log:trim`
function Side:trim_to(seq, options)
  options = options or {}
  options.min_rows = 0
  local before = self:number([[
    SELECT extract(epoch FROM coalesce((SELECT created_at FROM forge_change_log
             WHERE seq > $1::bigint ORDER BY seq LIMIT 1), clock_timestamp()))::float8]], seq)
  return assert(self.log:trim(before, options))
end

--- Bytes of the log's rows, and of its index.
function Side:sizes()
  local row = self:must("SELECT pg_relation_size('forge_change_log')::float8 AS heap,"
    .. " pg_indexes_size('forge_change_log')::float8 AS index")[1]
  return row.heap, row.index
end

--- How long something takes, how many bytes of WAL the server writes meanwhile, and its result.
function Side:cost(action, ...)
  local from = self:must("SELECT pg_current_wal_insert_lsn() AS lsn")[1].lsn
  local seconds, result = bench.timed(action, ...)
  local wal = self:number("SELECT (pg_current_wal_insert_lsn() - $1::pg_lsn)::float8", from)
  return seconds, wal, result
end

--- Clients that write single rows, each its own, until they are stopped.
function Side:writers(clients)
  local folder = os.getenv("FORGELOG_TMP")
  self.prefix = ("%s/writes.%d"):format(folder, math.floor(bench.now() * 1e6))
  self.load = bench.pgbench {
    conninfo = self.conninfo, clients = clients, seconds = 600,
    args = { "-l", "--log-prefix=" .. self.prefix },
    script = retention.one(clients),
  }
end

--- Ends the clients.
-- @return how many writes there were, and the longest of them in milliseconds
function Side:stop_writers()
  self.load:stop()
  local command = "cat %s* | awk '$3 > most { most = $3 } END { print NR, most / 1000 }'"
  local _, output = bench.run(command:format(self.prefix))
  bench.run("rm -f " .. self.prefix .. "*")
  local count, most = output:match("(%S+) (%S+)")
  return tonumber(count), tonumber(most)
end

function Side:drop()
  self.log:close()
  bench.drop(self.conninfo)
end

return retention
