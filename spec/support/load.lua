--- Logs with a load on them, and the check that nothing of it was lost.
-- @module support.load

local core = require "forgelog.core"
local forgelog = require "forgelog"
local support = require "support"

local load = {}

local ITEM = "CREATE TABLE item (id bigserial PRIMARY KEY, n int, tx bigint DEFAULT txid_current())"

--- Seconds of a clock that is never set back.
load.now = core.now

--- Sleeps for real: only where what is tested is time passing.
function load.pause(seconds) core.poll(nil, "", seconds) end

--- Connects, or raises.
function load.connect(conninfo, opts)
  local log, err = forgelog.connect(conninfo, opts)
  return log or error(tostring(err), 2)
end

--- Runs SQL on a log's connection, or raises; returns rows and the number written.
function load.must(log, sql, ...)
  local rows, affected = log:query(sql, ...)
  if not rows then error(tostring(affected) .. "\nin: " .. sql, 2) end
  return rows, affected
end

--- A database with our log, and a table item that is watched.
-- @return its conninfo, a log connected to it
function load.installed(conninfo)
  local db = support.database(conninfo)
  local log = load.connect(db)
  load.must(log, ITEM)
  assert(log:install())
  assert(log:watch("item"))
  return db, log
end

--- A database with the framework's plain log, and a table item with its row trigger.
function load.framework(conninfo)
  local db = support.database(conninfo)
  support.framework(db)
  local log = load.connect(db)
  load.must(log, ITEM)
  load.must(log, "SELECT forge_enable_reactivity('item')")
  return db, log
end

--- Writes changes straight to the log, in one transaction.
function load.fill(log, count)
  load.must(log, "INSERT INTO forge_change_log (table_name, op, row_id, created_at) "
    .. "SELECT 'item', 'INSERT', g::text, clock_timestamp() FROM generate_series(1, $1::bigint) g", count)
end

--- Drains to the end; returns the seqs (or another field of the changes).
function load.drained(log, since, opts, field)
  local list = {}
  for change in log:drain(since, opts) do list[#list + 1] = change[field or "seq"] end
  return list
end

--- Drains, and returns the error it raised (nil if it raised none), and the seqs before it.
function load.drain_error(log, since, opts)
  local list = {}
  local ok, err = pcall(function()
    for change in log:drain(since, opts) do list[#list + 1] = change.seq end
  end)
  return not ok and err or nil, list
end

-- Short transactions of 1 to 3 statements with pauses inside, so that commits do not come in the order of seqs.
local SHORT = [[
\set more random(0, 2)
\set pause random(0, 1500)
BEGIN;
INSERT INTO item (n) VALUES (1);
\sleep :pause us
INSERT INTO item (n) SELECT g FROM generate_series(1, :more) g;
COMMIT;
]]

local SAVEPOINT = [[
\set pause random(0, 1000)
BEGIN;
SAVEPOINT a;
INSERT INTO item (n) VALUES (2);
ROLLBACK TO SAVEPOINT a;
\sleep :pause us
INSERT INTO item (n) VALUES (3);
SAVEPOINT b;
UPDATE item SET n = 4 WHERE id = currval('item_id_seq');
ROLLBACK TO SAVEPOINT b;
COMMIT;
]]

local ROLLBACK = [[
BEGIN;
INSERT INTO item (n) VALUES (5);
ROLLBACK;
]]

--- Starts the writers: 8 clients of short transactions, some with savepoints rolled back, some rolled back whole.
-- @param opts what support.pgbench takes, without scripts
function load.writers(conninfo, opts)
  local all = { conninfo = conninfo, clients = 8,
    scripts = { { text = SHORT, weight = 7 }, { text = SAVEPOINT, weight = 2 }, { text = ROLLBACK, weight = 1 } } }
  for name, value in pairs(opts) do all[name] = value end
  return support.pgbench(all)
end

--- How many transactions have left something in item.
function load.commits(log) return load.must(log, "SELECT count(DISTINCT tx) AS n FROM item")[1].n end

--- Whether a load of pgbench writes now.
function load.under_way(log)
  return load.must(log, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()"
    .. " AND application_name = 'pgbench') AS yes")[1].yes
end

--- Compares the seqs delivered with those in the log.
-- @return counts: written, delivered, lost, twice, disordered
function load.compare(log, delivered)
  local result = { written = 0, delivered = #delivered, lost = 0, twice = 0, disordered = 0 }
  local seen, last = {}, 0
  for _, seq in ipairs(delivered) do
    if seen[seq] then result.twice = result.twice + 1 end
    if seq < last then result.disordered = result.disordered + 1 end
    seen[seq], last = true, seq
  end
  for _, row in ipairs(load.must(log, "SELECT seq FROM forge_change_log")) do
    result.written = result.written + 1
    if not seen[row.seq] then result.lost = result.lost + 1 end
  end
  return result
end

--- Raises unless everything written was delivered, once and in order, and there was something.
function load.complete(result)
  assert(result.written > 0, "nothing was written")
  local text = ("lost %d, twice %d, out of order %d, delivered %d of %d"):format(result.lost, result.twice,
    result.disordered, result.delivered, result.written)
  assert(result.lost == 0 and result.twice == 0 and result.disordered == 0 and result.delivered == result.written, text)
end

--- Whether sizes and times say something: not under valgrind or a sanitizer.
function load.measurable()
  local preload = os.getenv("LD_PRELOAD") or ""
  return not (os.getenv("ASAN_OPTIONS") or preload:find("asan") or preload:find("vgpreload"))
    and support.scale(100) >= 100
end

--- Seconds that something may take at most: more of them under valgrind or a sanitizer.
function load.at_most(seconds) return load.measurable() and seconds or seconds * 10 end

return load
