--- A status as text for people: the log and its writers, the consumers, the watched tables.
-- @module forgelog.cli.lib.overview
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local rows = require "forgelog.consumer.rows"
local terminal = require "forgelog.cli.lib.terminal"
local units = require "forgelog.units"

local SPARK = 20 -- columns of a sparkline

local function clock(seconds)
  return seconds and os.date("%Y-%m-%d %H:%M:%S", math.floor(seconds)) or "?"
end

local function number(value) return value and units.count(value) or "?" end

local function rate(value)
  return value < 1000 and core.number_text(value, 1) or units.count(value)
end

-- One open writer: who it is, in what state, and since when.
local function describe_writer(context, one, at)
  local who = one.prepared and "prepared transaction " .. terminal.safe(one.prepared)
    or ("pid %d"):format(one.pid)
  local parts = { who, terminal.safe(one.application_name or ""), terminal.safe(one.usename or ""),
    one.state or "" }
  local words = {}
  for _, part in ipairs(parts) do
    if part ~= "" then words[#words + 1] = part end
  end
  local since = "since when this role may not know"
  if one.since then
    since = ("since %s (%s)"):format(clock(one.since), units.duration(math.max(at - one.since, 0)))
  end
  return ("             %s, %s"):format(context.color("yellow", table.concat(words, ", ")), since)
end

-- Why there is no horizon. Where `forgelog status` would say more about it, the lines below do.
local function horizon_unknown(why)
  local reason = why.remedy == "horizon" and why.cause or errors.text(why)
  return "not known: " .. reason
end

-- What is known of how far a standby is behind.
local function replay_of(context, replay)
  local words = {}
  if replay.primary then words[1] = "of " .. terminal.safe(replay.primary) end
  if replay.connected == false then
    words[1] = context.color("yellow", "not connected to a primary")
  end
  if replay.bytes then words[#words + 1] = units.bytes(replay.bytes) .. " to replay" end
  if replay.seconds then
    words[#words + 1] = ("last replayed commit %s ago"):format(units.duration(replay.seconds))
  end
  if replay.paused then words[#words + 1] = context.color("yellow", "replay is paused") end
  return words[1] and table.concat(words, ", ") or "how far it is behind is not known to this role"
end

-- Adds lines about the log and its writers.
local function add_log(context, now, lines, spark)
  local function line(name, format, ...)
    lines[#lines + 1] = ("%-11s  "):format(name) .. format:format(...)
  end
  line("log", "%s.forge_change_log, PostgreSQL %s%s", now.schema, now.server_version:match("^%S+"),
    now.standby and " (hot standby)" or "")
  if now.replay then line("standby", "%s", replay_of(context, now.replay)) end
  line("changes", "%s%s; %s%s", now.rows_exact and "" or "about ", number(now.rows),
    now.min_seq and ("seq %d to %d"):format(now.min_seq, now.max_seq) or "the log is empty",
    now.trimmed_to and now.trimmed_to > 0 and (", trimmed to %d"):format(now.trimmed_to) or "")
  if now.oldest_age then line("oldest", "%s old", units.duration(now.oldest_age)) end
  line("writes", "%s a second%s%s", rate(now.write_rate), now.retention
    and ("; at that rate the log holds %s"):format(units.duration(now.retention)) or "", spark)
  if now.horizon then
    line("horizon", "%d; %s above it", now.horizon, units.many(now.above_horizon, "change"))
  else
    line("horizon", "%s", context.color("yellow", horizon_unknown(now.horizon_why)))
  end
  line("writers", now.standby and "seen on the primary only" or "%s open",
    number(#now.writers))
  for _, one in ipairs(now.writers) do lines[#lines + 1] = describe_writer(context, one, now.at) end
  line("size", "%s on disk, %s", units.bytes(now.bytes),
    now.dead_rows and units.many(now.dead_rows, "dead row") or "? dead rows")
end

local function state_of(context, consumer)
  local paused = consumer.paused and context.color("yellow", "paused") .. ", " or ""
  if not consumer.position then
    return "keeps its position elsewhere"
  elseif consumer.gap then
    return paused .. context.color("red", "gap (" .. consumer.gap .. "): must resync")
  elseif consumer.running then
    local pid = consumer.pid and (", pid %d"):format(consumer.pid) or ""
    return paused .. context.color("green", "running" .. pid)
  end
  local running = consumer.running == nil and "whether it runs is seen on the primary only"
    or "not running"
  return ("%s%s, saved %s"):format(paused, running, clock(consumer.updated_at))
end

-- What is parked of a consumer; nothing where nothing is.
local function parked_of(context, consumer)
  if (consumer.parked or 0) == 0 then return "" end
  local waiting = consumer.parked_waiting
  return context.color("yellow", ("  %s parked%s"):format(number(consumer.parked),
    waiting > 0 and (" (%s wait)"):format(number(waiting)) or ""))
end

-- What is parked of a consumer stands under its name, whatever the lane: it is shown below the last
-- of its lanes. Returns the other consumers, and what is to be shown below which of them.
local function with_lanes(consumers)
  local last, list, below = {}, {}, {}
  for _, one in ipairs(consumers) do
    local name, lane = rows.split(one.name)
    if lane then last[name] = one end
  end
  for _, one in ipairs(consumers) do
    local lane = not one.position and last[one.name]
    if lane then below[lane] = one else list[#list + 1] = one end
  end
  return list, below
end

local function parked_of_lanes(context, consumer)
  return ("  %s, all lanes:%s"):format(terminal.safe(consumer.name), parked_of(context, consumer)
    :gsub("  ", " ", 1))
end

-- A table that a consumer reads from end to end.
local function backfill_of(context, one)
  local parts = { ("reading %s: %s"):format(terminal.safe(one.table), number(one.rows)) }
  if one.whole then
    parts[1] = ("reading %s whole: no primary key"):format(terminal.safe(one.table))
  elseif one.estimate then
    parts[1] = parts[1] .. " of about " .. number(math.max(one.estimate, one.rows))
  end
  if one.paused then parts[2] = context.color("yellow", "paused") end
  if not one.paused and not one.started_at then parts[2] = "not begun" end
  return "  " .. table.concat(parts, ", ")
end

local function add_consumers(context, now, lines, sparks)
  lines[#lines + 1] = ""
  if not now.consumers then
    lines[#lines + 1] = "consumers    not to be seen: " .. now.consumers_error
    return
  elseif not now.consumers[1] then
    lines[#lines + 1] = "consumers    none keeps its position in this database"
    return
  end
  local format = "%-20s  %-16s  %10s  %10s  %s"
  local head = format:format("consumer", "position", "behind", "for", "state")
  lines[#lines + 1] = context.color("bold", head)
  local list, of_lanes = with_lanes(now.consumers)
  for _, one in ipairs(list) do
    local state = state_of(context, one) .. parked_of(context, one) .. (sparks[one.name] or "")
    lines[#lines + 1] = format:format(terminal.safe(one.name), units.position(one.position or ""),
      number(one.lag_changes), units.duration(one.lag_seconds), state)
    for _, backfill in ipairs(one.backfills or {}) do
      lines[#lines + 1] = backfill_of(context, backfill)
    end
    if of_lanes[one] then lines[#lines + 1] = parked_of_lanes(context, of_lanes[one]) end
  end
end

local function add_tables(context, now, lines)
  lines[#lines + 1] = ""
  if not (now.tables[1] or now.lost[1]) then
    lines[#lines + 1] = "tables       none is watched"
    return
  end
  local head = ("%-20s  %-9s  %s"):format("table", "level", "triggers")
  lines[#lines + 1] = context.color("bold", head)
  for _, one in ipairs(now.tables) do
    lines[#lines + 1] = ("%-20s  %-9s  %s"):format(terminal.safe(one.name), one.level,
      one.wrong and context.color("red", one.wrong) or context.color("green", "ok"))
  end
  for _, one in ipairs(now.lost) do
    lines[#lines + 1] = ("%-20s  %-9s  %s"):format(terminal.safe(one.name), "",
      context.color("red", one.wrong))
  end
end

--- A status as text.
-- @param context of `forgelog.cli.lib.context`
-- @param now what `log:status()` returned
-- @param past what earlier looks have found, for sparklines: `rates` of writes, and `lags` by the
-- name of a consumer
return function(context, now, past)
  local lines, sparks = {}, {}
  local function spark(values)
    return #values > 1 and "  " .. terminal.sparkline(values, SPARK) or ""
  end
  for name, values in pairs(past.lags) do sparks[name] = spark(values) end
  add_log(context, now, lines, spark(past.rates))
  add_consumers(context, now, lines, sparks)
  add_tables(context, now, lines)
  return table.concat(lines, "\n") .. "\n"
end
