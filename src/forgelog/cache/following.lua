--- A worker's feed: it runs a consumer in a timer until the worker exits, and knows since when it
-- has heard nothing from the database. A private part of forgelog.cache.
-- @module forgelog.cache.following
local core = require "forgelog.core"

local SLICE = 0.25 -- seconds between two looks whether the worker exits
local DROPPED = 1 -- seconds after which a timer that has not begun counts as dropped by nginx
local FOREVER = 1e8 -- seconds until a timer that is there for the worker's exit

local Following = {}
Following.__index = Following

local following = {}

--- Makes one that has not begun.
-- @number bound seconds for which it counts as fresh, after the last moment of which it is known
-- that all committed by then has been handled
-- @func report called with an error of the consumer and how often it failed
-- @tparam ?function prove called with each later such moment, by `forgelog.core.now`
function following.new(bound, report, prove)
  return setmetatable({
    _bound = bound, _report = report, _prove = prove, _proven = -math.huge,
    _moved = -math.huge,
  }, Following)
end

-- A moment is proven by what the database has answered since, and not by how the step ended: the
-- process may have slept in it.
local function note_proof(self)
  local now = core.now() -- before it is asked: between these two the process may sleep as well
  local stats = self._consumer:stats()
  local age, done = stats.caught_up, stats.handed_out + stats.resyncs
  local moment = age and now - age
  if done ~= self._done then self._done, self._moved = done, now end
  if not moment or moment <= self._proven then return end
  self._proven = moment
  if self._prove then self._prove(moment) end
  self._moved = now
end

local function step(self)
  local ok, err = pcall(self._consumer.step, self._consumer, SLICE)
  if ok then ok, err = pcall(note_proof, self) end
  if ok or ngx.worker.exiting() then return end
  self._report(err, 1)
  ngx.sleep(1)
end

local function work(premature, self, turn)
  if self._turn ~= turn then return end
  self._at_work = true
  repeat
    self._again, self._done, self._asked = nil, 0, core.now()
    while not premature and not self._stopping and not ngx.worker.exiting() do step(self) end
    pcall(self._consumer.close, self._consumer)
    self._proven, self._stopping = -math.huge, false
    if self._again then self._consumer = self._again() end
  until not self._again
  self._running, self._at_work = false, false
end

-- This one lets what runs end in order (a thread's answer counts as none).
local function linger(premature, runs)
  while premature and runs() do ngx.sleep(0.01) end
end

--- Has a worker that exits wait: it does so once its last timer is done.
-- @func runs whether there is something to wait for
function following.linger(runs) assert(ngx.timer.at(FOREVER, linger, runs)) end

-- Whether a consumer runs, or will. Where too many timers run, nginx drops one and tells nobody.
local function is_begun(self)
  return self._running and (self._at_work or core.now() - self._asked < DROPPED)
end

--- Has a consumer run, if none does; where one is about to end, another one after it.
-- @func make returns the consumer
function Following:start(make)
  if self._stopping then self._again = make end
  if is_begun(self) then return end
  self._consumer = make()
  local turn = {}
  assert(ngx.timer.at(0, work, self, turn)) -- it may be refused: then another start tries again
  self._turn, self._asked, self._running = turn, core.now(), true
  if self._lingers then return end
  self._lingers = true
  following.linger(function() return self._running end)
end

--- Has it end, within a quarter of a second and the statement at hand.
function Following:stop()
  if self._at_work then
    self._stopping, self._again = true, nil
  else
    self._turn, self._running = nil, false
  end
end

--- Whether it does.
function Following:running() return self._running or false end

--- When it last proved or handled something, and for how many seconds it has run without.
function Following:moved()
  return self._moved, core.now() - math.max(self._moved, self._asked)
end

--- Whether it knows of every change up to now.
function Following:fresh() return core.now() - self._proven <= self._bound end

-- What differs in a hub: see forgelog.cache.hub.
Following.proven = Following.fresh
function Following.catch_up() return true end
function Following.spares() return false end
function Following.flush(_, flush) flush() end

--- What the consumer tells; an empty table before it has begun.
function Following:stats() return self._consumer and self._consumer:stats() or {} end

return following
