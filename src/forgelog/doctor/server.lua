--- Checks of the server: its version and settings, whether there is a log or not.
-- @module forgelog.doctor.server
local database = require "forgelog.database"
local units = require "forgelog.cli.units"

local OLDEST = 140000 -- the version that all is written for
local FEWEST_LOCKS = 64 -- PostgreSQL's own default of max_locks_per_transaction

local function version(run)
  local server = run.server
  if server.version_number >= OLDEST then return run:ok("server", "PostgreSQL " .. server.version) end
  run:error("server", ("PostgreSQL %s is older than 14, which forgelog needs"):format(server.version),
    "upgrade the server to PostgreSQL 14 or later")
end

local function standby(run)
  if not run.server.standby then return run:ok("standby", "this server is a primary") end
  run:error("standby", "this server is a hot standby, where the primary's open writers cannot be seen: drain and follow refuse",
    "connect to the primary, by target_session_attrs=read-write")
end

local function locks(run)
  local server = run.server
  local each, used = server.locks_each, server.locks / server.slots
  local advice = ("raise max_locks_per_transaction above %d and restart the server"):format(math.max(each, FEWEST_LOCKS))
  if each < FEWEST_LOCKS then
    run:warning("locks", ("max_locks_per_transaction is %d, below PostgreSQL's default of %d, and a writer locks the log and "
      .. "the bell besides its own"):format(each, FEWEST_LOCKS),
      ("set max_locks_per_transaction to %d or more and restart the server"):format(FEWEST_LOCKS))
  end
  local taken = ("%s of the %s locks that the shared lock table has room for"):format(units.count(server.locks),
    units.count(server.slots))
  if used > 0.5 then
    run:warning("locks", taken .. " are taken; when it is full, writes fail", advice)
  elseif each >= FEWEST_LOCKS then
    run:ok("locks", taken)
  end
end

local NAMES = { synchronous_commit = "synchronous_commit", session_replication_role = "replication_role" } -- setting to check

local function tell(run, row)
  if row.name == "synchronous_commit" then
    run:warning("synchronous_commit", ("synchronous_commit is off for %s: a crash may take back changes that were handed out, "
      .. "and give their seqs again"):format(row.place), row.remedy)
  elseif not row.always then
    run:error("replication_role", ("session_replication_role is replica for %s: its writes fire no triggers and are missed"
      ):format(row.place), row.remedy .. "; or ENABLE ALWAYS TRIGGER each of forgelog's, those on the log too")
  else
    run:ok("replication_role", ("session_replication_role is replica for %s, and all triggers fire always"):format(row.place))
  end
end

local function settings(run)
  local rows, err = run.log:query(database.sql("doctor_settings"))
  if not rows then return err end
  local told = {}
  for _, row in ipairs(rows) do
    told[row.name] = true
    tell(run, row)
  end
  for _, setting in ipairs({ "synchronous_commit", "session_replication_role" }) do
    if not told[setting] then
      run:ok(NAMES[setting], ("%s is %s nowhere"):format(setting, setting == "synchronous_commit" and "off" or "replica"))
    end
  end
end

local function crashes(run)
  if run.server.fsync then return run:ok("fsync", "fsync is on") end
  run:note("fsync", "fsync is off: nothing outlives a crash of the machine for certain, the log included",
    "set fsync to on, unless all of this database can be made anew")
end

local function vacuum(run)
  local server = run.server
  if not server.track_counts then
    run:note("autovacuum", "track_counts is off: autovacuum does not work, and dead rows are not known",
      "set track_counts to on")
  elseif not server.autovacuum then
    run:warning("autovacuum", "autovacuum is off: what a trim deletes stays on the disk, and slows reading down",
      "set autovacuum to on, or VACUUM the log after each trim")
  else
    run:ok("autovacuum", "autovacuum is on")
  end
end

return {
  { "server", version }, { "standby", standby }, { "locks", locks }, { "settings", settings }, { "fsync", crashes },
  { "autovacuum", vacuum },
}
