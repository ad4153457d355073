--- Checks of what goes on: who writes, who trims, and what stands between.
-- @module forgelog.doctor.activity
local core = require "forgelog.core"
local sql = require "forgelog.connection.sql"
local units = require "forgelog.units"

local MINUTE, HOUR, DAY = 60, 3600, 86400
-- How long a writer may stay open: without a word, and without a warning.
local SHORT, LONG = 5, MINUTE
-- How often two clients of a pooler look which server connection each has.
local LOOKS = 5
local SIBLING_TIMEOUT = 5 -- seconds
-- The newest rows that a trim keeps by default.
local MIN_ROWS = 1000
-- Dead rows that autovacuum may leave in the log.
local MANY_DEAD = 100000

-- ---- writers ----

-- How a prepared transaction is ended.
local function end_prepared(gid)
  return ("COMMIT PREPARED %s or ROLLBACK PREPARED %s"):format(gid, gid)
end

local function prepared_writer(run, row, open)
  local gid = sql.literal(row.prepared)
  local message = "the prepared transaction %s is open for %s and holds the horizon: drain hands "
    .. "out nothing above its first change"
  run:warning("prepared_writer", message:format(gid, open), end_prepared(gid))
end

local function session(row)
  local name = row.application_name ~= "" and row.application_name or "no name"
  return ("pid %d (%s, role %s)"):format(row.pid, name, row.usename)
end

-- A writer that is open for long and is not prepared; returns whether it idles.
local function long_writer(run, row, age, open)
  local idles = (row.state or ""):find("^idle in transaction") ~= nil
  local message = "%s has written to the log, is open for %s%s and holds the horizon: drain hands "
    .. "out nothing above its first change"
  message = message:format(session(row), open, idles and ", idle in transaction," or "")
  if idles then
    local advice = "end it: SELECT pg_terminate_backend(%d); or have the server do that by "
      .. "idle_in_transaction_session_timeout"
    run:warning("idle_writer", message, advice:format(row.pid))
  else
    local add = age > LONG and run.warning or run.note
    add(run, "long_writer", message, "let it end, and commit in smaller steps")
  end
  return idles
end

-- Reports each writer that is open for long: how many these are, of how many the age is hidden, and
-- whether any of them idles.
local function judge_writers(run, rows)
  local seen = { long = 0, hidden = 0, idles = false }
  for _, row in ipairs(rows) do
    local age = row.since and run.server.now - row.since
    if not age then
      seen.hidden = seen.hidden + 1
    elseif age > SHORT then
      seen.long = seen.long + 1
      local open = units.duration(age)
      if row.prepared then
        prepared_writer(run, row, open)
      else
        seen.idles = long_writer(run, row, age, open) or seen.idles
      end
    end
  end
  return seen
end

local function writers(run)
  if not run.log.may_use_schema then return end
  if run.server.standby then
    return run:note("standby", "not checked: they are seen on the primary only", "look there")
  end
  local rows, err = run.conn:run("status.writers")
  if not rows then return err end
  local seen = judge_writers(run, rows)
  if seen.hidden > 0 then
    local message = "how long %s are open is hidden from this role"
    run:note("hidden_writers", message:format(units.many(seen.hidden, "writer")),
      ("GRANT pg_read_all_stats TO %s"):format(run.server.role))
  elseif seen.long == 0 then
    run:ok("no writer is open for longer than " .. units.duration(SHORT))
  end
  if seen.idles and run.server.idles_forever then
    run:note("idle_forever",
      "idle_in_transaction_session_timeout is 0: a writer may idle for ever",
      "ALTER SYSTEM SET idle_in_transaction_session_timeout = '1min'; SELECT pg_reload_conf()")
  end
end

-- ---- what stands between ----

-- The server process that serves a connection at this moment; nil where it does not answer.
local function backend(conn)
  local rows = conn:run("doctor.backend")
  return rows and rows[1].pid
end

-- Whether two clients are served by one server connection, which only happens between transactions.
local function are_shared(one, other)
  for _ = 1, LOOKS do
    local first, second = backend(one), backend(other)
    if first and first == second then return true end
  end
  return false
end

-- Whether a pooler has transaction mode: true or false; or nil and, where there is one, the error
-- that kept it from being known. Inside a transaction it would not show.
local function in_transaction_mode(conn)
  if conn:in_transaction() then return nil end
  local other, err = conn:sibling(SIBLING_TIMEOUT)
  if not other then return nil, err end
  local shared = are_shared(conn, other)
  other:close()
  return shared
end

local function pooler(run)
  if run.server.pid == run.conn:fact("backend") then
    return run:ok("no pooler stands before the server")
  end
  local shared, err = in_transaction_mode(run.conn)
  if shared then
    return run:warning("transaction_pooler", "a pooler in transaction mode stands before the "
      .. "server: LISTEN, the consumers' names and the trimmer's lock do not hold there",
      "forgelog follow --no-listen, or connect past it")
  end
  local mode = "; its mode is not known"
  if shared == false then
    mode = ", in session mode as it seems"
  elseif err then
    mode = "; its mode is not known: " .. err.message
  end
  run:note("pooler", "a pooler stands before the server" .. mode,
    "should it be in transaction mode: forgelog follow --no-listen, or connect past it")
end

-- ---- trimming ----

-- Seconds as the command takes them.
local function argument(seconds)
  for _, unit in ipairs({ { DAY, "d" }, { HOUR, "h" }, { MINUTE, "m" } }) do
    if seconds >= unit[1] and seconds % unit[1] == 0 then
      return ("%.0f%s"):format(seconds / unit[1], unit[2])
    end
  end
  return core.number_text(seconds) .. "s"
end

local function trimmer(run)
  local idle = run.log.idle_trimmer
  if idle then
    run:warning("idle_trimmer",
      ("pid %d idles with the trimmer's lock: nobody else can trim"):format(idle),
      ("end it: SELECT pg_terminate_backend(%d)"):format(idle))
  end
  if not run:readable() then return end
  local rows, err = run:ask("newest", MIN_ROWS)
  if not rows then return err end
  local newest, older_than = rows[1], argument(run.older_than)
  if newest and newest.age > run.older_than then
    local message = "the newest %s aside, changes in the log are %s old and older: no trim seems "
      .. "to run, or a consumer holds it up"
    run:warning("not_trimmed", message:format(units.count(MIN_ROWS), units.duration(newest.age)),
      "run from cron, every few minutes: "
      .. run:command(("trim --older-than %s --quiet"):format(older_than)))
  elseif not idle then
    run:ok("nothing that a trim would delete is older than " .. units.duration(run.older_than))
  end
end

local function server_vacuums(run)
  local server = run.server
  if not server.track_counts then
    run:note("track_counts_off",
      "track_counts is off: autovacuum does not work, and dead rows are not known",
      "set track_counts to on")
  elseif not server.autovacuum then
    run:warning("autovacuum_off",
      "autovacuum is off: what a trim deletes stays on the disk, and slows reading down",
      "set autovacuum to on, or VACUUM the log after each trim")
  else
    run:ok("autovacuum is on")
  end
end

-- What is deleted stays on the disk as long as a snapshot is held that was taken before.
local function snapshots(run)
  if run.server.standby then return end
  local rows, err = run:ask("snapshots")
  if not rows then return err end
  for _, row in ipairs(rows) do
    local age = row.since and run.server.now - row.since or 0
    if age > run.older_than then
      local gid = row.prepared and sql.literal(row.prepared)
      local who = gid and "the prepared transaction " .. gid or session(row)
      local message = "%s is open for %s, longer than changes are kept: what trims delete "
        .. "meanwhile stays on the disk"
      run:warning("old_snapshot", message:format(who, units.duration(age)),
        gid and end_prepared(gid)
        or ("end it: SELECT pg_terminate_backend(%d)"):format(row.pid))
    end
  end
end

local function autovacuum(run)
  server_vacuums(run)
  local log = run.log
  if not log.exists then return end
  local err = snapshots(run)
  if err then return err end
  local name, dead = run:log_name(), log.dead_rows or 0
  if log.autovacuum_off then
    run:warning("log_not_vacuumed",
      ("autovacuum is off for %s: what a trim deletes stays on the disk"):format(name),
      ("ALTER TABLE %s RESET (autovacuum_enabled)"):format(name))
  end
  if dead > MANY_DEAD and dead > log.live_rows then
    local message = "%s has %s dead rows beside %s live ones, which slows reading down"
    run:warning("dead_rows", message:format(name, units.count(dead), units.count(log.live_rows)),
      ("VACUUM %s, and see what holds autovacuum up"):format(name))
  elseif not log.autovacuum_off then
    run:ok(("%s dead rows in the log"):format(units.count(dead)))
  end
end

return {
  { "writers", writers, needs_log = true },
  { "pooler", pooler },
  { "trimmer", trimmer, needs_log = true },
  { "autovacuum", autovacuum },
}
