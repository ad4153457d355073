--- The live feed: every committed change as soon as it is visible, across whatever happens to the
-- connection. It delivers changes above the horizon too and remembers which, so that no long
-- transaction holds it up; its position names them, so that a restart goes on exactly there.
-- @module forgelog.feed
local backoff = require "forgelog.connection.backoff"
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local states = require "forgelog.feed.states"

local Feed = {}
Feed.__index = Feed

local SILENCE, POLL = 15, 1 -- defaults, in seconds
local ANSWER = 0.08 -- seconds beyond its time that a call waits for an answer of the server
-- States in which nothing can be asked.
local UNCONNECTED = { connect = true, subscribe = true, back_off = true }
-- Kinds of error after which a feed goes on.
local RETRIED = { connect = true, lost = true, timeout = true }

-- Decides about an error: nil when the feed goes on after a pause, else what the caller is told.
local function on_failure(self, err)
  if self._closed or self._conn:closed() then return core.error("closed", "the feed was closed") end
  self.last_error = err
  if not (self._conn:lost() or RETRIED[err.kind] or err.retryable) then
    self._state = "subscribe"
    return err
  end
  self._attempt = self._attempt + 1
  self._retry_at = self._conn:now() + backoff.delay(self._attempt, self._options)
  self._state = "back_off"
  if self._options.on_error then self._options.on_error(err, self._attempt) end
end

local function timed_out(self)
  local message, last_error = "no change within the time given", nil
  if self._state == "back_off" then
    last_error = self.last_error
    message = message .. "; not connected: " .. last_error.message
  end
  -- Before it has subscribed a feed does not know whether there was a change.
  local code = UNCONNECTED[self._state] and "not_connected" or "no_change"
  return core.error("timeout", message, nil, { code = code, last_error = last_error })
end

-- The time is over while the server still owes an answer: whether there was a change is not known,
-- and the next call goes on waiting for that answer.
local function unanswered(self)
  local err = timed_out(self)
  if err.code == "no_change" then err.code = "no_answer" end
  err.message = err.message .. "; the server has not answered yet"
  return err
end

-- One pass through the present state: changes and their number where there are some; or nil, and
-- the error that ends it.
local function pass(self, left, most)
  local state, changes, count = states[self._state](self, left, most)
  if not state and changes.code == "unfinished" then return nil, unanswered(self) end
  if not state then return nil, on_failure(self, changes) end
  self._state = state
  if count then return changes, count end
end

-- Whether the time is over. Even without any time a feed looks once.
local function is_over(self, left, looked)
  return left == 0 and self._state ~= "read" and (looked or self._state == "back_off")
end

-- Runs until changes are here, at most `most` of them; without `most` until the connection is.
local function take(self, most, timeout)
  local conn = self._conn
  local deadline = timeout and conn:now() + timeout
  if conn:in_transaction() then
    return nil, core.error("query",
      "a transaction is open on this connection; commit before taking the next changes")
  end
  if conn:lost() and self._state ~= "back_off" then self._state = "connect" end
  conn:wait_until(deadline and deadline + ANSWER)
  local looked = timeout ~= 0
  while not self._closed do
    if not most and not UNCONNECTED[self._state] then return true end
    local left = deadline and math.max(deadline - conn:now(), 0) or math.huge
    if is_over(self, left, looked) then return nil, timed_out(self) end
    looked = looked or self._state == "look"
    local changes, result = pass(self, left, most)
    if changes then return changes, result end
    if result then return nil, result end
  end
  return nil, core.error("closed", "the feed was closed")
end

--- Delivers the next change, waiting for it.
-- @number[opt] timeout seconds; nil: as long as it takes
-- @treturn forgelog.Change
-- @fails kind "timeout" when none came, "gap" when changes are gone (resync, then follow from a
-- position taken before), any other that does not pass with time
function Feed:next(timeout)
  if timeout ~= nil then check.argument("next", "timeout", timeout, "seconds") end
  local changes, err = take(self, 1, timeout)
  if not changes then return nil, err end
  return changes[1]
end

--- Delivers a list of changes as soon as some are here.
-- @int[opt=1000] max most changes
-- @number[opt] timeout seconds; nil: as long as it takes
-- @treturn forgelog.Change[]
-- @fails as from `next`
function Feed:batch(max, timeout)
  if max ~= nil then check.argument("batch", "max", max, "positive") end
  if timeout ~= nil then check.argument("batch", "timeout", timeout, "seconds") end
  local changes, err = take(self, max or 1000, timeout)
  if not changes then return nil, err end
  return changes
end

--- Waits until the feed is connected, as it always is except after a loss: a handler whose
-- connection broke may need it before it tries again.
-- @number[opt] timeout seconds; nil: as long as it takes
-- @treturn true
-- @fails as from `next`
function Feed:connected(timeout)
  if timeout ~= nil then check.argument("connected", "timeout", timeout, "seconds") end
  return take(self, nil, timeout)
end

--- `for change in feed do`: waits for each; raises what `next` would return as an error.
-- @treturn forgelog.Change
function Feed:__call()
  local change, err = self:next()
  if change then return change end
  error(err, 0)
end

--- Where a feed has to go on: everything delivered, and nothing else, is behind it. Save it when
-- the work is done.
-- @bool[opt] at_rest the position also says what holds only while nothing is worked on, where that
-- is known; to be replaced by one without before more work is begun
-- @treturn string usable wherever a position or a seq is
function Feed:position(at_rest)
  if not self._reader then return self._position end
  return self._reader:position(at_rest)
end

--- Notes that all that it has handed out has been worked on by now; before it is closed.
-- @local
-- @number seconds to wait for the server's answer
-- @return true; or nil, where that is of no use, or cannot be
function Feed:rest(seconds)
  local conn = self._conn
  if not self._reader or self._closed or conn:lost() or conn:busy() or conn:in_transaction() then
    return nil
  end
  conn:wait_until(conn:now() + seconds)
  local open = self._at_work and self._at_work()
  if not conn:tick() then return nil end
  self._reader:handled(open)
  self._reader:seek()
  return true
end

--- Has a feed compare what it has handed out with what its server has, whether or not its program
-- has anything to say to a new connection; before it is closed.
-- @local
-- @number[opt] timeout seconds
-- @return as of `connected`
function Feed:compare(timeout)
  self._on_reconnect = nil
  return self:connected(timeout)
end

--- Why a feed cannot go on where it was on the server that it is connected to now.
-- @local
-- @return "failover" or "reset"; nil: it can, as far as is known
function Feed:differs()
  if UNCONNECTED[self._state] or not self._reader then return nil end
  local reason = self._reader:gap()
  return (reason == "failover" or reason == "reset") and reason or nil
end

--- What the feed has seen, and what it does at this moment.
-- @treturn forgelog.feed.Stats
function Feed:stats()
  local reached = self._reader and self._reader:reached() or 0
  return {
    reconnects = self._reconnects,
    behind = math.max(0, self._conn:fact("high_water") - reached),
    connected = not self._conn:lost(),
    last_error = self.last_error,
    caught_up = self._caught_up and self._conn:now() - self._caught_up,
    looked = self._looked and self._conn:now() - self._looked,
    state = self._state,
    bell = self._bell,
  }
end

--- Has a function called on each connection after the first one, before anything is delivered from
-- it.
-- @tparam fun():true|nil,forgelog.Error|nil f returns true, or nil and an error, on which the feed
-- tries again as on any other
function Feed:on_reconnect(f) self._on_reconnect = f end

--- Has it remember what names of tables mean where others do.
-- @local
-- @tparam table memory see `forgelog.tables.names`
function Feed:share_names(memory) self._names = memory end

--- Has it expect that what it hands out is worked on while it looks for more.
-- @local
-- @func at_work returns a list of the seqs that are not done at that moment
function Feed:work_beside(at_work) self._at_work = at_work end

--- Has it know that the work on what it hands out commits together with its position, on a server
-- of the same cluster.
-- @local
function Feed:commit_work() self._commits_work = true end

--- For event loops that wait themselves: the socket to wait for (see `forgelog.wait`).
-- @treturn integer|nil nil: there is none
function Feed:pollfd() return self._conn:pollfd() end

--- What to wait for on it.
-- @treturn string "r", "w" or "rw"
function Feed:events() return self._conn:events() end

--- After how long `next(0)` or `batch(max, 0)` is to be called at the latest, whatever the socket
-- does.
-- @treturn number seconds
function Feed:timeout()
  local now = self._conn:now()
  if self._state == "back_off" then return math.max(0, self._retry_at - now) end
  if self._state == "arm" and states.listens(self) then return states.next_pause(self) end
  if self._state ~= "sleep" and self._state ~= "arm" then return 0 end
  self._heard = self._heard or self._conn:notified() ~= false
  return self._heard and 0 or math.max(0, self._due - now)
end

--- Ends the feed; its log stays usable.
-- @number[opt] seconds to wait for the server's answer to that, where the log is closed as well;
-- default: as long as it takes, `silence` at most
function Feed:close(seconds)
  if self._closed then return end
  self._closed = true
  local conn = self._conn
  conn:end_following()
  conn:wait_until(seconds and conn:now() + seconds)
  if conn:closed() or conn:lost() or conn:busy() then return end
  states.disarm(self)
end

function Feed:__close() self:close() end

--- Follows a log from a position; arguments are checked. See `Log:follow` of `forgelog`.
-- @function feed
-- @tparam forgelog.connection.Connection conn the connection
-- @string position as text
-- @tparam forgelog.FollowOptions options of `Log:follow`
-- @treturn forgelog.feed.Feed
return function(conn, position, options)
  local silence = options.silence or conn:limit() or SILENCE
  local self = setmetatable({
    _conn = conn:limited(silence),
    _position = position, -- where it begins
    _options = options,
    _listen = options.listen ~= false,
    _poll = options.poll or POLL,
    _linger = options.linger or 0,
    _names = {}, -- of tables: see forgelog.tables.names
    _state = "subscribe",
    _bell = "off",
    _reconnects = 0,
    _proves_at = 0, -- when a sight may be taken again
    _attempt = 0,
  }, Feed)
  if not conn:begin_following(self) then
    check.misuse("follow", "this log is followed already; close that feed or connect another log")
  end
  return self
end
