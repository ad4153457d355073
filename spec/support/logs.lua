--- Databases with a log in them, roles that may do little there, a load of writers, and the check
-- that nothing of it was lost.
-- @module support.logs

local core = require "forgelog.core"
local forgelog = require "forgelog"
local process = require "support.process"
local support = require "support"

local logs = {}

local ITEM = { item = "id bigserial PRIMARY KEY, n int, tx bigint DEFAULT txid_current()" }

--- The advisory lock of the follower that is to be notified.
logs.BELL = "77306496745662"

--- The advisory lock of the one trimmer.
logs.TRIMMER = "77306496745475"

--- Seconds of a clock that is never set back.
logs.now = core.now

--- Sleeps for real: only where what is tested is time passing.
function logs.pause(seconds) core.poll(nil, "", seconds) end

--- Connects, or raises.
function logs.connect(conninfo, opts)
  local log, err = forgelog.connect(conninfo, opts)
  return log or error(tostring(err), 2)
end

--- Connects as to a server that is far away, whose way is a second long: it is given as long to
-- answer when it is asked to cancel a statement. Where a connection is given 0.08 s for that, this
-- machine alone may take longer, and then the connection is dropped.
-- @string conninfo
-- @number seconds that statements are given
function logs.connect_slowly(conninfo, seconds)
  return logs.connect(conninfo .. " options=-cpost_auth_delay=1"):limited(seconds)
end

--- Runs SQL on a log's connection, or raises; returns rows and the number written.
function logs.must(log, sql, ...)
  local rows, affected = log:query(sql, ...)
  if not rows then error(tostring(affected) .. "\nin: " .. sql, 2) end
  return rows, affected
end

--- A database without a log; the server's notices are not sent to this connection.
-- @return its conninfo, a log connected to it
function logs.empty()
  local db = support.database()
  local log = logs.connect(db)
  logs.must(log, "SET client_min_messages = warning")
  return db, log
end

-- A log connected to a database, in which it has made these tables.
local function with_tables(db, tables)
  local log = logs.connect(db)
  for name, columns in pairs(tables) do
    logs.must(log, ("CREATE TABLE %s (%s)"):format(name, columns))
  end
  return log
end

-- The same with our log, and the tables watched.
local function with_watched(db, tables)
  local log = with_tables(db, tables)
  assert(log:install())
  for name in pairs(tables) do assert(log:watch(name)) end
  return log
end

-- One text for the same tables.
local function described(tables)
  local list = {}
  for name, columns in pairs(tables) do list[#list + 1] = name .. " (" .. columns .. ")" end
  table.sort(list)
  return table.concat(list, ", ")
end

--- A database with our log and tables that are watched.
-- @param[opt] conninfo of the server; the shared one when left out
-- @param[opt] tables from each table's name to its columns as in CREATE TABLE, such as
-- `{ orders = "id bigint PRIMARY KEY, total numeric" }`; the table item when left out
-- @return its conninfo, a log connected to it
function logs.installed(conninfo, tables)
  tables = tables or ITEM
  if conninfo then
    local db = support.database(conninfo)
    return db, with_watched(db, tables)
  end
  -- A copy takes a third of the time that making another one does.
  local template = support.template("watched: " .. described(tables), function(empty)
    with_watched(empty, tables):close()
  end)
  local db = support.database(nil, template)
  return db, logs.connect(db)
end

--- The database and the log of `logs.installed`, where sessions have settings that print times and
-- numbers in another way: IST is India's time there, and reads as Israel's.
function logs.peculiar()
  local db, log = logs.installed()
  for _, setting in ipairs({ "DateStyle = 'SQL, DMY'", "TimeZone = 'Asia/Calcutta'",
    "IntervalStyle = sql_standard", "extra_float_digits = -15", "bytea_output = escape",
    "standard_conforming_strings = off", "escape_string_warning = off" }) do
    logs.must(log, ("ALTER DATABASE %s SET %s"):format(db:match("dbname=(%S+)"), setting))
  end
  log:close()
  return db, logs.connect(db)
end

--- A database with the framework's plain log, and a table item with its row trigger.
function logs.framework(conninfo)
  local db = support.database(conninfo)
  local log = with_tables(db, ITEM)
  support.framework(db)
  logs.must(log, "SELECT forge_enable_reactivity('item')")
  return db, log
end

--- Makes a role that may do nothing but what it is granted.
-- @param log a log of a superuser
-- @param[opt] grants SQL in which %s is the role
-- @return its name; a function that drops it and all that it was granted
function logs.role(log, grants)
  local name = "forgelog_" .. process.unique()
  logs.must(log, ("CREATE ROLE %s LOGIN; %s"):format(name, ((grants or ""):gsub("%%s", name))))
  return name, function()
    logs.must(log, (("REASSIGN OWNED BY %s TO postgres; DROP OWNED BY %s; DROP ROLE %s"):gsub(
      "%%s", name)))
  end
end

--- Connects as another role, or raises.
function logs.as(db, role, opts)
  return logs.connect((db:gsub("user=%S+", "user=" .. role)), opts)
end

--- The server's clock, in Unix time.
function logs.server_time(log)
  return tonumber(logs.must(log, "SELECT extract(epoch FROM clock_timestamp()) AS now")[1].now)
end

--- The process id of the server's side of a log's connection.
function logs.backend(log) return logs.must(log, "SELECT pg_backend_pid() AS pid")[1].pid end

--- How many advisory locks are held, or waited for, in this database.
function logs.advisory_locks(log)
  return logs.must(log, [[SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]])[1].n
end

--- Rolls back the prepared transactions of this database, which could not be dropped otherwise.
function logs.rollback_prepared(log)
  for _, row in ipairs(logs.must(log, "SELECT gid FROM pg_prepared_xacts "
    .. "WHERE database = current_database()")) do
    logs.must(log, ("ROLLBACK PREPARED '%s'"):format((row.gid:gsub("'", "''"))))
  end
end

--- Writes changes straight to the log, in one transaction.
function logs.fill(log, count)
  logs.must(log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
    SELECT 'item', 'INSERT', g::text, clock_timestamp() FROM generate_series(1, $1::bigint) g]],
    count)
end

--- Adds rows to the table item, one when no number is given.
function logs.add_items(log, count)
  logs.must(log, "INSERT INTO item (n) SELECT generate_series(1, $1::int)", count or 1)
end

--- Writes changes straight to the log, one for each of the last seconds; the newest is a second
-- old.
function logs.aged(log, count)
  logs.must(log, [[INSERT INTO forge_change_log (table_name, op, created_at)
    SELECT 'item', 'INSERT', clock_timestamp() - make_interval(secs => $1::int - g + 1)
      FROM generate_series(1, $1::int) g]], count)
end

--- The highest seq that was ever deleted from an installed log.
function logs.trimmed_to(log)
  return logs.must(log, "SELECT trimmed_to FROM forge_change_log_state")[1].trimmed_to
end

--- How many changes the log has.
function logs.rows(log) return logs.must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n end

--- Drains to the end; returns the seqs (or another field of the changes).
function logs.drained(log, since, opts, field)
  local list = {}
  for change in log:drain(since, opts) do list[#list + 1] = change[field or "seq"] end
  return list
end

--- Drains, and returns the error it raised (nil if it raised none), and the seqs before it.
function logs.drain_error(log, since, opts)
  local list = {}
  local ok, err = pcall(function()
    for change in log:drain(since, opts) do list[#list + 1] = change.seq end
  end)
  return not ok and err or nil, list
end

-- Short transactions of 1 to 3 statements with pauses inside, so that commits do not come in the
-- order of seqs.
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

--- Starts the writers: 8 clients of short transactions, some with savepoints that are rolled back,
-- some rolled back as a whole.
-- @param opts what support.pgbench takes, without scripts
function logs.writers(conninfo, opts)
  local all = { conninfo = conninfo, clients = 8,
    scripts = {
      { text = SHORT, weight = 7 },
      { text = SAVEPOINT, weight = 2 },
      { text = ROLLBACK, weight = 1 },
    } }
  for name, value in pairs(opts) do all[name] = value end
  return support.pgbench(all)
end

--- How many transactions have left something in item.
function logs.commits(log)
  return logs.must(log, "SELECT count(DISTINCT tx) AS n FROM item")[1].n
end

--- Waits until a load that was started has begun to write. (Its backends are no sign of that:
-- pgbench connects once to look around before its clients connect.)
function logs.wait_for_writes(log)
  local function given()
    return logs.must(log, "SELECT last_value AS n FROM forge_change_log_seq_seq")[1].n
  end
  local first = given()
  support.wait_until(function() return given() > first end, "the load to write")
end

--- Whether a load of pgbench writes now.
function logs.under_way(log)
  return logs.must(log, [[SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'pgbench') AS yes]])[1].yes
end

--- Compares the seqs that were delivered with those in the log.
-- @return counts: written, delivered, lost, twice, disordered
function logs.compare(log, delivered)
  local result = { written = 0, delivered = #delivered, lost = 0, twice = 0, disordered = 0 }
  local seen, last = {}, 0
  for _, seq in ipairs(delivered) do
    if seen[seq] then result.twice = result.twice + 1 end
    if seq < last then result.disordered = result.disordered + 1 end
    seen[seq], last = true, seq
  end
  for _, row in ipairs(logs.must(log, "SELECT seq FROM forge_change_log")) do
    result.written = result.written + 1
    if not seen[row.seq] then result.lost = result.lost + 1 end
  end
  return result
end

--- Raises unless everything written was delivered, once and in order, and there was something.
function logs.complete(result)
  assert(result.written > 0, "nothing was written")
  local text = ("lost %d, twice %d, out of order %d, delivered %d of %d"):format(result.lost,
    result.twice, result.disordered, result.delivered, result.written)
  local right = result.lost == 0 and result.twice == 0 and result.disordered == 0
  assert(right and result.delivered == result.written, text)
end

--- Whether sizes and times say something: not under valgrind or a sanitizer.
function logs.measurable()
  local preload = os.getenv("LD_PRELOAD") or ""
  local slowed = os.getenv("ASAN_OPTIONS") or preload:find("asan") or preload:find("vgpreload")
  return not slowed and support.scale(100) >= 100
end

--- Seconds that something may take at most: more of them under valgrind or a sanitizer.
function logs.at_most(seconds) return logs.measurable() and seconds or seconds * 10 end

--- Measures until it takes less than so many seconds, three times at most: others use this machine
-- too, and the time that they take only ever adds.
-- @number most seconds; see `at_most`
-- @func measure returns the seconds, and further results
-- @return the results of the last time
function logs.soon(most, measure)
  local results
  for _ = 1, 3 do
    results = { measure() }
    if results[1] < logs.at_most(most) then break end
  end
  return (table.unpack or unpack)(results, 1, 4)
end

return logs
