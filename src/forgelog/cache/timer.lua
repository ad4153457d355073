--- A timer in which a part of a cache works, until it is told to end or the worker exits. A private
-- part of forgelog.cache.
--
-- Where too many timers run, nginx drops one and tells nobody. So work counts as such once it has
-- begun; what has not begun in a while, or broke off, begins when it is asked for again.
--
-- ngx.exit in a callback ends the work without a word: nothing after it runs, and its coroutine
-- looks as if it waited. But nginx ends all threads of such a timer, and whatever they wait for. So
-- one waits beside the work, for a semaphore that counts who waits for it.
-- @module forgelog.cache.timer
local core = require "forgelog.core"

local DROPPED = 1 -- seconds after which a timer that has not begun counts as dropped by nginx
local LINGERS = 5 -- seconds that a worker which exits waits for the work to end
local LONG = 1e6 -- seconds that a thread waits at once
local FOREVER = 1e8 -- seconds until a timer that is there for the worker's exit

local Timer = {}
Timer.__index = Timer

local timer = {}

--- Makes one that has not begun.
-- @func work called in the timer, with whether the worker exits already; it looks itself whether it
-- is to end
-- @func report called with what it raises, and 1
function timer.new(work, report)
  return setmetatable({ _work = work, _report = report, _asked = -math.huge }, Timer)
end

local function wait(beside)
  repeat
    local ok, why = beside:wait(LONG)
  until ok or why ~= "timeout"
end

local function run(premature, self, turn)
  if self._turn ~= turn then return end -- it is late: it was asked for again, or cancelled
  local beside = require("ngx.semaphore").new()
  ngx.thread.spawn(wait, beside)
  self._beside = beside
  local ok, err = pcall(self._work, premature)
  self._beside, self._turn = nil, nil
  beside:post()
  if ok then self._asked = -math.huge else self._report(err, 1) end
end

-- A worker exits once its last timer is done. This one lets the work end in order first (a thread's
-- answer counts as none), unless a callback holds that up.
local function linger(premature, self)
  local deadline = core.now() + LINGERS
  while premature and self:works() and core.now() < deadline do ngx.sleep(0.01) end
end

--- Whether the work has begun, and has not ended.
function Timer:works() return self._beside ~= nil and self._beside:count() < 0 end

--- Whether it has begun, or will.
function Timer:is_begun() return self:works() or core.now() - self._asked < DROPPED end

local function report_end(self)
  self._beside = nil
  self._report("the timer of a cache was ended in a callback, as ngx.exit does", 1)
end

--- Has it begin, if it has not; in a worker that exits nothing begins.
-- @return true; or nil, and why nginx refuses: then another start tries again
function Timer:start()
  if self:is_begun() or ngx.worker.exiting() then return true end
  if self._beside then report_end(self) end
  local turn = {}
  local ok, why = ngx.timer.at(0, run, self, turn)
  if not ok then return nil, why end
  self._turn, self._asked = turn, core.now()
  self._lingers = self._lingers or ngx.timer.at(FOREVER, linger, self)
  return true
end

--- Has it not begin, where it has not.
function Timer:cancel()
  if not self:works() then self._turn, self._asked = nil, -math.huge end
end

return timer
