--- What a feed does next, by its state. Each state is a function of the feed, the seconds left and
-- the most changes wanted. It returns the next state; or nil and the error; or, when changes are
-- here, its own state, the changes and their number.
--
--     subscribe  the connection is new to the feed: LISTEN, and a first tick  -> read
--     read       a scan is under way: changes are delivered                   -> read, look
--     look       a tick finds out whether there is anything to read           -> read, arm, sleep
--     arm        nothing was there: tries to take the bell                    -> look
--     sleep      armed: waits for a notification or the time to poll          -> look
--     back_off   after an error: the pause before the next try    -> connect, subscribe
--     connect    the connection is gone                                       -> subscribe
--
-- Beside its state a feed has its bell:
--
--     off        no writer has to notify: the feed polls
--     armed      another follower holds the bell, so writers notify
--     owned      this feed holds the bell, so writers notify
--     disarming  this feed holds the bell and was woken: the next tick gives it away
-- @module forgelog.feed.states
local backoff = require "forgelog.connection.backoff"
local core = require "forgelog.core"
local drain = require "forgelog.drain"
local names = require "forgelog.tables.names"

-- Seconds between two looks while writers are open that do not ring the bell.
local FIRST, MOST = 0.001, 0.01

local states = {}

--- Gives the bell back, where the feed holds it: as long as it is held, every writer notifies.
-- @return true; or nil and an error
function states.disarm(self)
  if self._bell == "owned" or self._bell == "disarming" then
    local rows, err = self._conn:run("feed.disarm")
    if not rows then return nil, err end
  end
  self._bell = "off"
  return true
end

-- The connection is gone.
function states.connect(self)
  local ok, err = self._conn:reconnect()
  if not ok then return nil, err end
  self._reconnects = self._reconnects + 1
  self._bell = "off"
  return "subscribe"
end

-- What the feed delivers, in words of the log, may be other names now: a table was renamed, or a
-- partition has joined one. Then it goes on from its position with another reader.
local function open_reader(self)
  local filter, err = names.resolve(self._conn, "follow", self._options, self._names)
  if not filter then return nil, err end
  local wanted = filter.tables and table.concat(filter.tables, "\0")
  if self._reader and wanted == self._wanted then return true end
  local position = self._position
  if self._reader then
    position = self._reader:position()
    self._reader:close()
  end
  self._reader, self._wanted = self._conn:reader(position, filter, true), wanted
  return true
end

-- The connection is new to this feed, or nobody knows in what condition an error has left it.
function states.subscribe(self)
  local conn = self._conn
  local ok, err = states.disarm(self)
  if ok then ok, err = conn:locate() end
  if ok and self._reconnects > 0 and self._on_reconnect then ok, err = self._on_reconnect() end
  if ok and self._listen then ok, err = conn:run("feed.listen") end
  if ok then ok, err = conn:tick() end
  if ok then ok, err = open_reader(self) end
  if not ok then return nil, err end
  self._reader:seek()
  self._looked = conn:now()
  self._pause, self._attempt = backoff.doubling(FIRST, MOST), 0
  return "read"
end

-- Under load a feed rests as long as it worked, and changes gather meanwhile: writers need the
-- processors too.
local function rest(self, seconds)
  local worked = math.max(FIRST, math.min(self._conn:now() - self._looked, MOST))
  if seconds > 0 then self._conn:sleep(math.min(seconds, worked)) end
end

function states.read(self, seconds, most)
  local changes, result = drain.next_batch(self._conn, self._reader, most)
  if changes then return "read", changes, result end
  if result then return nil, result end
  rest(self, seconds)
  return "look"
end

function states.look(self)
  local conn = self._conn
  self._looked = conn:now()
  local disarming = self._bell == "disarming"
  local ok, err
  if disarming then
    ok, err = conn:disarm()
  else
    ok, err = conn:tick()
  end
  if not ok then return nil, err end
  if disarming then self._bell = "off" end
  self._reader:handled()
  if self._reader:seek() then
    self._pause = backoff.doubling(FIRST, MOST)
    ok, err = states.disarm(self)
    if not ok then return nil, err end
    return "read"
  end
  self._caught_up = self._looked
  self._due = conn:now() + self._poll
  return self._bell == "off" and "arm" or "sleep"
end

-- Waits until it is time to poll, or for less long. Returns whether it is time.
local function pause_until_due(self, seconds, for_notification)
  local conn = self._conn
  local left = math.max(0, math.min(seconds, self._due - conn:now()))
  if for_notification then conn:wait_readable(left) else conn:sleep(left) end
  return conn:now() >= self._due
end

-- Whoever gets the bell, or sees another follower hold it, looks once more and then sleeps.
-- Otherwise writers are open that saw nobody asleep and will not notify, so the feed looks again
-- soon.
function states.arm(self, seconds)
  if not self._listen then
    return (pause_until_due(self, seconds) or seconds == 0) and "look" or "arm"
  end
  local rows, err = self._conn:run("feed.arm")
  if not rows then return nil, err end
  self._bell = rows[1].got and "owned" or rows[1].asleep and "armed" or "off"
  if self._bell == "off" then pause_until_due(self, math.min(self._pause(), seconds)) end
  return "look"
end

-- Whether a notification has come by now, or comes in time; nil and the error when the connection
-- was lost. The second result says whether it is time to poll.
local function wait_for_notification(self, seconds)
  local conn = self._conn
  local notified, err = conn:notified()
  if notified == nil then return nil, err end
  if notified or self._heard then return true end
  local due = pause_until_due(self, seconds, true)
  if conn:closed() then return nil, core.error("closed", "the log was closed") end
  notified, err = conn:notified()
  if notified == nil then return nil, err end
  return notified, due
end

-- When it is time to poll, the bell is kept for the look that follows.
function states.sleep(self, seconds)
  local notified, result = wait_for_notification(self, seconds)
  self._heard = false
  if notified == nil then return nil, result end
  if not notified then return (result or seconds == 0) and "look" or "sleep" end
  self._bell = self._bell == "owned" and "disarming" or "off"
  if self._linger > 0 then self._conn:sleep(self._linger) end
  return "look"
end

-- Waits out the pause between two tries.
function states.back_off(self, seconds)
  local left = self._retry_at - self._conn:now()
  if left > 0 then self._conn:sleep(math.min(left, seconds)) end
  if left > seconds then return "back_off" end
  return self._conn:lost() and "connect" or "subscribe"
end

return states
