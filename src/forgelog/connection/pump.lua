--- The one loop that waits: the core says what for, the waiter waits, the core steps again. A
-- private part of forgelog.connection.
--
-- It works on the state that all views of a connection share: `handle` (of the core), `waiter`,
-- `settings`, `lost` (the error that ended the connection), `life` (whose `closed` its owner sets
-- by closing), `owner` (the coroutine whose operation is under way), `located` (since it was
-- connected), `connecting` (see forgelog.connection.connect), `connecting_took` (seconds that the
-- server took to let it in), `follower` (the feed on it), `unfinished` (the operation that somebody
-- has left under way, to go on with it later), `ends` (when that one is late), `answered` (when
-- an operation ended well), `demand` (the connection with the time limit for connecting, where that
-- is done on demand), `may_connect` (whether it may be, before the next statement) and `failed`
-- (what `told` returns).
-- @module forgelog.connection.pump
local core = require "forgelog.core"
local units = require "forgelog.units"

local pump = {}

-- Seconds that may pass beyond a time limit, in which the server is asked to cancel and answers.
-- Where connecting to it took longer, it is as long as that, since it takes the same round trips.
local GRACE, GRACE_MOST = 0.08, 1
local ABORTED = "25P02" -- SQLSTATE: an earlier error has ended the transaction

local function grace(state)
  return math.min(math.max(GRACE, state.connecting_took or 0), GRACE_MOST)
end

--- Steps a handle until the operation has ended or the time is over.
-- @param handle of the core
-- @param waiter that waits
-- @number[opt] deadline by the waiter's clock; nil: as long as it takes
-- @return "done", "failed" or "late"
function pump.step(handle, waiter, deadline)
  local step_state = handle:step()
  while step_state == "read" or step_state == "write" do
    local left = deadline and deadline - waiter.now()
    if left and left <= 0 then return "late" end
    waiter.wait(handle:pollfd(), handle:events(), left)
    step_state = handle:step()
  end
  return step_state
end

--- Ends the wait for a job of the core, whether it is done or not.
function pump.close_job(state, job)
  if state.waiter.cancel then state.waiter.cancel(job:pollfd()) end
  job:close()
end

-- Waits until a job of the core is done, or the time is over. Returns whether it is done.
local function await(job, waiter, deadline)
  while not job:done() do
    local left = deadline - waiter.now()
    if left <= 0 then return false end
    waiter.wait(job:pollfd(), "r", left)
  end
  return true
end

--- What is returned where an operation goes on, but nobody waits for it any longer.
function pump.unfinished()
  return core.error("timeout", "the server has not answered yet", nil, { code = "unfinished" })
end

--- The error of what failed last. Where that ended the connection, it is kept.
function pump.failure(state)
  if state.life.closed then return core.error("closed", "the log was closed") end
  local err = state.handle:error()
  if state.handle:state() == "closed" and not state.lost then state.lost = err end
  return err
end

--- Drops the connection.
function pump.disconnect(state)
  local fd = state.handle:pollfd()
  if fd >= 0 and state.waiter.cancel then state.waiter.cancel(fd) end
  state.handle:disconnect()
end

--- Cancels what is under way, and waits a moment until it has ended. A request that is still on its
-- way then might end the statement after it: so it counts as late.
-- @param state of the connection
-- @return how it has ended: "done", "failed" or "late"; nil where nothing was under way
function pump.cancel(state)
  local handle, waiter = state.handle, state.waiter
  if handle:state() ~= "busy" then return nil end
  local deadline = waiter.now() + grace(state)
  local job = handle:cancel()
  if not job then return "late" end
  local ended = pump.step(handle, waiter, deadline)
  local asked = await(job, waiter, deadline)
  pump.close_job(state, job)
  return asked and ended or "late"
end

-- What took too long is cancelled; where that does not succeed in time, the connection is dropped.
local function end_late(state, seconds)
  local handle = state.handle
  local message = "no answer within " .. units.limit(seconds)
  local ended = pump.cancel(state)
  if ended == "done" then return true end
  if ended == "failed" and handle:state() == "idle" then
    local err = handle:error()
    if err.sqlstate ~= "57014" then return nil, err end -- it had failed by itself
    return nil, core.error("timeout", message .. "; the statement was cancelled", "57014")
  end
  pump.disconnect(state)
  state.lost = core.error("timeout", message .. "; the connection was dropped")
  return nil, state.lost
end

local function me() return coroutine.running() or "main" end

--- Runs an operation as the one that is under way on the connection.
-- @param state of the connection
-- @func run called with the further arguments; returns true, or nil and an error
-- @param ... further arguments for it
-- @return what it returns; or nil and an error where the connection's owner has closed it meanwhile
function pump.own(state, run, ...)
  state.owner = me()
  local ok, err = run(...)
  if state.life.closed then return nil, pump.failure(state) end
  state.owner = nil
  if not ok and err.sqlstate ~= ABORTED then state.failed = err end
  return ok, err
end

--- The error of what has failed last since it was told before; nil: nothing has.
function pump.told(state)
  local err = state.failed
  state.failed = nil
  return err
end

local function until_ended(state, limits, deadline)
  local stop_at = math.min(deadline or math.huge, limits.stop_at or math.huge)
  local ended = pump.step(state.handle, state.waiter, stop_at < math.huge and stop_at or nil)
  if ended == "done" then
    state.answered = state.waiter.now()
    return true
  end
  if ended == "failed" or state.life.closed then return nil, pump.failure(state) end
  if stop_at ~= deadline then return nil, pump.unfinished() end
  return end_late(state, limits.seconds)
end

--- Steps what was begun until it has ended.
-- @param state of the connection
-- @param limits `seconds`: longest time for the operation (nil: none); `stop_at`: time by the
-- waiter's clock until which somebody waits for it now (nil: the end)
-- @number[opt] deadline when it is late; default: by `limits.seconds` from now on
-- @return true; or nil and the error, whose code is "unfinished" where it goes on
function pump.finish(state, limits, deadline)
  deadline = deadline or limits.seconds and state.waiter.now() + limits.seconds
  return pump.own(state, until_ended, state, limits, deadline)
end

--- Whether another live coroutine is using this connection. A coroutine that failed half-way is
-- dead, or is the caller.
function pump.occupied(state)
  local owner = state.owner
  if not owner or owner == me() then return false end
  return type(owner) ~= "thread" or coroutine.status(owner) ~= "dead"
end

--- Why nothing can be begun; nil where something can.
function pump.obstacle(state)
  if pump.occupied(state) then
    return core.error("query",
      "another operation is under way on this log; use one log for each coroutine")
  elseif state.lost then
    local message = ("the connection is gone (%s); connect again"):format(state.lost.message)
    return core.error("lost", message)
  end
end

--- What tells a statement from others, where that matters: one may be left unfinished, or was.
-- @param state of the connection
-- @param limits as of `finish`
-- @string text the SQL
-- @param ... its parameters
function pump.name(state, limits, text, ...)
  local count = select("#", ...)
  if count == 0 or not (limits.stop_at or state.unfinished) then return text end
  local words = { text }
  for i = 1, count do words[i + 1] = tostring((select(i, ...))) end
  return table.concat(words, "\0")
end

-- Ends what is under way: true where something else may be begun. Where it is what is about to be
-- begun, left unfinished before, its end is that of the new one.
local function end_pending(state, limits, deadline, what)
  local resumes = what ~= nil and state.unfinished == what
  local ok, err = pump.finish(state, limits, resumes and state.ends or deadline)
  if ok or err.code ~= "unfinished" then state.unfinished = nil end
  if resumes or not ok and (state.lost or err.code == "unfinished") then return false, ok, err end
  return true
end

--- Begins something and steps it until it has ended. Rows that a reader asked for ahead come in
-- first; should that fail, they are asked for again, and the error comes when it is their turn.
-- @param state of the connection
-- @param limits as of `finish`
-- @param what tells the operation from others: where it is the one that was left unfinished, it is
-- gone on with
-- @func begin called with the handle and the further arguments; false: it has failed already
-- @param ... further arguments for it
-- @return true; or nil and the error, as of `finish`
function pump.perform(state, limits, what, begin, ...)
  local err = pump.obstacle(state)
  if err then return nil, err end
  local deadline = limits.seconds and state.waiter.now() + limits.seconds
  if state.handle:state() == "busy" then
    local free, ok, why = end_pending(state, limits, deadline, what)
    if not free then return ok, why end
  end
  if not begin(state.handle, ...) then return nil, pump.failure(state) end
  local ok
  ok, err = pump.finish(state, limits, deadline)
  if not ok and err.code == "unfinished" then state.unfinished, state.ends = what, deadline end
  return ok, err
end

return pump
