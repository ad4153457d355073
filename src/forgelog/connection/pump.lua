--- The one loop that waits: the core says what for, the waiter waits, the core steps again. A
-- private part of forgelog.connection.
--
-- It works on the state that all views of a connection share: `handle` (of the core),
-- `new_handle()` (makes another one with the same settings), `waiter`, `settings`, `lost` (the
-- error that ended the connection), `life` (whose `closed` its owner sets by closing), `owner` (the
-- coroutine whose operation is under way), `located` (since it was connected), `statement` (the
-- text that runs; nil for one of the core's own), `follower` (the feed on it), `answered` (when an
-- operation ended well).
-- @module forgelog.connection.pump
local cancel = require "forgelog.connection.cancel"
local core = require "forgelog.core"

local pump = {}

-- How long cancelling a statement may take before its connection is dropped.
local CANCEL_SECONDS = 2

-- Steps a handle until the operation has ended or the time is over: "done", "failed" or "late".
local function step(handle, waiter, deadline)
  local step_state = handle:step()
  while step_state == "read" or step_state == "write" do
    local left = deadline and deadline - waiter.now()
    if left and left <= 0 then return "late" end
    waiter.wait(handle:pollfd(), handle:events(), left)
    step_state = handle:step()
  end
  return step_state
end

--- The error of what failed last. Where that ended the connection, it is kept.
function pump.failure(state)
  if state.life.closed then return core.error("closed", "the log was closed") end
  local err = state.handle:error()
  if state.handle:state() == "closed" and not state.lost then state.lost = err end
  return err
end

--- Cancels what is under way, and waits until it has ended.
-- @param state of the connection
-- @number seconds longest time for that
-- @return how it has ended: "done", "failed" or "late"; nil where nothing was under way
function pump.cancel(state, seconds)
  local handle, waiter = state.handle, state.waiter
  if handle:state() ~= "busy" then return nil end
  local deadline = waiter.now() + seconds
  local function ends(helper) return step(helper, waiter, deadline) == "done" end
  cancel(state.new_handle(), ends, handle:fact("backend"), state.statement)
  return step(handle, waiter, deadline)
end

-- What took too long is cancelled; where that does not succeed in time, the connection is dropped.
local function end_late(state, seconds)
  local handle = state.handle
  local message = ("no answer within %g seconds"):format(seconds)
  local ended = pump.cancel(state, CANCEL_SECONDS)
  if ended then
    if ended == "done" then return true end
    if ended == "failed" and handle:state() == "idle" then
      return nil, core.error("timeout", message .. "; the statement was cancelled", "57014")
    end
  end
  handle:disconnect()
  state.lost = core.error("timeout", message .. "; the connection was dropped")
  return nil, state.lost
end

local function me() return coroutine.running() or "main" end

--- Steps what was begun until it has ended.
-- @param state of the connection
-- @number[opt] seconds longest time; nil: as long as it takes
-- @return true; or nil and the error
function pump.finish(state, seconds)
  state.owner = me()
  local ended = step(state.handle, state.waiter, seconds and state.waiter.now() + seconds)
  if state.life.closed then return nil, pump.failure(state) end
  local ok, err = ended == "done", nil
  if ended == "late" then ok, err = end_late(state, seconds) end
  state.owner = nil
  if ok then
    state.answered = state.waiter.now()
    return true
  end
  return nil, err or pump.failure(state)
end

-- True if another live coroutine is using this connection. A coroutine that failed half-way is
-- dead, or is the caller.
local function occupied(state)
  local owner = state.owner
  if not owner or owner == me() then return false end
  return type(owner) ~= "thread" or coroutine.status(owner) ~= "dead"
end

--- Why nothing can be begun; nil where something can.
function pump.obstacle(state)
  if occupied(state) then
    return core.error("query",
      "another operation is under way on this log; use one log for each coroutine")
  elseif state.lost then
    local message = ("the connection is gone (%s); connect again"):format(state.lost.message)
    return core.error("lost", message)
  end
end

--- Begins something and steps it until it has ended. Rows that a reader asked for ahead come in
-- first; should that fail, they are asked for again, and the error comes when it is their turn.
-- @param state of the connection
-- @number[opt] seconds longest time; nil: as long as it takes
-- @string[opt] statement its text; nil for one of the core's own
-- @func begin called with the handle and the further arguments; false: it has failed already
-- @param ... further arguments for it
-- @return true; or nil and the error
function pump.perform(state, seconds, statement, begin, ...)
  local err = pump.obstacle(state)
  if err then return nil, err end
  if state.handle:state() == "busy" then
    local ok
    ok, err = pump.finish(state, seconds)
    if not ok and state.lost then return nil, err end
  end
  state.statement = statement
  if not begin(state.handle, ...) then return nil, pump.failure(state) end
  return pump.finish(state, seconds)
end

return pump
