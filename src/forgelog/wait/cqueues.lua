--- The waiter under cqueues: the coroutine that waits gives way to the others of its controller.
-- Outside of a controller it blocks, as cqueues.poll does there.
-- @module forgelog.wait.cqueues
-- @extends `forgelog.wait.Waiter`
local beside = require "forgelog.wait.beside"
local condition = require "cqueues.condition"
local core = require "forgelog.core"
local cqueues = require "cqueues"

-- cqueues keeps a descriptor registered after the wait. The next socket may get the same number
-- (libpq tries a host after another), and would be taken for the one registered: so none is left
-- behind.
local function wait(fd, events, seconds)
  if not fd then
    cqueues.poll(seconds)
    return false
  end
  local object = { pollfd = fd, events = events }
  local ready = cqueues.poll(object, seconds)
  cqueues.cancel(fd)
  return ready == object
end

local function start(f, ...)
  local loop = cqueues.running()
  if not loop then
    error("forgelog: nothing runs beside the main program; start a coroutine: loop:wrap(f)", 0)
  end
  loop:wrap(f, ...)
end

local function spawn(f, ...) return beside.spawn(start, f, ...) end

local function signal()
  local changed = condition.new()
  return beside.signal(function(seconds) changed:wait(seconds < math.huge and seconds or nil) end,
    function() changed:signal() end)
end

return {
  name = "cqueues",
  wait = wait,
  now = core.now,
  cancel = cqueues.cancel,
  spawn = beside.possible and spawn or nil,
  signal = signal,
}
