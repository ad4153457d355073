--- forgelog status: as text, as JSON, or in Prometheus' format; with --watch again and again; with
-- --check as an exit status.
-- @module forgelog.cli.status
local core = require "forgelog.core"
local draw = require "forgelog.cli.lib.overview"
local errors = require "forgelog.cli.lib.errors"
local health = require "forgelog.cli.lib.health"
local metrics = require "forgelog.metrics"
local units = require "forgelog.units"

local KEPT = 60 -- looks that a sparkline is made of
local INTERVAL = 2 -- seconds between two looks, where --interval does not say

-- What earlier looks have found: `rates` of writes, `lags` of each consumer, and the newest
-- `max_seq`.
local function no_past() return { rates = {}, lags = {}, max_seq = 0 } end

local function keep(values, value)
  values[#values + 1] = value
  if #values > KEPT then table.remove(values, 1) end
end

-- Adds what this look has found to the past.
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

-- As many lines as the terminal has room for below the head: if it scrolled, the next look could
-- not be drawn over this one.
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

-- Draws a look over the last one on a terminal; elsewhere one follows the other.
local function redraw(context, text)
  local columns, rows = core.terminal(1)
  if not columns then return context.out(text, "\n") end
  if columns > 0 and rows > 0 then text = fit(text, columns, rows) end
  local every = units.duration(context.options.interval)
  local head = ("%s  every %s, Ctrl-C ends it"):format(os.date("%H:%M:%S"), every)
  text = text:gsub("\n", "\27[K\n")
  context.out("\27[H", context.color("dim", head), "\27[K\n\n", text, "\27[J")
end

-- Looks, over a new connection where the last one was lost. Returns the status; or nil where that
-- failed, was reported, and may pass by itself.
local function look_again(context)
  local ok, now = pcall(function()
    local log = context.log or context:connect()
    return errors.must(log:status())
  end)
  if ok then return now end
  local err = now
  if type(err) ~= "table" or not err.retryable then error(err, 0) end
  context:report(err)
  context:disconnect()
end

-- Prints a status as JSON, where that is wanted; returns whether it did.
local function tell(context, now)
  if not context.options.json then return false end
  now.horizon_why = nil -- an error; its message is `horizon_error`
  return context:tell(now)
end

local function watch(context)
  local past = no_past()
  context.options.interval = context.options.interval or INTERVAL
  context:connect()
  if core.terminal(1) and not context.options.json then context.out("\27[2J") end
  while true do
    local now = look_again(context)
    if now and not tell(context, now) then
      remember(past, now)
      redraw(context, draw(context, now, past))
    end
    context.flush()
    context:sleep(context.options.interval)
  end
end

--- Shows the status.
-- @param context of `forgelog.cli.lib.context`
-- @param options `watch` and `interval`, `prometheus`, `check` with `lag` and `name`
-- @return the exit status
return function(context, options)
  if options.check then return health(context, options) end
  if options.watch then return context.until_signal(watch, context) end
  local now = errors.must(context:connect():status())
  if options.prometheus then
    context.out(metrics(now))
  elseif not tell(context, now) then
    context.out(draw(context, now, no_past()))
  end
end
