--- A timer in which a part of a cache works, until it is told to end or the worker exits. A private
-- part of forgelog.cache.
--
-- Where too many timers run, nginx drops one and tells nobody. So work counts as such once it has
-- begun; what has not begun in a while, or broke off, begins when it is asked for again.
-- @module forgelog.cache.timer
local core = require "forgelog.core"

local DROPPED = 1 -- seconds after which a timer that has not begun counts as dropped by nginx
local LINGERS = 5 -- seconds that a worker which exits waits for the work to end
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

local function run(premature, self, turn)
  if self._turn ~= turn then return end -- it is late: it was asked for again, or cancelled
  self._at_work = true
  local ok, err = pcall(self._work, premature)
  self._at_work, self._turn = false, nil
  if ok then self._asked = -math.huge else self._report(err, 1) end
end

-- A worker exits once its last timer is done. This one lets the work end in order first (a thread's
-- answer counts as none), unless that has ended without a word, as by ngx.exit in a callback.
local function linger(premature, self)
  local deadline = core.now() + LINGERS
  while premature and self._at_work and core.now() < deadline do ngx.sleep(0.01) end
end

--- Whether the work has begun, and has not ended.
function Timer:works() return self._at_work or false end

--- Whether it has begun, or will.
function Timer:is_begun() return self._at_work or core.now() - self._asked < DROPPED end

--- Has it begin, if it has not; in a worker that exits nothing begins.
-- @return true; or nil, and why nginx refuses: then another start tries again
function Timer:start()
  if self:is_begun() or ngx.worker.exiting() then return true end
  local turn = {}
  local ok, why = ngx.timer.at(0, run, self, turn)
  if not ok then return nil, why end
  self._turn, self._asked = turn, core.now()
  self._lingers = self._lingers or ngx.timer.at(FOREVER, linger, self)
  return true
end

--- Has it not begin, where it has not.
function Timer:cancel()
  if not self._at_work then self._turn, self._asked = nil, -math.huge end
end

return timer
