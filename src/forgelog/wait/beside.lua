--- What the waiters of event loops share: coroutines beside the present one, and signals between
-- coroutines. The contract of both stands in forgelog.wait.
-- @module forgelog.wait.beside
local core = require "forgelog.core"

local beside = {}

local Signal = {}
Signal.__index = Signal

-- All that wait at one time belong to one round, and wake() ends it: so a wait can tell its own
-- waking from that of an earlier one.
function Signal:wait(seconds)
  if self._remembered then
    self._remembered = false
    return true
  end
  local round = self._round or { waiting = 0, woken = false }
  self._round = round
  round.waiting = round.waiting + 1
  local deadline = core.now() + (seconds or math.huge)
  local left = seconds or math.huge
  while not round.woken and left > 0 do
    self._sleep(left)
    left = deadline - core.now()
  end
  if not round.woken then round.waiting = round.waiting - 1 end
  return round.woken
end

function Signal:wake()
  local round = self._round
  if not round or round.waiting == 0 then
    self._remembered = true
    return
  end
  self._round, round.woken = nil, true
  self._rouse(round.waiting)
end

--- Makes a signal.
-- @tparam fun(seconds:number) sleep gives way until they are over (math.huge: no limit), or until
-- `rouse` is called; it may come back earlier
-- @tparam fun(count:integer) rouse called with the number of coroutines that sleep: ends the sleep
-- of them all, without running any before it returns
-- @treturn forgelog.wait.Signal
function beside.signal(sleep, rouse)
  return setmetatable({ _sleep = sleep, _rouse = rouse, _round = nil, _remembered = false }, Signal)
end

--- Whether this Lua can yield across pcall, without which an error in a coroutine would end the
-- loop: plain Lua 5.1 cannot.
-- @tfield boolean possible
beside.possible = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil

--- Starts f(...) in a coroutine, and keeps what it raises.
-- @func start starts the function that it is called with in a coroutine, with the other arguments
-- @func f the work
-- @tparam any ... its arguments
-- @treturn forgelog.wait.Task
function beside.spawn(start, f, ...)
  local task = { ended = false, failed = false, raised = nil }
  start(function(...)
    local ok, raised = pcall(f, ...)
    task.ended, task.failed = true, not ok
    if not ok then task.raised = raised end
  end, ...)
  return task
end

return beside
