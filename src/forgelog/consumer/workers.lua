--- Handles several changes at a time, each in a coroutine of the event loop, in the order that
-- forgelog.consumer.lines keeps. A change that fails is tried again later, and holds back only what
-- has its key.
-- @module forgelog.consumer.workers
local check = require "forgelog.connection.options"
local due = require "forgelog.consumer.due"
local lines = require "forgelog.consumer.lines"

local Workers = {}
Workers.__index = Workers

local SPELL = 0.02 -- seconds for which handlers that never wait may keep others from running
local AGAIN = 1 -- seconds until the next try where `failed` has raised, or named none

-- ---- coroutines ----

-- Starts a coroutine. What it raises, which is the waiter's, is told to whoever waits.
local function start(self, f, ...)
  self._alive = self._alive + 1
  self._waiter.spawn(function(...)
    local ok, raised = pcall(f, ...)
    self._alive = self._alive - 1
    if not ok then self._raised[#self._raised + 1] = { raised } end
    self._progress:wake()
  end, self, ...)
end

local work

-- So many lines have become ready: for each, a worker without work is woken, or one more started. A
-- waiter may run that at once, so nothing may be half done here.
local function rouse(self, count)
  for _ = 1, count do
    local worker = table.remove(self._idle)
    if worker then
      worker.signal:wake()
    elseif #self._workers < self._count then
      worker = { signal = self._waiter.signal(), slot = { number = #self._workers + 1 } }
      self._workers[worker.slot.number] = worker
      start(self, work, worker)
    end
  end
end

-- Sleeps until the next try is due, and has it done.
local function keep_time(self)
  while not self._stopped do
    local earliest = self._due:earliest()
    local left = earliest and earliest - self._waiter.now()
    if left and left <= 0 then
      self._lines:put_back(self._due:take())
      rouse(self, 1)
    else
      self._clock:wait(left)
    end
  end
end

local function try_again(self, line, seconds)
  self._due:add(self._waiter.now() + seconds, line)
  if self._clock then return self._clock:wake() end
  self._clock = self._waiter.signal()
  start(self, keep_time)
end

-- Whether a change that has failed counts as done nevertheless, and otherwise the seconds until it
-- is tried again.
local function judge(self, entry, raised, slot)
  entry.failures, self._failures = entry.failures + 1, self._failures + 1
  local ok, verdict, seconds = pcall(self._failed, entry.change, raised, entry.failures, slot)
  if ok then return verdict == "done", seconds or AGAIN end
  self._raised[#self._raised + 1] = { verdict }
  self._progress:wake()
  return false, AGAIN
end

local function handle(self, line, slot)
  local entry = line.first
  self._busy = self._busy + 1
  local done, raised = pcall(self._handle, entry.change, slot)
  local seconds
  if not done then done, seconds = judge(self, entry, raised, slot) end
  self._busy = self._busy - 1
  self._progress:wake()
  if not done then return try_again(self, line, seconds) end
  self._acknowledged = self._acknowledged + 1
  rouse(self, self._lines:done(line)) -- its own next change finds this worker, or one before it
end

-- Handlers that never wait keep all else from running: so each worker has its share of the time for
-- which all of them may run one after another.
local function share_ends(self) return self._waiter.now() + SPELL / #self._workers end

function work(self, worker)
  local ends = share_ends(self)
  while not self._stopped do
    local line = self._lines:take()
    if not line then
      self._idle[#self._idle + 1] = worker
      worker.signal:wait()
      ends = share_ends(self)
    else
      handle(self, line, worker.slot)
      if self._waiter.now() > ends and self._lines:any_ready() then
        self._waiter.wait(nil, "", 0)
        ends = share_ends(self)
      end
    end
  end
end

-- ---- for the one that has the changes ----

--- Hands it changes, which are outstanding from then on: nothing is handled before all are.
-- @tparam table changes no more than there is room for; each with a `seq`, but those of a backfill
function Workers:add(changes)
  if #changes > self:room() then
    check.misuse("add", ("%d changes, and room for %d"):format(#changes, self:room()))
  end
  rouse(self, self._lines:add(changes))
end

--- How many changes it would take now.
function Workers:room() return self._most - self._lines:inside() end

--- The seqs of the changes that are not done, in no order.
-- @treturn table list
function Workers:outstanding() return self._lines:seqs() end

--- When the oldest change that is not done was committed: see forgelog.consumer.lines.
function Workers:since() return self._lines:since() end

--- How many changes were done so far.
function Workers:acknowledged() return self._acknowledged end

--- How it stands: `inside` (changes that are not done), `busy` (of them those being handled),
-- `waiting` (of them those to be tried again later), `acknowledged` (how many were done so
-- far), `failures` (tries), `workers` (coroutines that were started).
function Workers:stats()
  return {
    inside = self._lines:inside(), busy = self._busy, waiting = #self._due,
    acknowledged = self._acknowledged, failures = self._failures, workers = #self._workers,
  }
end

-- Gives way until something is so, or the time is over; or until there is something to tell, which
-- is returned as a second result, in a table.
local function wait_until(self, seconds, is_so)
  local deadline = seconds and self._waiter.now() + seconds
  while true do
    local told = table.remove(self._raised, 1)
    if told then return false, told end
    if is_so(self) then return true end
    local left = deadline and deadline - self._waiter.now()
    if left and left <= 0 then return false end
    self._progress:wait(left)
  end
end

local function raising(so, told)
  if told then error(told[1], 0) end
  return so
end

--- Waits until a change was done. Like the other waits, it raises what `failed` has raised; the
-- change is tried again nevertheless.
-- @number[opt] seconds nil: as long as it takes
-- @int[opt] since what `acknowledged` has said; default: what it says now
-- @treturn bool whether one was
function Workers:wait(seconds, since)
  since = since or self._acknowledged
  return raising(wait_until(self, seconds, function() return self._acknowledged > since end))
end

--- Waits until there is room for that many changes.
-- @int places no more than there can be
-- @number[opt] seconds nil: as long as it takes
-- @treturn bool whether there is
function Workers:wait_for_room(places, seconds)
  return raising(wait_until(self, seconds, function() return self:room() >= places end))
end

--- Waits until there is nothing that could be handled now: whatever is not done is to be tried
-- again later, or waits for what is.
-- @number[opt] seconds nil: as long as it takes
-- @treturn bool whether it is so
function Workers:settle(seconds)
  return raising(wait_until(self, seconds, function()
    return self._busy == 0 and not self._lines:any_ready()
  end))
end

--- Waits until every change is done.
-- @number[opt] seconds nil: as long as it takes
-- @treturn bool whether they are
function Workers:drain(seconds)
  return raising(wait_until(self, seconds, function() return self._lines:inside() == 0 end))
end

--- Begins nothing more, and waits until what is being handled has ended. What is not done then is
-- still outstanding; it does not go on.
-- @number[opt] seconds nil: as long as it takes; 0 where a handler calls it
-- @treturn bool whether it has ended
-- @return a list of what was raised meanwhile, each in a table, in place of raising it
function Workers:stop(seconds)
  self._stopped = true
  for _, worker in ipairs(self._idle) do worker.signal:wake() end
  self._idle = {}
  if self._clock then self._clock:wake() end
  local raised = self._raised
  self._raised = {}
  local deadline = seconds and self._waiter.now() + seconds
  local function has_ended() return self._alive == 0 end
  while true do
    local left = deadline and math.max(deadline - self._waiter.now(), 0)
    local ended, told = wait_until(self, left, has_ended)
    if not told then return ended, raised end
    raised[#raised + 1] = told
  end
end

--- Whether it is to begin nothing more.
function Workers:is_stopped() return self._stopped end

--- The slots of its workers, for their owner to close what it has put there.
-- @treturn table list
function Workers:slots()
  local list = {}
  for i, worker in ipairs(self._workers) do list[i] = worker.slot end
  return list
end

--- Makes a pool; its coroutines are started as they are needed, and sleep without work.
-- @tparam table settings `waiter` (with `spawn` and `signal`), `count` (most coroutines that handle
-- changes), `room` (most changes in it), `handle(change, slot)` (raises where it fails; `slot` is a
-- table of the coroutine's own, for what no other may use at the same time; its `number` is 1 to
-- count), `failed(change, raised, failures, slot)` (what becomes of a change that has failed that
-- many times: "retry" and after how many seconds; or "done"), `key(change)` (text: changes of one
-- key are handled in order; nil: in no order with any; default: by table and row), `progress` (a
-- signal that is woken after each change; default: one of its own)
-- @return a pool
return function(settings)
  return setmetatable({
    _waiter = settings.waiter, _count = settings.count, _most = settings.room,
    _handle = settings.handle, _failed = settings.failed,
    _lines = lines.new(settings.key),
    _due = due(), -- lines whose first change is to be tried again
    _workers = {}, -- all that were started, each with its `signal` and its `slot`
    _idle = {}, -- those that sleep; the last is woken first, so that few are used where few suffice
    _clock = nil, -- the signal of the coroutine that keeps time, where there is one
    _progress = settings.progress or settings.waiter.signal(),
    _raised = {}, -- what is still to be told, each in a table, since it may be nil
    _busy = 0, _acknowledged = 0, _failures = 0,
    _alive = 0, -- coroutines
    _stopped = false,
  }, Workers)
end
