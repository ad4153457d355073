--- Connecting when a statement needs it: for connections of which it is not known whether anybody
-- will use them. One that was lost is made again at a time that its user has named, when nothing
-- belongs to a transaction on it; never in between, where a statement meant for that transaction
-- would take effect on its own. A private part of forgelog.connection.
-- @module forgelog.connection.demand
local core = require "forgelog.core"
local pump = require "forgelog.connection.pump"

local demand = {}

-- Seconds without an answer after which it is asked whether it stands: many a firewall ends a
-- connection that rests, without a word.
local RESTED = 1

-- Whether it stands, for all that is known here. What a server sends of itself to one that rests is
-- most likely its end.
local function stands(conn, state)
  if state.lost then return false end
  if conn:rested() <= RESTED and not core.poll(conn:pollfd(), "r", 0) then return true end
  return conn:run("consumer.alive") ~= nil or not state.lost
end

--- What `pump.perform` does, on a connection that is made before where it is needed and may be.
-- @param state of the connection: see forgelog.connection.pump
-- @param ... as of `pump.perform`, and so is what it returns
function demand.perform(state, ...)
  if state.may_connect and not state.life.closed and not pump.occupied(state) then
    state.may_connect = false
    local conn = state.demand
    local ok, err = stands(conn, state), nil
    if not ok then ok, err = conn:reconnect() end
    if not ok then
      state.may_connect = true -- nothing was begun
      return nil, err
    end
  end
  return pump.perform(state, ...)
end

return demand
