--- The one loop that waits: the core says what for, the waiter of the place waits, the core steps again.
-- @module forgelog.drive
local core = require "forgelog.core"

local drive = {}

local CANCEL_SECONDS = 2 -- how long a statement over its time may take to be cancelled before its connection is dropped

--- The error of what failed last.
function drive.failure(log)
  if log._closed then return core.error("closed", "the log was closed") end
  local err = log._core:error()
  if log._core:state() == "closed" and not log._lost then log._lost = err end
  return err
end

-- Steps until the operation has ended or the time is over: "done", "failed" or "late".
local function step(handle, waiter, deadline)
  local state = handle:step()
  while state == "read" or state == "write" do
    local left = deadline and deadline - waiter.now()
    if left and left <= 0 then return "late" end
    waiter.wait(handle:pollfd(), handle:events(), left)
    state = handle:step()
  end
  return state
end

-- libpq's own cancel blocks, so a second connection asks the server to cancel what the first one runs.
local function cancel(log, deadline)
  local helper = core.new(log._conninfo, log._name)
  local function ends(begun)
    return begun and step(helper, log._waiter, deadline) == "done"
  end
  if ends(helper:connect()) then ends(helper:begin("cancel", log._core:known().backend, log._sql)) end
  helper:close()
end

local function late(log, timeout)
  local waiter, message = log._waiter, ("no answer within %g seconds"):format(timeout)
  local deadline = waiter.now() + CANCEL_SECONDS
  if log._core:state() == "busy" then
    cancel(log, deadline)
    local state = step(log._core, waiter, deadline)
    if state == "done" then return true end
    if state == "failed" and log._core:state() == "idle" then
      return nil, core.error("timeout", message .. "; the statement was cancelled", "57014")
    end
  end
  log._core:disconnect()
  log._lost = core.error("timeout", message .. "; the connection was dropped")
  return nil, log._lost
end

--- Steps what was begun until it has ended.
-- @return true, or nil and the error
function drive.finish(log, timeout)
  local waiter = log._waiter
  timeout = timeout or log._patience or log._timeout
  log._running = coroutine.running() or "main"
  local state = step(log._core, waiter, timeout and waiter.now() + timeout)
  if log._closed then return nil, drive.failure(log) end
  local ok, err = state == "done", nil
  if state == "late" then ok, err = late(log, timeout) end
  log._running = false
  if ok then return true end
  return nil, err or drive.failure(log)
end

-- Whether another coroutine is at work here. One that raised an error in the middle (its waiter, or for lack of memory)
-- is not: it is this one again, or dead.
local function occupied(log)
  local by = log._running
  if not by or by == (coroutine.running() or "main") then return false end
  return type(by) ~= "thread" or coroutine.status(by) ~= "dead"
end

local function not_usable(log)
  if occupied(log) then
    return core.error("query", "another operation is under way on this log; use one log for each coroutine")
  end
  local lost = core.error("lost", "the connection is gone (" .. log._lost.message .. "); connect again")
  lost.retryable = true
  return lost
end

--- Begins an operation of the core and steps it until it has ended. A chunk of rows that was asked for
-- ahead comes in first; should it fail, it is asked for again, and fails then, when it is its turn.
-- @param log the log
-- @string method of the core: "query", "begin", "read" ...
-- @return true, or nil and the error
function drive.run(log, method, ...)
  if occupied(log) or log._lost then return nil, not_usable(log) end
  if log._core:state() == "busy" then
    local ok, err = drive.finish(log)
    if not ok and log._lost then return nil, err end
  end
  log._sql = method == "query" and (...) or nil
  if not log._core[method](log._core, ...) then return nil, drive.failure(log) end
  return drive.finish(log)
end

--- Connects, or connects again.
function drive.connect(log, timeout)
  log._lost, log._running = nil, false
  if not log._core:connect() then return nil, drive.failure(log) end
  if log._waiter.connecting then log._waiter.connecting(log._core) end
  return drive.finish(log, timeout or log._timeout or tonumber(log._core:option("connect_timeout")))
end

return drive
