--- Waiting until what a connection can see is settled. A connection cannot tell when writers began
-- that were open before its first tick, so it waits for those to end.
-- @module forgelog.drain.settle
local backoff = require "forgelog.connection.backoff"
local core = require "forgelog.core"
local units = require "forgelog.units"

local settle = {}

local DEFAULT = 5 -- seconds to wait for writers that this connection sees for the first time
-- Seconds to wait where the lower bound of each of them is known: short ones end meanwhile.
local KNOWN = 0.25
local PAUSES = { 0.001, 0.05 } -- seconds between two ticks: at first, at most
local STILL_OPEN = "unknown_writers" -- the code of an error

--- Ticks until the writers have gone that the first of these ticks saw first, so that all it saw is
-- settled. On a connection that has ticked before, every open writer has a known lower bound, so a
-- short wait is enough.
-- @param conn the connection
-- @number[opt] seconds longest time to wait; default 5
-- @return how many of those writers are left; or nil and an error
function settle.wait(conn, seconds)
  local ok, err = conn:locate()
  if ok then ok, err = conn:tick() end
  if not ok then return nil, err end
  local first, seen = conn:fact("ticks"), conn:fact("high_water")
  seconds = seconds or DEFAULT
  if first > 1 then seconds = math.min(seconds, KNOWN) end
  local deadline, pause = conn:now() + seconds, backoff.doubling(PAUSES[1], PAUSES[2])
  while conn:pending_writers(first, seen) > 0 and conn:now() < deadline do
    conn:sleep(pause())
    ok, err = conn:tick()
    if not ok then return nil, err end
  end
  return conn:pending_writers(first, seen)
end

--- The position that a resync beginning now goes on from: nothing that commits later lies behind
-- it.
-- @param conn the connection
-- @number[opt] seconds longest time to wait; default 5
-- @return the text of the position; or nil and an error, kind "timeout" when a writer stays open
-- whose beginning this connection does not know
function settle.position(conn, seconds)
  local left, err = settle.wait(conn, seconds)
  if not left then return nil, err end
  local horizon = conn:fact("horizon")
  if left == 0 or horizon > 0 then return core.position_text(conn:fact("timeline"), horizon) end
  if conn:fact("standby") then
    return nil, core.error("timeout", "transactions are under way on the primary that may have "
      .. "written to the log: a hot standby shows no more of them", nil, { code = STILL_OPEN })
  end
  local message = left == 1 and "1 transaction that has written to the log, or may have, was open "
    .. "before this connection and still is" or units.count(left) .. " transactions that have "
    .. "written to the log, or may have, were open before this connection and still are"
  return nil, core.error("timeout", message, nil,
    { code = STILL_OPEN, remedy = "horizon", hint = "log:horizon() names them" })
end

return settle
