--- What a feed does next, by its state. Each state is a function of the feed, the seconds left and
-- the most changes wanted. It returns the next state; or nil and the error; or, when changes are
-- here, its own state, the changes and their number.
--
--     subscribe  the connection is new to the feed: a first tick              -> read
--     read       a scan is under way: changes are delivered      -> read, look, arm, sleep
--     look       a tick finds out whether there is anything to read -> read, subscribe, arm, sleep
--     arm        nothing was there: tries to take the bell, and LISTENs       -> look
--     sleep      armed: waits for a notification or the time to poll          -> look
--     back_off   after an error: the pause before the next try    -> connect, subscribe
--     connect    the connection is gone                                       -> subscribe
--
-- Beside its state a feed has its bell:
--
--     off        no writer has to notify: the feed polls
--     armed      another follower holds the bell, so writers notify
--     owned      this feed holds the bell, so writers notify
--     asked      whether it holds the bell is not known: the answer is on its way
--
-- Only a feed whose bell is not off LISTENs, and it delivers nothing as long as that is so: a
-- handler may work for minutes, and the server would have to keep for it what others are told.
-- @module forgelog.feed.states
local backoff = require "forgelog.connection.backoff"
local bell = require "forgelog.feed.bell"
local core = require "forgelog.core"
local drain = require "forgelog.drain"
local names = require "forgelog.tables.names"
local proof = require "forgelog.feed.proof"

-- Seconds between two looks while writers are open that do not ring the bell: at first, at most.
local FIRST, MOST = 0.001, 0.25
-- Seconds between two notifications from which on it is quiet.
local QUIET = 0.05
-- Of the time that a pass took, the share that a feed rests after it for each change that came, and
-- the longest rest in seconds.
local REST_EACH, REST_MOST = 0.1, 0.05

local states = { disarm = bell.disarm }

-- Takes steps in their order. Where one is left unfinished, the next call goes on with it.
local function in_steps(self, steps)
  if not self._step then self._step, self._began = 1, self._conn:now() end
  while steps[self._step] do
    local ok, err = steps[self._step](self)
    if not ok then
      if err.code ~= "unfinished" then self._step = nil end
      return nil, err
    end
    self._step = self._step + 1
  end
  self._step = nil
  return true
end

-- The connection is gone.
function states.connect(self)
  local ok, err = self._conn:reconnect()
  if not ok then return nil, err end
  self._reconnects = self._reconnects + 1
  self._bell, self._listening, self._step = "off", false, nil
  return "subscribe"
end

-- What the feed delivers, in words of the log, may be other names now: a table was renamed, or a
-- partition has joined one. Then its reader looks again for all that it was not to deliver before.
local function open_reader(self)
  local conn = self._conn:limited(self._conn:limit()) -- all of it is one step
  local filter, err = names.resolve(conn, "follow", self._options, self._names)
  if not filter then return nil, err end
  local wanted = filter.tables and table.concat(filter.tables, "\0")
  if not self._reader then
    local live = self._options.settled and "settled" or true
    self._reader, err = self._conn:reader(self._position, filter, live)
    if not self._reader then return nil, err end
    if self._at_work then self._reader:work_beside() end
    if self._commits_work then self._reader:commit_work() end
  elseif wanted ~= self._wanted then
    local position = self._reader:position()
    local ok, why = self._reader:want(filter)
    if not ok then -- the reader is closed; another one goes on from there
      self._reader, self._position = nil, position
      return nil, why
    end
  end
  self._wanted = wanted
  return true
end

local subscribing = {
  states.disarm,
  function(self) return self._conn:locate() end,
  function(self)
    if self._reconnects == 0 or not self._on_reconnect then return true end
    return self._on_reconnect()
  end,
  function(self) return self._conn:tick() end,
  open_reader,
  function(self) return self._conn:verify(self._reader) end,
}

-- Whose position names rows that are here may still be at another server than before: then what the
-- tick has found is forgotten, nothing is read, and the next look is the first one.
local function note_look(self)
  self._looked = self._conn:fact("ticks") > 0 and self._began or nil
end

-- The connection is new to this feed, or an error has left it in nobody knows what condition.
function states.subscribe(self)
  local ok, err = in_steps(self, subscribing)
  if not ok then return nil, err end
  self._reader:seek()
  self._pause, self._attempt, self._came, self._worked = nil, 0, 0, 0
  note_look(self)
  return "read"
end

-- Pauses between looks that find nothing; they begin anew when changes come.
local function pauses(self)
  self._pause = self._pause or backoff.doubling(FIRST, math.min(MOST, self._poll))
  return self._pause
end

--- Seconds of the pause that comes next.
function states.next_pause(self) return pauses(self)(true) end

-- Whether a feed of what is settled sees changes that an open writer holds up. Such a writer may
-- roll back, and then nobody is notified.
local function held_up(self)
  local conn = self._conn
  return self._options.settled and conn:fact("horizon") < conn:fact("high_water")
end

-- What follows where nothing was there.
local function nothing_came(self)
  self._caught_up = self._looked or self._caught_up
  self._due = self._conn:now() + self._poll
  if held_up(self) then return "arm" end
  return self._bell == "off" and "arm" or "sleep"
end

-- Under load a feed rests the longer the more has come and the longer that took, and more gathers
-- meanwhile: writers need the processors too. At a rate that it easily keeps up with it hardly
-- rests at all.
local function rest(self, seconds)
  local pause = math.min(self._worked * self._came * REST_EACH, REST_MOST, seconds)
  self._came = 0
  if pause > 0 then self._conn:sleep(pause) end
end

-- A pass can bring nothing: seqs were given to writers that have not committed, or whose changes
-- are not wanted. Then a feed that has armed goes on sleeping. Where it is quiet, what woke a feed
-- is most likely all that there is: it lies down again, and looks only as it has to then.
function states.read(self, seconds, most)
  if self._bell ~= "off" then
    local here, err = drain.here(self._conn, self._reader)
    if here == false then return nothing_came(self) end
    if here then here, err = states.disarm(self) end
    if not here then return nil, err end
  end
  local ok, why = proof.look(self)
  if not ok then return nil, why end
  local began = self._conn:now()
  local changes, result = drain.next_batch(self._conn, self._reader, most)
  self._worked = self._worked + self._conn:now() - began
  if changes then
    self._pause, self._came = nil, self._came + result
    return "read", changes, result
  end
  if result then return nil, result end
  if self._came == 0 then return nothing_came(self) end
  if self._quiet then
    self._quiet, self._came = false, 0
    return "arm"
  end
  rest(self, seconds)
  return "look"
end

local looking = {
  function(self) return self._conn:tick() end,
  function(self) return self._conn:verify(self._reader) end,
  function(self)
    note_look(self)
    self._worked = self._conn:now() - self._began
    self._reader:handled(self._open)
    self._ahead, self._renamed = self._reader:seek(), false
    return true
  end,
  -- Only what is read under the names of before can be missed.
  function(self)
    local err
    if self._ahead then self._renamed, err = names.changed(self._conn, self._names) end
    return self._renamed ~= nil, err
  end,
}

-- What it finds is true of when it `began`, however long its answer is waited for.
function states.look(self)
  if self._at_work and not self._step then self._open = self._at_work() end
  local ok, err = in_steps(self, looking)
  if not ok then return nil, err end
  if self._renamed then return "subscribe" end
  return self._ahead and "read" or nothing_came(self)
end

-- Waits until it is time to poll, or for less long. Returns whether it is time.
local function pause_until_due(self, seconds, for_notification)
  local conn = self._conn
  local left = math.max(0, math.min(seconds, self._due - conn:now()))
  if for_notification then conn:wait_readable(left) else conn:sleep(left) end
  return conn:now() >= self._due
end

-- Waits a moment, without the bell.
local function look_again_soon(self, seconds)
  local ok, err = states.disarm(self)
  if not ok then return nil, err end
  pause_until_due(self, math.min(pauses(self)(), seconds))
  return "look"
end

--- Whether the feed may be notified: not as it wishes, nor on a hot standby, which refuses LISTEN.
function states.listens(self) return self._listen and not self._conn:fact("standby") end

-- Whoever gets the bell LISTENs, looks once more and then sleeps. Where another follower holds it,
-- this one has to LISTEN first and then see that it still does: whoever gives the bell back
-- notifies, so that those who LISTEN by then take it over. Where a feed cannot lie down, writers
-- are open that saw nobody asleep and will not notify, so it looks again soon. So does one that is
-- held up.
function states.arm(self, seconds)
  if not states.listens(self) then
    return (pause_until_due(self, seconds) or seconds == 0) and "look" or "arm"
  end
  if held_up(self) then return look_again_soon(self, seconds) end
  local ok, err = in_steps(self, bell.taking)
  if not ok then return nil, err end
  return self._bell == "off" and look_again_soon(self, seconds) or "look"
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
  local ok, err = states.disarm(self)
  if not ok then
    self._heard = err.code == "unfinished"
    return nil, err
  end
  local now = self._conn:now()
  self._quiet, self._woken = now - (self._woken or 0) > QUIET, now
  local gathers = math.min(self._linger, seconds)
  if gathers > 0 then self._conn:sleep(gathers) end
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
