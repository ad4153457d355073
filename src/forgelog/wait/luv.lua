--- The waiter under libuv: the coroutine that waits is resumed from the loop. In the main program,
-- outside of any coroutine, it runs the loop until what it waits for is there; the loop must not be
-- running already. (Where a host refuses a connection, luv itself writes "EBADF" to stderr: so
-- libuv calls any error of a socket.)
-- @module forgelog.wait.luv
-- @extends `forgelog.wait.Waiter`
local beside = require "forgelog.wait.beside"
local core = require "forgelog.core"
local uv = require "luv"

local waiting = {} -- by descriptor: lets go what waits for it

-- Gives way until wake() was called; a second call does nothing.
local function suspend(begin)
  local me, main = coroutine.running()
  local woken = false
  if me and not main then
    begin(function()
      if woken then return end
      woken = true
      if coroutine.status(me) == "suspended" then assert(coroutine.resume(me)) end
    end)
    if not woken then coroutine.yield() end
    return
  end
  if uv.loop_mode() then
    error("forgelog: nothing can wait in a callback of the loop; start a coroutine there", 0)
  end
  begin(function() woken = true end)
  while not woken do uv.run("once") end
end

-- Calls f in the next turn of the loop. (A coroutine resumed by the one that wakes it could wake
-- another, and so on, each on the stack of the one before.)
local function later(f)
  local timer = uv.new_timer()
  timer:start(0, 0, function()
    timer:close()
    f()
  end)
end

local function start(f, ...)
  local arguments = { n = select("#", ...), ... }
  later(coroutine.wrap(function() f((unpack or table.unpack)(arguments, 1, arguments.n)) end))
end

local function spawn(f, ...) return beside.spawn(start, f, ...) end

local function signal()
  local asleep = {} -- a set of functions that wake
  return beside.signal(function(seconds)
    local timer, mine
    suspend(function(wake)
      mine = wake
      asleep[wake] = true
      if seconds == math.huge then return end
      timer = uv.new_timer()
      uv.update_time()
      timer:start(math.ceil(seconds * 1000), 0, wake)
    end)
    asleep[mine] = nil
    if timer then timer:close() end
  end, function()
    for wake in pairs(asleep) do later(wake) end
    asleep = {}
  end)
end

local function wait(fd, events, seconds)
  local timer, poll, ready = uv.new_timer(), fd and assert(uv.new_poll(fd)), false
  local function unwatch()
    poll:stop()
    poll:close()
    waiting[fd], poll = nil, nil
  end
  suspend(function(wake)
    local function ends(is_ready)
      return function()
        ready = is_ready
        wake()
      end
    end
    uv.update_time() -- the loop's clock stands while it does not turn
    if seconds then timer:start(math.ceil(seconds * 1000), 0, ends(false)) end
    if not poll then return end
    poll:start(events, ends(true))
    waiting[fd] = function()
      unwatch()
      timer:start(0, 0, ends(true)) -- in the loop's next turn, when the descriptor has been closed
    end
  end)
  timer:close()
  if poll then unwatch() end
  return ready
end

-- Ends the watch before its descriptor is closed and the number given to another.
local function cancel(fd)
  if waiting[fd] then waiting[fd]() end
end

return {
  name = "luv",
  wait = wait,
  now = core.now,
  cancel = cancel,
  spawn = beside.possible and spawn or nil,
  signal = signal,
}
