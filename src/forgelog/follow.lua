--- What a feed does next, by its state. Each returns the next state; nil and the error; or, when changes are here, its
-- own state, the changes and their number.
-- @module forgelog.follow
local core = require "forgelog.core"
local drain = require "forgelog.drain"
local drive = require "forgelog.drive"

local SOON = { 0.001, 0.01 } -- seconds between two looks while writers are open that ring no bell: at first, at most

local act = {}

-- The connection is gone.
function act.connect(self)
  local ok, err = drive.connect(self._log, self._silence)
  if not ok then return nil, err end
  self._reconnects = self._reconnects + 1
  self._bell = false
  return "greet"
end

local function unbell(self)
  if not self._bell then return true end
  local ok, err = drive.run(self._log, "begin", "unbell")
  if ok then self._bell = false end
  return ok, err
end

-- The connection is new to this feed, or an error left it nobody knows where: it finds the log, listens, and reads
-- whatever a first tick shows.
function act.greet(self)
  local log = self._log
  local ok, err = unbell(self)
  if ok then ok, err = drive.run(log, "begin", "look") end
  if ok and self._on_connect then ok, err = self._on_connect(log) end
  if ok and self._listen then ok, err = drive.run(log, "begin", "listen") end
  if ok then ok, err = drive.run(log, "begin", "tick") end
  if not ok then return nil, err end
  self._generation = self._generation or log._core:open("feed", self._position, self._tables)
  log._core:pass("feed")
  self._looked = log._waiter.now()
  self._armed, self._rising, self._soon, self._attempt = false, false, SOON[1], 0
  return "read"
end

-- A pass is under way. After it, where changes come fast, more are there in a moment.
function act.read(self, seconds, most)
  local changes, count, err = drain.take(self._log, "feed", self._generation, most)
  if changes then return "read", changes, count end
  if count == "over" then
    -- under load it rests as long as it worked, and gathers meanwhile: writers need the processors too
    local waiter = self._log._waiter
    local took = math.max(SOON[1], math.min(waiter.now() - self._looked, SOON[2]))
    if seconds > 0 then waiter.wait(nil, "", math.min(seconds, took)) end
    return "look"
  end
  return nil, err or core.error("closed", "another feed was opened on this log")
end

-- Gives the bell back before the program works on changes: as long as it is held every writer notifies.
local function give_back(self)
  self._armed, self._soon = false, SOON[1]
  return unbell(self)
end

-- One tick tells whether there is anything to read.
function act.look(self)
  local log = self._log
  self._looked = log._waiter.now()
  local ok, err = drive.run(log, "begin", self._rising and "rise" or "tick")
  if not ok then return nil, err end
  if self._rising then self._rising, self._bell = false, false end
  if log._core:pass("feed") then
    ok, err = give_back(self)
    if not ok then return nil, err end
    return "read"
  end
  self._due = log._waiter.now() + self._poll
  return self._armed and "sleep" or "lie_down"
end

-- Waits until it is time to poll, or for less long; returns whether it is time.
local function pause(self, seconds, fd)
  local waiter = self._log._waiter
  waiter.wait(fd, fd and "r" or "", math.max(0, math.min(seconds, self._due - waiter.now())))
  return waiter.now() >= self._due
end

-- Nothing was there. Whoever gets the bell, or sees another follower hold it, looks once more and then sleeps;
-- otherwise writers are open that saw nobody asleep and will not notify, and it looks again soon.
function act.lie_down(self, seconds)
  if not self._listen then return (pause(self, seconds) or seconds == 0) and "look" or "lie_down" end
  local ok, err = drive.run(self._log, "begin", "bell")
  if not ok then return nil, err end
  local row = self._log._core:rows()[1]
  self._bell, self._armed = row.got, row.got or row.asleep
  if not self._armed then
    pause(self, math.min(self._soon, seconds))
    self._soon = math.min(self._soon * 2, SOON[2])
  end
  return "look"
end

-- Until a notification comes, or the time to poll; in that case the bell is kept for the look that follows.
function act.sleep(self, seconds)
  local log, due = self._log, false
  local notified = log._core:notified()
  if notified == false and self._heard then notified = true end
  self._heard = false
  if notified == false then
    due = pause(self, seconds, log._core:pollfd())
    if log._closed then return nil, core.error("closed", "the log was closed") end
    notified = log._core:notified()
  end
  if notified == nil then return nil, drive.failure(log) end
  if not notified then return (due or seconds == 0) and "look" or "sleep" end
  self._rising, self._armed = self._bell, false
  if self._linger > 0 then log._waiter.wait(nil, "", self._linger) end
  return "look"
end

-- Waits out the time between two tries.
function act.back_off(self, seconds)
  local left = self._retry_at - self._log._waiter.now()
  if left > 0 then self._log._waiter.wait(nil, "", math.min(left, seconds)) end
  if left > seconds then return "back_off" end
  return self._log._lost and "connect" or "greet"
end

return act
