--- forgelog status: as text, JSON, or Prometheus' format; with --watch again and again.
-- @module forgelog.cli.status
local core = require "forgelog.core"
local metrics = require "forgelog.metrics"
local terminal = require "forgelog.cli.terminal"
local units = require "forgelog.cli.units"

local KEPT = 60 -- values of a sparkline

local function clock(seconds) return seconds and os.date("%Y-%m-%d %H:%M:%S", math.floor(seconds)) or "?" end

local function number(value) return value and units.count(value) or "?" end

-- One open writer: who, in what state, since when.
local function writer(context, one, at)
  local who = one.prepared and "prepared transaction " .. terminal.safe(one.prepared) or ("pid %d"):format(one.pid)
  local parts = { who, terminal.safe(one.application_name or ""), terminal.safe(one.usename or ""), one.state or "" }
  local words = {}
  for _, part in ipairs(parts) do
    if part ~= "" then words[#words + 1] = part end
  end
  local since = one.since and ("since %s (%s)"):format(clock(one.since), units.duration(math.max(at - one.since, 0)))
    or "since when this role may not know"
  return ("             %s, %s"):format(context.color("yellow", table.concat(words, ", ")), since)
end

-- The log and its writers, as lines.
local function about_log(context, now, lines, spark)
  local function line(name, format, ...) lines[#lines + 1] = ("%-11s  "):format(name) .. format:format(...) end
  line("log", "%s.forge_change_log, PostgreSQL %s%s", now.schema, now.server_version:match("^%S+"),
    now.standby and " (hot standby)" or "")
  line("changes", "%s%s; %s%s", now.rows_exact and "" or "about ", number(now.rows),
    now.min_seq and ("seq %d to %d"):format(now.min_seq, now.max_seq) or "the log is empty",
    now.trimmed_to and now.trimmed_to > 0 and (", trimmed to %d"):format(now.trimmed_to) or "")
  if now.oldest_age then line("oldest", "%s old", units.duration(now.oldest_age)) end
  line("writes", "%.1f a second%s%s", now.write_rate,
    now.retention and ("; at that rate the log holds %s"):format(units.duration(now.retention)) or "", spark)
  if now.horizon then
    line("horizon", "%d; %s above it", now.horizon, units.many(now.above_horizon, "change"))
  else
    line("horizon", "%s", context.color("yellow", "not known: " .. now.horizon_error:gsub("; log:horizon.*", "")))
  end
  line("writers", "%d open", #now.writers)
  for _, one in ipairs(now.writers) do lines[#lines + 1] = writer(context, one, now.at) end
  line("size", "%s on disk, %s dead rows", units.bytes(now.bytes), number(now.dead_rows))
end

local function state_of(context, one)
  if one.gap then return context.color("red", "gap (" .. one.gap .. "): must resync") end
  if one.pid then return context.color("green", ("running, pid %d"):format(one.pid)) end
  return ("not running, saved %s"):format(clock(one.updated_at))
end

local function about_consumers(context, now, lines, sparks)
  lines[#lines + 1] = ""
  if not now.consumers then
    lines[#lines + 1] = "consumers    not to be seen: " .. now.consumers_error
    return
  elseif not now.consumers[1] then
    lines[#lines + 1] = "consumers    none keeps its position in this database"
    return
  end
  lines[#lines + 1] = context.color("bold", ("%-20s  %-16s  %10s  %10s  %s"):format("consumer", "position", "behind", "for",
    "state"))
  for _, one in ipairs(now.consumers) do
    lines[#lines + 1] = ("%-20s  %-16s  %10s  %10s  %s%s"):format(terminal.safe(one.name),
      #one.position > 16 and one.position:sub(1, 13) .. "..." or one.position, number(one.lag_changes),
      units.duration(one.lag_seconds), state_of(context, one), sparks[one.name] or "")
  end
end

local function about_tables(context, now, lines)
  lines[#lines + 1] = ""
  if not now.tables[1] then
    lines[#lines + 1] = "tables       none is watched"
    return
  end
  lines[#lines + 1] = context.color("bold", ("%-20s  %-9s  %s"):format("table", "level", "triggers"))
  for _, one in ipairs(now.tables) do
    lines[#lines + 1] = ("%-20s  %-9s  %s"):format(terminal.safe(one.name), one.level,
      one.wrong and context.color("red", one.wrong) or context.color("green", "ok"))
  end
end

-- The whole of it.
local function draw(context, now, past)
  local lines, sparks = {}, {}
  local function spark(values) return values and #values > 1 and "  " .. terminal.sparkline(values, past.width) or "" end
  for name, values in pairs(past.lags) do sparks[name] = spark(values) end
  about_log(context, now, lines, spark(past.rates))
  about_consumers(context, now, lines, sparks)
  about_tables(context, now, lines)
  return table.concat(lines, "\n") .. "\n"
end

local function look(log)
  local now, err = log:status()
  if not now then error(err, 0) end
  return now
end

local function keep(values, value)
  values[#values + 1] = value
  if #values > KEPT then table.remove(values, 1) end
end

-- Adds what this look tells to what is kept of those before.
local function remember(past, now)
  if past.at and now.at > past.at then
    keep(past.rates, math.max((now.max_seq or 0) - past.max_seq, 0) / (now.at - past.at))
  end
  past.at, past.max_seq = now.at, math.max(now.max_seq or 0, past.max_seq)
  for _, one in ipairs(now.consumers or {}) do
    past.lags[one.name] = past.lags[one.name] or {}
    keep(past.lags[one.name], one.lag_changes)
  end
end

-- As many lines as the terminal has room for below the head: where it scrolls it cannot be drawn over.
local function fit(text, columns, rows)
  local lines, room = {}, rows - 3
  for line in text:gmatch("([^\n]*)\n") do
    local bare = line:gsub("\27%[%d*m", ""):gsub("[\128-\191]", "")
    room = room - math.max(1, math.ceil(#bare / columns))
    if room < 0 then
      lines[math.max(#lines, 1)] = "..."
      break
    end
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\n") .. "\n"
end

-- Redraws on a terminal, from its upper left corner; elsewhere one follows the other.
local function redraw(context, text)
  local columns, rows = core.terminal(1)
  if not columns then return context.out(text, "\n") end
  if columns > 0 and rows > 0 then text = fit(text, columns, rows) end
  local head = ("%s  every %s, Ctrl-C ends it"):format(os.date("%H:%M:%S"), units.duration(context.options.interval))
  context.out("\27[H", context.color("dim", head), "\27[K\n\n", (text:gsub("\n", "\27[K\n")), "\27[J")
end

-- Looks, over a new connection where the last one was lost; nil, told, where that may pass by itself.
local function look_again(context)
  local ok, now = pcall(function() return look(context.log or context:connect()) end)
  if ok then return now end
  if type(now) ~= "table" or not now.retryable then error(now, 0) end
  context:failed(now)
  if context.log then context.log:close() end
  context.log = nil
end

local function watch(context)
  local past = { rates = {}, lags = {}, max_seq = 0, width = 20 }
  context:connect()
  if core.terminal(1) then context.out("\27[2J") end
  while true do
    local now = look_again(context)
    if now then
      remember(past, now)
      redraw(context, draw(context, now, past))
      context.flush()
    end
    context:sleep(context.options.interval)
  end
end

return function(context, options)
  if options.watch then
    local ok, err = pcall(watch, context)
    if not ok and not context.interrupted(err) then error(err, 0) end
    return
  end
  local now = look(context:connect())
  if options.prometheus then
    context.out(metrics(now))
  elseif options.json then
    context.out(context.json(now), "\n")
  else
    context.out(draw(context, now, { rates = {}, lags = {}, max_seq = 0, width = 20 }))
  end
end
