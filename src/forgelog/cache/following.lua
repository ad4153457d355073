--- A worker's feed: it runs a consumer in a timer until the worker exits, and knows since when it
-- has heard nothing from the database. A private part of forgelog.cache.
-- @module forgelog.cache.following
local core = require "forgelog.core"

local SLICE = 0.25 -- seconds between two looks whether the worker exits
local FOREVER = 1e8 -- seconds until a timer that is there for the worker's exit

local Following = {}
Following.__index = Following

local following = {}

--- Makes one that has not begun.
-- @number bound seconds for which it knows of all changes, after it was last told of them
-- @func report called with an error of the consumer and how often it failed
function following.new(bound, report)
  return setmetatable({ _bound = bound, _report = report, _proven = -math.huge }, Following)
end

-- Whether this worker knows of all that was committed when its feed looked last.
local function caught_up(self, handled, err)
  local stats = self._consumer:stats()
  if not stats.connected then return false end
  if handled then return stats.lag_changes == 0 end
  return err.code == "no_change"
end

local function step(self)
  local ok, handled, err = pcall(self._consumer.step, self._consumer, SLICE)
  if ok and caught_up(self, handled, err) then self._proven = core.now() end
  if ok or ngx.worker.exiting() then return end
  self._report(handled, 1)
  ngx.sleep(1)
end

local function work(premature, self)
  while not premature and not self._stopping and not ngx.worker.exiting() do step(self) end
  pcall(self._consumer.close, self._consumer)
  self._proven, self._running, self._stopping = -math.huge, false, false
end

-- A worker exits once its last timer is done: this one lets the feed end in order (a thread's
-- answer counts as none).
local function linger(premature, self)
  while premature and self._running do ngx.sleep(0.01) end
end

--- Has a consumer run, if none does.
-- @func make returns the consumer
function Following:start(make)
  if self._running then return end
  self._consumer = make()
  self._running = true
  assert(ngx.timer.at(0, work, self))
  assert(ngx.timer.at(FOREVER, linger, self))
end

--- Has it end, within a quarter of a second and the statement at hand.
function Following:stop() self._stopping = self._running end

--- Whether it knows of every change up to now.
function Following:fresh() return core.now() - self._proven <= self._bound end

--- What the consumer tells; an empty table before it has begun.
function Following:stats() return self._consumer and self._consumer:stats() or {} end

return following
