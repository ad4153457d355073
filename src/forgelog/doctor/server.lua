--- Checks of the server: its version and settings, whether there is a log or not.
-- @module forgelog.doctor.server
local units = require "forgelog.units"

local OLDEST_VERSION = 140000 -- of PostgreSQL, that everything is written for
local FEWEST_LOCKS = 64 -- PostgreSQL's own default of max_locks_per_transaction
local NO_RIGHT = "42501" -- SQLSTATE
local MUCH = 0.5 -- the share of the lock table that may be in use

local function version(run)
  local server = run.server
  if server.version_number >= OLDEST_VERSION then return run:ok("PostgreSQL " .. server.version) end
  run:error("old_server",
    ("PostgreSQL %s is older than 14, which forgelog needs"):format(server.version),
    "upgrade the server to PostgreSQL 14 or later")
end

-- Without hot_standby_feedback, vacuum on the primary removes what a statement here still needs.
local function standby(run)
  local server = run.server
  if not server.standby then return run:ok("this server is a primary") end
  local rows, err = run.conn:run("status.replay")
  if not rows and err.sqlstate ~= NO_RIGHT then return err end
  local replay = rows and rows[1] or {}
  if replay.paused then
    run:warning("replay_paused", "this server is a hot standby whose replay is paused: nothing new "
      .. "comes here", "SELECT pg_wal_replay_resume(), as a superuser of this server")
  end
  if replay.connected and not replay.host then
    run:note("may_not_see_timeline", "this role may not see which timeline this standby receives: "
      .. "where its primary is replaced, a position that names no rows may go on for some minutes, "
      .. "although a failover has lost changes", "GRANT pg_read_all_stats TO " .. server.role
      .. ", on the primary")
  end
  if replay.connected == false then
    run:warning("not_connected", "this server is a hot standby that is not connected to a primary: "
      .. "nothing new comes here, unless it replays an archive",
      "see primary_conninfo and this server's log")
  end
  run:note("standby", "this server is a hot standby: it can be read, which any long transaction on "
    .. "the primary holds up, in whatever database; what writes to the log needs the primary",
    server.feedback and "run the doctor on the primary, too" or "set hot_standby_feedback to on "
    .. "here, or statements may be cancelled; run the doctor on the primary, too")
end

local function few_locks(run)
  local message = "max_locks_per_transaction is %d, below PostgreSQL's default of %d, and a writer "
    .. "locks the log and the bell besides its own"
  local advice = "set max_locks_per_transaction to %d or more and restart the server"
  run:warning("few_locks", message:format(run.server.locks_per_transaction, FEWEST_LOCKS),
    advice:format(FEWEST_LOCKS))
end

local function locks(run)
  local server = run.server
  local each = server.locks_per_transaction
  if each < FEWEST_LOCKS then few_locks(run) end
  local taken = ("%s of the %s locks that the shared lock table has room for"):format(
    units.count(server.locks), units.count(server.lock_slots))
  if server.locks / server.lock_slots > MUCH then
    local advice = "raise max_locks_per_transaction above %d and restart the server"
    run:warning("lock_table_full", taken .. " are taken; when it is full, writes fail",
      advice:format(math.max(each, FEWEST_LOCKS)))
  elseif each >= FEWEST_LOCKS then
    run:ok(taken)
  end
end

-- Where a setting has a value that does harm; or nil and an error.
local function places_of(run, setting)
  local err
  if not run.settings then run.settings, err = run.conn:run("doctor.settings") end
  if not run.settings then return nil, err end
  local places = {}
  for _, row in ipairs(run.settings) do
    if row.name == setting then places[#places + 1] = row end
  end
  return places
end

local function synchronous_commit(run)
  local places, err = places_of(run, "synchronous_commit")
  if not places then return err end
  local message = "synchronous_commit is off for %s: a crash may take back changes that were "
    .. "handed out, and give their seqs again"
  for _, row in ipairs(places) do
    run:warning("synchronous_commit_off", message:format(row.place), row.remedy)
  end
  if not places[1] then run:ok("synchronous_commit is off nowhere") end
end

local function replication_role(run)
  local places, err = places_of(run, "session_replication_role")
  if not places then return err end
  for _, row in ipairs(places) do
    local what = ("session_replication_role is replica for %s"):format(row.place)
    if row.always then
      run:ok(what .. ", and all triggers fire always")
    else
      run:error("replica_role", what .. ": its writes fire no triggers and are missed", row.remedy
        .. "; or ENABLE ALWAYS TRIGGER each of forgelog's, those on the log too")
    end
  end
  if not places[1] then run:ok("session_replication_role is replica nowhere") end
end

-- Whether positions can tell a failover. Some servers have no functions of the WAL.
local function timeline(run)
  if run.server.standby or not run:readable() then return end
  local conn = run.conn
  local ok, err = conn:locate()
  if ok then ok, err = conn:seqs() end
  if not ok and err.code ~= "row_security" and err.code ~= "no_state" then return err end
  if ok and conn:fact("timeline") > 0 then
    return run:ok("positions tell a failover by the server's timeline")
  end
  if not ok then return end
  local grant = "GRANT EXECUTE ON FUNCTION pg_current_wal_lsn(), pg_walfile_name(pg_lsn) TO %s, "
    .. "where the server has them; after each failover resync the consumers"
  run:warning("no_timeline", "this server does not tell its timeline: a failover that lost changes "
    .. "cannot be told from one that did not", grant:format(run.server.role))
end

-- Whether all text can be read and printed.
local function encoding(run)
  local server = run.server
  local speaks = server.client_encoding
  if server.encoding == "SQL_ASCII" then
    return run:warning("sql_ascii", "the database is in SQL_ASCII, which holds bytes of any "
      .. "encoding: names and values come as they were written, and may be no UTF-8",
      "dump it and restore it into a database in UTF8, once all of its text is in one encoding")
  elseif speaks ~= "UTF8" then
    local message = "this connection speaks %s: text that this cannot hold makes statements fail"
    return run:warning("client_encoding", message:format(speaks),
      "unset PGCLIENTENCODING and client_encoding, so that connections speak UTF8")
  end
  local of_database = server.encoding ~= "UTF8" and ", the database " .. server.encoding or ""
  run:ok("this connection speaks UTF8" .. of_database)
end

local function fsync(run)
  if run.server.fsync then return run:ok("fsync is on") end
  run:note("fsync_off", "fsync is off: nothing outlives a crash of the machine for certain, the "
    .. "log included", "set fsync to on, unless all of this database can be made again")
end

return {
  { "server", version }, { "standby", standby }, { "locks", locks },
  { "synchronous_commit", synchronous_commit }, { "replication_role", replication_role },
  { "fsync", fsync }, { "encoding", encoding }, { "timeline", timeline, needs_log = true },
}
