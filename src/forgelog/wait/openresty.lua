--- The waiter inside OpenResty (ngx_lua), where a blocked worker is an outage. Nobody can wait for
-- a foreign socket there: it looks, sleeps a moment by ngx.sleep (1, 2, 4, 8, then 10 ms), and
-- looks again. `threads` gives one that answers sooner.
-- @module forgelog.wait.openresty
-- @extends `forgelog.wait.Waiter`
local backoff = require "forgelog.connection.backoff"
local beside = require "forgelog.wait.beside"
local core = require "forgelog.core"

local FIRST, MOST = 0.001, 0.01 -- seconds between two looks: at first, at most
local SLICE = 0.25 -- seconds a thread waits at once: the worker's exit waits for it
local GRACE = 0.5 -- seconds that timers may still wait in a worker that exits
local YIELDS = " rewrite server_rewrite access content timer preread ssl_cert ssl_session_fetch "
  .. "ssl_client_hello " -- phases in which code can wait

local waiting, exiting_since = {}, nil -- waiting: by descriptor, the wait that it belongs to

-- Raises in a phase that may not yield, and in timers when a worker exits and the server keeps it
-- from doing so.
local function may_wait()
  local phase = ngx.get_phase()
  if not YIELDS:find(" " .. phase .. " ", 1, true) then
    error(("forgelog: nothing can wait in the phase %s; do this in a timer: ngx.timer.at(0, f)")
      :format(phase), 0)
  end
  exiting_since = exiting_since or ngx.worker.exiting() and core.now()
  if not exiting_since or phase ~= "timer" or core.now() - exiting_since < GRACE then return end
  error(core.error("closed", "the worker is exiting"), 0)
end

-- A waiter that passes the time between two looks by `pause`. A wait ends when another has its
-- descriptor.
local function looking(pause)
  return function(fd, events, seconds)
    local deadline, mine = core.now() + (seconds or math.huge), {}
    local moment = backoff.doubling(FIRST, MOST)
    if fd then waiting[fd] = mine end
    while true do
      may_wait()
      if fd and (waiting[fd] ~= mine or core.poll(fd, events, 0)) then return true end
      local left = deadline - core.now()
      if left <= 0 then
        if not fd and seconds == 0 then ngx.sleep(0) end -- gives way, as in other loops
        return false
      end
      pause(math.max(FIRST, math.min(moment(), left)), left, fd, events)
    end
  end
end

local function spawn(f, ...) return beside.spawn(ngx.thread.spawn, f, ...) end

local function signal()
  local semaphore = require("ngx.semaphore").new()
  return beside.signal(function(seconds)
    may_wait()
    semaphore:wait(math.max(FIRST, math.min(SLICE, seconds)))
  end, function(count) semaphore:post(count) end)
end

local function waiter(pause)
  local function cancel(fd) waiting[fd] = nil end
  return {
    name = "openresty", wait = looking(pause), now = core.now, cancel = cancel, spawn = spawn,
    signal = signal,
  }
end

local openresty = waiter(function(moment) ngx.sleep(moment) end)

--- A waiter that waits in threads of a pool (nginx.conf, main level: `thread_pool forgelog
-- threads=8;`): answers come sooner and idle feeds cost less. A pool of its own, with a thread for
-- each connection of a worker that waits at one time.
-- @string pool its name
-- @treturn forgelog.wait.Waiter
function openresty.threads(pool)
  local function slice(moment, left, fd, events)
    -- Nginx exits without waiting for an answer.
    if not fd or ngx.worker.exiting() then return ngx.sleep(moment) end
    local ok, why = ngx.run_worker_thread(pool, "forgelog.core", "poll", fd, events,
      math.min(SLICE, left))
    if ok then return end
    if why:find("not found", 1, true) then -- nginx's own text
      error("forgelog: " .. why .. " (nginx.conf: thread_pool)", 0)
    end
    ngx.sleep(moment)
  end
  return waiter(slice)
end

return openresty
