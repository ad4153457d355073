--- Checks of the consumers that keep their position in the table store.
-- @module forgelog.doctor.consumers
local parked_changes = require "forgelog.consumer.parked"
local status = require "forgelog.status"
local units = require "forgelog.units"

local DAY = 86400
-- A lag of so many seconds is nothing to speak of.
local SMALL_LAG = 60

local WHY = {
  trimmed = "has missed changes: trims have passed it by",
  reset = "has missed changes: the log was recreated or restored",
  failover = "may have missed changes: the server took over from another one, and may lack "
    .. "what was handed out there",
}

local function missed(run, one, forget)
  local advice = "start it: it resyncs, or goes on if it turns out that it has missed nothing; if "
    .. "it ends with a gap: take the new position (%s), read the tables anew, %s, then start it "
    .. "with --since and that position"
  run:error("consumer_gap", ("consumer %s %s"):format(one.name, WHY[one.gap] or one.gap),
    advice:format(run:command("position"), forget))
end

local function stands_still(run, one, lag, still, forget)
  local message = "no session runs consumer %s, which has not moved for %s and is %s: it holds up "
    .. "a trim with --keep-consumers, and another trim passes it by"
  run:warning("consumer_still", message:format(one.name, units.duration(still), lag),
    "start it; where it is not wanted any more: " .. forget)
end

local function lags(run, one, lag, kept_for)
  local message = "consumer %s is %s, and trims delete what is older than %s: they may pass it by"
  local advice = "%s, and until it has caught up trim with --keep-consumers"
  local first = one.running and "speed it up" or one.running == false and "start it"
    or "see on the primary whether it runs"
  run:warning("consumer_lag", message:format(one.name, lag, units.duration(kept_for)),
    advice:format(first))
end

-- What is wrong with one consumer; returns whether something is. Trims keep changes for a number of
-- seconds.
local function judge_consumer(run, one, kept_for, now)
  local forget = run:command("forget " .. units.word(one.name))
  local lag = ("%s behind, the oldest of %s"):format(units.many(one.lag_changes, "change"),
    units.duration(one.lag_seconds))
  local still = now - (one.updated_at or now)
  if one.gap then
    missed(run, one, forget)
  elseif one.lag_changes > 0 and not one.running and not run.server.standby and still > DAY then
    stands_still(run, one, lag, still, forget)
  elseif one.lag_changes > 0 and one.lag_seconds > math.max(kept_for / 2, SMALL_LAG) then
    lags(run, one, lag, kept_for)
  else
    return false
  end
  return true
end

local function tell_parked(run, one)
  local message = "%s of consumer %s %s parked%s, the oldest for %s: it could not handle them"
  local waiting = one.parked_waiting > 0
    and (" (%s of them only behind others)"):format(units.count(one.parked_waiting)) or ""
  local word = units.word(one.name)
  local advice = "see %s; once that is mended: %s; or leave one out: %s"
  run:warning("parked", message:format(units.many(one.parked, "change"), one.name,
    one.parked == 1 and "is" or "are", waiting, units.duration(one.parked_seconds)),
    advice:format(run:command("parked " .. word), run:command("retry " .. word),
      run:command("skip " .. word .. " SEQ")))
end

local function consumers(run)
  if not run.log.has_state or not run:readable() then return end
  if run.state_lost then
    return run:note("state_lost", "not checked: forge_change_log_state has lost its row",
      run:command("install"))
  end
  local now, err = status.status(run.conn, { settle = 0 })
  if not now then return err end
  if now.consumers_error then
    return run:note("may_not_read_consumers", "not checked: " .. now.consumers_error,
      ("GRANT SELECT ON %s_consumers TO %s"):format(run:log_name(), run.server.role))
  end
  -- Where trims take place, they keep changes for about as long as the age of the oldest one.
  local trims = (now.trimmed_to or 0) > 0
  local kept_for = math.min(run.older_than, trims and now.oldest_age or run.older_than)
  local wrong = false
  for _, one in ipairs(now.consumers) do
    wrong = judge_consumer(run, one, kept_for, now.at) or wrong
  end
  if wrong then return end
  run:ok(#now.consumers == 0 and "no consumer keeps its position here"
    or ("%s, none far behind"):format(units.many(#now.consumers, "consumer")))
end

local function parked(run)
  if not run.log.has_state or not run:readable() then return end
  local list = {}
  local ok, err = parked_changes.add(run.conn, list)
  if not ok and err.sqlstate == "42501" then
    return run:note("may_not_read_parked", "not checked: " .. err.message,
      ("GRANT SELECT ON %s_parked TO %s"):format(run:log_name(), run.server.role))
  end
  if not ok then return err end
  for _, one in ipairs(list) do tell_parked(run, one) end
  if not list[1] then run:ok("no consumer has parked changes") end
end

return {
  { "consumers", consumers, needs_log = true }, { "parked", parked, needs_log = true },
}
