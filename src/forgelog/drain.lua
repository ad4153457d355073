--- Draining: everything settled after a position, in ascending seq, chunk by chunk.
-- @module forgelog.drain
local core = require "forgelog.core"
local drive = require "forgelog.drive"

local drain = {}

local BATCH = 64 -- changes handed to Lua by one call into the core
local SETTLE_KNOWN = 0.25 -- seconds to wait for writers whose lower bound is known: short ones go, long ones hold nobody up
local SETTLE_PAUSE = { 0.001, 0.05 } -- seconds between two ticks: at first, at most
local AHEAD_LEAST = 8192 -- with a limit below this nothing is asked for ahead

-- Ticks until the writers that this drain saw first have gone, so that all it can see now is settled. On a connection
-- that has ticked before, those of its first tick are open since then at most, and what is below is settled already.
-- Returns how many are left when the time is over.
local function settle(log, seconds)
  local handle, waiter = log._core, log._waiter
  local ok, err = drive.run(log, "begin", "look")
  if ok then ok, err = drive.run(log, "begin", "tick") end
  if not ok then return nil, err end
  local known, pause = handle:known(), SETTLE_PAUSE[1]
  if known.tick > 1 then seconds = math.min(seconds, SETTLE_KNOWN) end
  local deadline = waiter.now() + seconds
  while handle:awaited(known.tick, known.top) > 0 and waiter.now() < deadline do
    waiter.wait(nil, "", pause)
    pause = math.min(pause * 2, SETTLE_PAUSE[2])
    ok, err = drive.run(log, "begin", "tick")
    if not ok then return nil, err end
  end
  return handle:awaited(known.tick, known.top)
end

--- The position that a resync beginning now goes on from: nothing that commits later is behind it.
-- @return the position's text; or nil and an error, kind "timeout" when a writer that this connection does not know the
-- beginning of stays open
function drain.position(log, seconds)
  local left, err = settle(log, seconds)
  if not left then return nil, err end
  local known = log._core:known()
  if left == 0 or known.horizon > 0 then return ("%d:%d"):format(known.timeline, known.horizon) end
  return nil, core.error("timeout", ("%d transactions that have written to the log, or may have, were "
    .. "open before this connection and still are; log:horizon() tells which"):format(left))
end

-- One chunk for a slot: finishes the one under way, or asks for it.
local function fetch(log, slot, most)
  if log._core:state() == "busy" then return drive.finish(log) end
  return drive.run(log, "read", slot, most)
end

--- Changes for a slot of the core as soon as some are here.
-- @return a list and its length; nil and "over" or "stale"; or nil, "failed" and the error
function drain.take(log, slot, generation, most)
  while true do
    local changes, count = log._core:take(slot, generation, most or BATCH)
    if changes and count > 0 then return changes, count end
    if not changes then
      if count ~= "wanted" then return nil, count end
      local ok, err = fetch(log, slot, most and most > BATCH and most or 0)
      if not ok then return nil, "failed", err end
    end
  end
end

-- Opens (or opens again, after somebody else's drain on this log) behind what was handed out last.
local function open(log, position, tables, last, settle_seconds)
  if not last then
    local ok, err = settle(log, settle_seconds)
    if not ok then error(err, 0) end
  end
  local generation, wrong = log._core:open("drain", position, tables)
  if not generation then error("forgelog: drain: " .. wrong, 0) end
  log._core:pass("drain", last)
  return generation
end

--- The iterator of `log:drain`; arguments are checked.
function drain.iterate(log, position, options)
  local handle = log._core
  local left, generation, last, over = options.limit, nil, nil, options.limit == 0
  local batch, at, count, consumed = {}, 0, 0, 0

  local function refill()
    if count > 0 then last = batch[count].seq end
    while not over do
      generation = generation or open(log, position, options.tables, last, options.settle or 5)
      local changes, state, err = drain.take(log, "drain", generation, left and math.min(left, BATCH))
      if changes then
        batch, at, count = changes, 1, state
        consumed = consumed + 1
        if left then
          left = left - count
          over = left == 0
        end
        -- the server works on the next chunk while the program works on this one
        if consumed > 2 and (not left or left > AHEAD_LEAST) and handle:ahead("drain") then handle:read("drain") end
        return changes[1]
      end
      generation = nil
      if err then error(err, 0) end
      over = state == "over"
    end
    batch, count = {}, 0
  end

  return function()
    if log._closed then log:_usable("drain") end
    at = at + 1
    local change = batch[at]
    if change == nil then return refill() end
    return change
  end
end

return drain
