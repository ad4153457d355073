--- The live feed: every committed change as soon as it is visible, across whatever happens to the connection.
-- It hands out changes above the horizon too and remembers which, so that no long transaction holds it up;
-- its position names them, so that a restart goes on exactly there.
-- @module forgelog.feed
local act = require "forgelog.follow"
local check = require "forgelog.check"
local core = require "forgelog.core"
local drive = require "forgelog.drive"
local retry = require "forgelog.retry"

local Feed = {}
Feed.__index = Feed

local UNCONNECTED = { connect = true, greet = true, back_off = true } -- states in which nothing can be asked
local RETRIED = { connect = true, lost = true, timeout = true } -- kinds of error after which it goes on by itself

-- Decides about an error: nil when the feed goes on by itself, else what the caller is told.
local function judge(self, err)
  if self._closed or self._log._closed then return core.error("closed", "the feed was closed") end
  self.last_error = err
  if not (self._log._lost or RETRIED[err.kind] or err.retryable) then
    self._state = "greet"
    return err
  end
  self._attempt = self._attempt + 1
  self._retry_at = self._log._waiter.now() + retry(self._attempt, self._options)
  self._state = "back_off"
  if self._on_error then self._on_error(err, self._attempt) end
end

local function late(self)
  local message = "no change within the time given"
  if self._state == "back_off" then message = message .. "; not connected: " .. self.last_error.message end
  return core.error("timeout", message)
end

-- Runs until changes are here, at most `most` of them; without `most` until the connection is.
local function take(self, most, timeout)
  local log, now = self._log, self._log._waiter.now
  local deadline = timeout and now() + timeout
  if log._core:in_transaction() then
    return nil, core.error("query", "a transaction is open on this connection; commit before taking the next changes")
  end
  if log._lost and self._state ~= "back_off" then self._state = "connect" end
  local looked = timeout ~= 0 -- even without any time it looks once
  while not self._closed do
    if not most and not UNCONNECTED[self._state] then return true end
    local left = deadline and math.max(deadline - now(), 0) or math.huge
    if left == 0 and self._state ~= "read" and (looked or self._state == "back_off") then return nil, late(self) end
    looked = looked or self._state == "look"
    log._patience = self._silence
    local state, changes, count = act[self._state](self, left, most)
    log._patience = nil
    if state then
      self._state = state
      if count then return changes, count end
    else
      local err = judge(self, changes)
      if err then return nil, err end
    end
  end
  return nil, core.error("closed", "the feed was closed")
end

--- Hands out the next change, waiting for it.
-- @number[opt] timeout seconds; none: as long as it takes
-- @return a change; or nil and an error: kind "timeout" when none came, "gap" when changes are gone (resync, then follow
-- from a position taken before), anything else that does not pass by itself
function Feed:next(timeout)
  if timeout ~= nil then check.argument("next", "timeout", timeout, "seconds") end
  local changes, err = take(self, 1, timeout)
  if not changes then return nil, err end
  return changes[1]
end

--- Hands out a list of changes as soon as some are here.
-- @int[opt] max most changes; 1000
-- @number[opt] timeout seconds; none: as long as it takes
-- @return a list; or nil and an error as from `next`
function Feed:batch(max, timeout)
  if max ~= nil then check.argument("batch", "max", max, "positive") end
  if timeout ~= nil then check.argument("batch", "timeout", timeout, "seconds") end
  local changes, err = take(self, max or 1000, timeout)
  if not changes then return nil, err end
  return changes
end

--- Waits until the feed is connected, as it is but for the time after a loss: a handler whose connection broke may need it
-- before it tries again.
-- @number[opt] timeout seconds; none: as long as it takes
-- @return true; or nil and an error as from `next`
function Feed:connected(timeout)
  if timeout ~= nil then check.argument("connected", "timeout", timeout, "seconds") end
  return take(self, nil, timeout)
end

--- `for change in feed do`: waits for each; raises what `next` would return as an error.
function Feed:__call()
  local change, err = self:next()
  if change then return change end
  error(err, 0)
end

--- Where a feed has to go on: all that was handed out, and nothing else, is behind it. Save it when the work is done.
-- @return text; usable wherever a position or a seq is
function Feed:position()
  if not self._generation then return self._position end
  return self._log._core:position("feed")
end

--- What the feed has seen: `reconnects`, `behind` (an upper bound of changes not yet handed out), `connected`, `last_error`.
function Feed:stats()
  local known = self._log._core:known()
  return {
    reconnects = self._reconnects,
    behind = math.max(0, known.top - known.handed),
    connected = not self._log._lost,
    last_error = self.last_error,
  }
end

--- For event loops that wait themselves: the socket to wait for (see `forgelog.wait.poll`).
function Feed:pollfd() return self._log:pollfd() end

--- What to wait for on it.
function Feed:events() return self._log:events() end

--- Seconds after which `next(0)` or `batch(max, 0)` is to be called at the latest, whatever the socket does.
function Feed:timeout()
  local now = self._log._waiter.now()
  if self._state == "back_off" then return math.max(0, self._retry_at - now) end
  if self._state == "lie_down" and self._listen then return self._soon end
  if self._state ~= "sleep" and self._state ~= "lie_down" then return 0 end
  self._heard = self._heard or self._log._core:notified() ~= false
  return self._heard and 0 or math.max(0, self._due - now)
end

--- Ends the feed; its log stays usable.
function Feed:close()
  if self._closed then return end
  self._closed = true
  local log = self._log
  log._feed = nil
  if log._closed or log._lost or log._running or not self._listen then return end
  log._patience = self._silence
  if self._bell then drive.run(log, "begin", "unbell") end
  drive.run(log, "begin", "unlisten")
  log._patience = nil
end

Feed.__close = Feed.close

--- Follows a log from a position; arguments are checked.
return function(log, position, options)
  if log._feed then check.misuse("follow", "this log is followed already; close that feed or connect another log") end
  log._feed = setmetatable({
    _log = log,
    _position = position,
    _tables = options.tables,
    _poll = options.poll or 1,
    _linger = options.linger or 0,
    _listen = options.listen ~= false,
    _silence = options.silence or log._timeout or 15,
    _options = options,
    _on_error = options.on_error,
    _state = "greet",
    _reconnects = 0,
    _attempt = 0,
  }, Feed)
  return log._feed
end
