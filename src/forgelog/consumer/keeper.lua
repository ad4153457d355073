--- Keeps a consumer's claim, and saves its position, in a coroutine of its own, while workers
-- handle changes: as often as the server answers, as long as something is done. Nothing else may
-- use the checkpoint while it is on.
-- @module forgelog.consumer.keeper
local core = require "forgelog.core"

local Keeper = {}
Keeper.__index = Keeper

-- Seconds after which it looks after the claim; the same as a part of the time of a lease.
local LOOK, PART = 1, 0.2
local FRESH = 2 -- times as long it vouches for the claim
local SLICE = 0.1 -- seconds after which who waits for it looks whether it has ended

local function nothing() end

--- The position that has all behind it that is done, and nothing else.
function Keeper:place()
  local open = self._workers:outstanding()
  return open[1] and core.without(self._position, open) or self._position
end

-- What could not be saved before comes first.
local function save(self)
  local earlier, done = self._checkpoint:unsaved(), self._workers:acknowledged()
  local ok, err = self._checkpoint:commit(self:place(), nothing)
  if ok and not earlier then self._saved = done end
  return ok, err
end

local function is_saved(self)
  return self._saved == self._workers:acknowledged() and not self._checkpoint:unsaved()
end

-- One round: true; or nil and an error.
local function keep(self)
  local checkpoint, began = self._checkpoint, self._waiter.now()
  checkpoint:step_until() -- no step waits for it
  local ok, err = checkpoint:reconnect()
  if ok then ok, err = checkpoint:prove() end
  if not ok or checkpoint:superseded() then return ok, err end
  self._kept_at = began
  if self._stirs then
    ok, err = checkpoint:stir(self._behind)
    self._stirs = not ok
  elseif not is_saved(self) then
    ok, err = save(self)
  else
    self._resting = self._rest ~= nil
    ok, err = checkpoint:heartbeat(self._rest or self:place())
    self._resting = false
  end
  self._progress:wake()
  return ok, err
end

local function is_fresh(self) return self._waiter.now() - self._kept_at <= FRESH * self._look end

-- Until there is something to do, or it is time to look.
local function sleep(self)
  local due = self._waiter.now() + self._look
  while not self._ends and not self._stirs and is_saved(self) and is_fresh(self) do
    local left = due - self._waiter.now()
    if left <= 0 then return end
    self._progress:wait(left)
  end
end

local function run(self)
  while not self._ends and not self._checkpoint:superseded() do
    local ok, err = keep(self)
    if ok then
      sleep(self)
    else
      self._err = err
      self._progress:wake()
      while self._err and not self._ends do self._progress:wait(LOOK) end
    end
  end
  self._progress:wake()
end

-- Waits until something is so, or it has ended, or the time is over.
local function wait(self, seconds, is_so)
  local deadline = seconds and self._waiter.now() + seconds
  self._progress:wake()
  while not is_so() and not self._task.ended do
    local left = deadline and deadline - self._waiter.now() or SLICE
    if left <= 0 then return end
    self._progress:wait(math.min(left, SLICE))
  end
end

--- Begins, or goes on after `stop`.
function Keeper:start()
  if self._task and not self._task.ended then return end
  self._ends = false
  self._task = self._waiter.spawn(run, self)
end

--- Leaves the checkpoint alone from then on.
-- @number[opt] seconds to wait for that at most; nil: as long as it takes
-- @treturn bool whether it does
function Keeper:stop(seconds)
  self._ends = true
  wait(self, seconds, function() return self._task.ended end)
  return self._task.ended
end

--- After it has stopped: saves what is done and not saved yet.
function Keeper:save()
  for _ = 1, 2 do
    if is_saved(self) or self._checkpoint:superseded() or not save(self) then return end
  end
end

--- The error that it has met; it tries again from then on. Raises what its coroutine has raised.
-- @return the error; nil: there is none
function Keeper:failure()
  local err, task = self._err, self._task
  if task.failed then error(task.raised, 0) end
  self._err = nil
  if err then self._progress:wake() end
  return err
end

--- Where the feed is now.
-- @string position of the feed: what it has handed out is with the workers
-- @string[opt] rest the same where all is done, with the place in the WAL on which it rests
function Keeper:move(position, rest) self._position, self._rest = position, rest end

--- Before work is begun: waits until it is known that the claim is still ours, as it nearly always
-- is. A program may have slept, or the server may be gone.
-- @func is_over called without arguments: whether to wait no longer
-- @treturn bool whether it is
function Keeper:vouch(is_over)
  while not is_fresh(self) do
    if self._checkpoint:superseded() or self._task.ended or is_over() then return false end
    self._progress:wait(SLICE)
  end
  return not self._checkpoint:superseded()
end

--- Before changes are handed to the workers: sees to it that the saved position does not say that
-- all work is done.
-- @number seconds to wait at most
-- @string behind the position behind these changes
-- @treturn bool whether that is so
function Keeper:stir(seconds, behind)
  self._rest, self._behind = nil, behind
  local function stirred() return not self._resting and not self._checkpoint:rests(behind) end
  if stirred() then return true end
  self._stirs = true
  wait(self, seconds, function()
    return stirred() or self._err ~= nil or self._checkpoint:superseded()
  end)
  return stirred()
end

--- Makes one; it does nothing before `start`.
-- @tparam table settings `waiter`, `checkpoint`, `workers`, `progress` (the signal of theirs),
-- `position` (of the feed), `lease` (seconds that the claim lasts; nil: long enough)
-- @return a keeper
return function(settings)
  return setmetatable({
    _waiter = settings.waiter, _checkpoint = settings.checkpoint, _workers = settings.workers,
    _progress = settings.progress,
    _position = settings.position, -- of the feed
    _rest = nil, -- the same at rest, while all is done
    _resting = false, -- whether that may be being saved
    _stirs = false, -- whether a position that is not at rest is to be saved
    _behind = nil, -- the position behind the changes for which that is so
    _saved = 0, -- how many changes were done of which the position is saved
    _kept_at = -math.huge, -- when it last began a round in which the claim was ours
    _err = nil, -- see `failure`
    _task = nil, -- its coroutine: see `spawn` in forgelog.wait
    _ends = false, -- whether that is to end
    _look = math.min(LOOK, (settings.lease or math.huge) * PART),
  }, Keeper)
end
