--- A worker's feed: it runs a consumer in a timer until the worker exits, and knows since when it
-- has heard nothing from the database. A private part of forgelog.cache.
-- @module forgelog.cache.following
local core = require "forgelog.core"
local timer = require "forgelog.cache.timer"

local SLICE = 0.25 -- seconds between two looks whether the worker exits

local Following = {}
Following.__index = Following

local following = {}

--- Makes one that has not begun.
-- @number bound seconds for which it counts as fresh, after the last moment of which it is known
-- that all committed by then has been handled
-- @func report called with an error of the consumer and how often it failed
-- @tparam ?function prove called with each later such moment, by `forgelog.core.now`
function following.new(bound, report, prove)
  local self = setmetatable({
    _bound = bound, _report = report, _prove = prove, _proven = -math.huge,
    _moved = -math.huge,
  }, Following)
  self._timer = timer.new(function(premature) self:_work(premature) end, report)
  return self
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

-- What was broken off, as by ngx.exit in a callback, has left its connection open. It is closed by
-- a coroutine of its own: nginx uses one again that has ended, and the consumer would take the one
-- at hand for the one that called its handler.
local function close_broken(self)
  local open = self._open
  if not open then return end
  local ok, err = pcall(coroutine.wrap(function() open:close() end))
  if not ok then self._report(err, 1) end
end

function Following:_work(premature)
  close_broken(self)
  repeat
    self._open = self._consumer
    self._again, self._done, self._began = nil, 0, core.now()
    while not premature and not self._stopping and not ngx.worker.exiting() do step(self) end
    pcall(self._consumer.close, self._consumer)
    self._open = nil
    self._proven, self._stopping = -math.huge, false
    if self._again then self._consumer = self._again() end
  until not self._again
end

--- Has a consumer run, if none does; where one is about to end, another one after it.
-- @func make returns the consumer
-- @return true; or nil, and why nginx gives it no timer
function Following:start(make)
  self._wanted = true
  if self._timer:is_begun() then
    if self._stopping then self._again = make end
    return true
  end
  self._stopping = false
  self._consumer, self._began = make(), core.now()
  return self._timer:start()
end

--- Has it end, within a quarter of a second and the statement at hand.
function Following:stop()
  self._wanted, self._stopping, self._again = false, self._timer:works(), nil
  self._timer:cancel()
end

--- Whether it does, or will.
function Following:running() return self._timer:is_begun() end

--- When it last proved or handled something, and for how many seconds it has run without.
function Following:moved()
  return self._moved, core.now() - math.max(self._moved, self._began)
end

--- Whether what it was handed last makes it fresh.
function Following:proven() return core.now() - self._proven <= self._bound end

--- Whether it knows of every change up to now. Who asks has it run again, where it has not begun.
function Following:fresh()
  if self._wanted then self._timer:start() end
  return self:proven()
end

-- What differs in a hub: see forgelog.cache.hub.
function Following.catch_up() return true end
function Following:current() return self:proven() end
function Following.spares() return false end
function Following.flush(_, flush) flush() end
function Following.begin_anew() end
function Following.announce() end

--- What the consumer tells; an empty table before it has begun.
function Following:stats() return self._consumer and self._consumer:stats() or {} end

return following
