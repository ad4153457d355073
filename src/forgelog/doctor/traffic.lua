--- Checks of what goes on: who writes, who reads, who trims, and what stands between.
-- @module forgelog.doctor.traffic
local database = require "forgelog.database"
local drive = require "forgelog.drive"
local units = require "forgelog.cli.units"

local SHORT, LONG = 5, 60 -- seconds a writer may stay open: without a word, and without a warning
local LOOKS = 5 -- at which server connection two clients of a pooler have
local FLOOR = 60 -- seconds of lag that are nothing to speak of
local DAY = 86400

local function literal(text) return "'" .. text:gsub("'", "''") .. "'" end

local function prepared(run, row, open)
  local gid = literal(row.prepared)
  run:warning("writers", ("the prepared transaction %s is open for %s and holds the horizon: drain hands out nothing above its "
    .. "first change"):format(gid, open), ("COMMIT PREPARED %s or ROLLBACK PREPARED %s"):format(gid, gid))
end

-- One writer that is open for long; returns whether it is one that idles.
local function long_writer(run, row, age)
  local open = units.duration(age)
  if row.prepared then return false, prepared(run, row, open) end
  local who = ("pid %d (%s, role %s)"):format(row.pid, row.application_name ~= "" and row.application_name or "no name",
    row.usename)
  local idle = (row.state or ""):find("^idle in transaction") ~= nil
  local severity = (idle or age > LONG) and "warning" or "note"
  run[severity](run, "writers", ("%s has written to the log, is open for %s%s and holds the horizon: drain hands out nothing "
    .. "above its first change"):format(who, open, idle and ", idle in transaction," or ""),
    idle and ("end it: SELECT pg_terminate_backend(%d); or have the server do that by idle_in_transaction_session_timeout")
      :format(row.pid) or "let it end, and commit in smaller steps")
  return idle
end

local function judge_writers(run, rows)
  local long, hidden, idles = 0, 0, false
  for _, row in ipairs(rows) do
    local age = row.since and run.server.now - row.since
    if not age then
      hidden = hidden + 1
    elseif age > SHORT then
      long = long + 1
      idles = long_writer(run, row, age) or idles
    end
  end
  if hidden > 0 then
    run:note("writers", ("how long %s are open is hidden from this role"):format(units.many(hidden, "writer")),
      ("GRANT pg_read_all_stats TO %s"):format(run.server.quoted_role))
  elseif long == 0 then
    run:ok("writers", ("no writer is open for longer than %d s"):format(SHORT))
  end
  if idles and run.server.idles_forever then
    run:note("writers", "idle_in_transaction_session_timeout is 0: a writer may idle for ever",
      "ALTER SYSTEM SET idle_in_transaction_session_timeout = '1min'; SELECT pg_reload_conf()")
  end
end

local function writers(run)
  if not (run.place.log and run.place.uses) then return end
  if run.server.standby then
    return run:note("writers", "not checked: they are seen on the primary only", "look there")
  end
  local log = run.log
  local ok, err = drive.run(log, "begin", "look")
  if ok then ok, err = drive.run(log, "begin", "holders") end
  if not ok then return err end
  judge_writers(run, (log._core:rows()))
end

local function backend(log)
  local row = database.one(log, database.sql("doctor_backend"))
  return row and row.pid
end

-- Whether two clients are served by one server connection, which only happens between transactions.
local function shared(log, other)
  for _ = 1, LOOKS do
    local first, second = backend(log), backend(other)
    if first and first == second then return true end
  end
  return false
end

local function pooler(run)
  local log = run.log
  if run.server.pid == log._core:known().backend then return run:ok("pooler", "no pooler stands before the server") end
  local other, err
  if not log._core:in_transaction() then
    other, err = require("forgelog").connect(log._conninfo, { schema = log.schema, wait = log._waiter, timeout = 5 })
  end
  local transactions = other and shared(log, other)
  if other then other:close() end
  if transactions then
    return run:warning("pooler", "a pooler in transaction mode stands before the server: LISTEN, the consumers' names and the "
      .. "trimmer's lock do not hold there", "forgelog follow --no-listen, or connect past it")
  end
  run:note("pooler", ("a pooler stands before the server%s"):format(other and ", in session mode as it seems"
    or err and ("; its mode is not known: " .. err.message) or "; its mode is not known"),
    "should it be in transaction mode: forgelog follow --no-listen, or connect past it")
end

-- Seconds as the command takes them.
local function argument(seconds)
  for _, unit in ipairs({ { DAY, "d" }, { 3600, "h" }, { 60, "m" } }) do
    if seconds >= unit[1] and seconds % unit[1] == 0 then return ("%.0f%s"):format(seconds / unit[1], unit[2]) end
  end
  return ("%gs"):format(seconds)
end

local function trimmer(run)
  local place, advice = run.place, run:command("trim --older-than " .. argument(run.older_than))
  if place.idle_trimmer then
    run:warning("trimmer", ("pid %d idles with the trimmer's lock: nobody else can trim"):format(place.idle_trimmer),
      ("end it: SELECT pg_terminate_backend(%d)"):format(place.idle_trimmer))
  end
  if not run:readable("trimmer") then return end
  local row, err = database.one(run.log, database.sql("doctor_newest", { schema = place.schema }))
  if err then return err end
  if row and row.age > run.older_than then
    run:warning("trimmer", ("the newest 1,000 aside, changes in the log are %s old and older: no trim seems to run, or a "
      .. "consumer holds it up"):format(units.duration(row.age)), ("run from cron, every few minutes: %s --quiet"):format(advice))
  elseif not place.idle_trimmer then
    run:ok("trimmer", ("nothing that a trim would delete is older than %s"):format(argument(run.older_than)))
  end
end

local function autovacuum(run)
  local place = run.place
  if not place.log then return end
  local name = place.schema .. ".forge_change_log"
  if place.unvacuumed then
    run:warning("autovacuum", ("autovacuum is off for %s: what a trim deletes stays on the disk"):format(name),
      ("ALTER TABLE %s RESET (autovacuum_enabled)"):format(name))
  end
  if (place.dead or 0) > 100000 and place.dead > place.live then
    run:warning("autovacuum", ("%s has %s dead rows beside %s live ones, which slows reading down"):format(name,
      units.count(place.dead), units.count(place.live)), ("VACUUM %s, and see what holds autovacuum up"):format(name))
  elseif not place.unvacuumed then
    run:ok("autovacuum", ("%s dead rows in the log"):format(units.count(place.dead or 0)))
  end
end

local WHY = {
  trimmed = "trims have passed it by", reset = "the log was recreated or restored",
  failover = "the server failed over to another timeline",
}

-- What is wrong with one consumer; true where something is.
local function judge_consumer(run, one, limit, at)
  local name, forget = one.name, run:command("forget " .. run.word(one.name))
  local lag = ("%s behind, the oldest of %s"):format(units.many(one.lag_changes, "change"), units.duration(one.lag_seconds))
  if one.gap then
    run:error("consumers", ("consumer %s has missed changes: %s"):format(name, WHY[one.gap] or one.gap),
      ("start it, so that it resyncs; where it does not by itself, read the tables anew after: %s"):format(forget))
  elseif one.lag_changes > 0 and not one.pid and not run.server.standby and at - one.updated_at > DAY then
    run:warning("consumers", ("no session runs consumer %s, which has not moved for %s and is %s: it holds up a trim with "
      .. "--keep-consumers, and another trim passes it by"):format(name, units.duration(at - one.updated_at), lag),
      ("start it; where it is not wanted any more: %s"):format(forget))
  elseif one.lag_changes > 0 and one.lag_seconds > math.max(limit / 2, FLOOR) then
    run:warning("consumers", ("consumer %s is %s, and trims delete what is older than %s: they may pass it by"):format(name, lag,
      units.duration(limit)), ("%s it, and until it has caught up trim with --keep-consumers"):format(one.pid and "speed up"
      or "start"))
  else
    return false
  end
  return true
end

local function consumers(run)
  if not run.place.state or not run:readable("consumers") then return end
  if run.place.stateless then
    return run:note("consumers", "not checked: forge_change_log_state has lost its row", run:command("install"))
  end
  local now, err = run.log:status({ settle = 0 })
  if not now then return err end
  if now.consumers_error then
    return run:note("consumers", "not checked: " .. now.consumers_error,
      ("GRANT SELECT ON %s.forge_change_log_consumers TO %s"):format(run.place.schema, run.server.quoted_role))
  end
  -- where trims take place, the oldest change is as old as they let any become
  local trims = (now.trimmed_to or 0) > 0 and now.oldest_age
  local limit, wrong = math.min(run.older_than, trims or run.older_than), false
  for _, one in ipairs(now.consumers) do wrong = judge_consumer(run, one, limit, now.at) or wrong end
  if not wrong then
    run:ok("consumers", #now.consumers == 0 and "no consumer keeps its position here"
      or ("%s, none far behind"):format(units.many(#now.consumers, "consumer")))
  end
end

return {
  { "writers", writers }, { "pooler", pooler }, { "trimmer", trimmer }, { "autovacuum", autovacuum },
  { "consumers", consumers },
}
