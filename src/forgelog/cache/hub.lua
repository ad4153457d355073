--- One feed for all workers of an nginx: the worker that holds a lease in shared memory follows the
-- log, and writes what it is handed into a ring there, from which every worker takes it. A private
-- part of forgelog.cache.
--
-- The leader writes a change into the ring before it handles the change itself, handles it before
-- its position moves on, and only then proves that all is told up to a moment. So whoever leads
-- next begins at the latest with what some worker may not have been told. A worker is fresh while a
-- proof is young enough of which it has taken all that stood in the ring when that was written.
-- Behind an event that has a number, but is not written yet, it waits; what comes from there on was
-- not proven by then. It looks into the ring whenever it is asked, and every few milliseconds.
-- @module forgelog.cache.hub
local core = require "forgelog.core"
local following = require "forgelog.cache.following"
local lease = require "forgelog.cache.lease"
local packed = require "forgelog.cache.packed"
local reading = require "forgelog.cache.reading"
local ring = require "forgelog.cache.ring"
local timer = require "forgelog.cache.timer"

local PAUSE = 0.01 -- seconds between two looks into the ring
local REST = 1 -- seconds after a look that failed
local TRIES = 5 -- of telling changes while others begin new rings
local LINGERS = 5 -- seconds that it waits for the end of its consumer
local LONGEST = 60 -- seconds between two times that a leader which gets nowhere offers its lease

local Hub = {}
Hub.__index = Hub

local hub = {}

local hubs = {} -- of this worker, by dictionary: a flush takes all that are in one

--- Makes a worker's part of a hub; it has not begun.
-- @param dict the lua_shared_dict
-- @string name of the hub
-- @tparam table about `evicts` (whether the dictionary holds the values of the cache as well),
-- `bound` (as for `forgelog.cache.following`), `report(err, attempt)`, `handle(changes)` (may
-- raise), `purge(reason)` (empties all), `forget(reason)` (empties what is this worker's own)
function hub.new(dict, name, about)
  local events = ring.new(dict, name, about.evicts)
  local self = setmetatable({
    _about = about, _ring = events, _reading = reading.new(events, about),
    _lease = lease.new(dict, name, about.evicts), _offered = -math.huge, _patience = about.bound,
  }, Hub)
  self._following = following.new(about.bound, function(...) self:report(...) end,
    function(moment) self:_prove(moment) end)
  self._timer = timer.new(function(premature) self:_work(premature) end, about.report)
  hubs[dict] = hubs[dict] or {}
  self._neighbours = hubs[dict]
  table.insert(self._neighbours, self)
  return self
end

--- Reports an error of the leader's consumer; that another worker leads by now is none.
function Hub:report(err, attempt)
  if not self._deposed then self._about.report(err, attempt) end
end

--- Takes all that this worker has been told.
-- @treturn bool whether it has
function Hub:catch_up() return self._reading:catch_up() end

--- Whether what this worker took last makes it fresh; it does not look into the ring.
function Hub:proven() return self._begun and self._reading:proven() or false end

--- Whether it is fresh, and has taken all that any worker has written.
function Hub:current()
  return self:catch_up() and self._reading:is_at_end() and self:proven()
end

--- Whether this worker knows of every change up to now. Who asks has it take part again, where it
-- does not.
function Hub:fresh()
  if not self._begun then return false end
  self._timer:start()
  return self._reading:catch_up() and self:proven()
end

-- Another worker may lead by now, where this one has slept.
local function must_lead(self)
  if self._lease:holds() then return end
  self._deposed = true
  self._following:stop()
  error("another worker leads", 0)
end

local function must(ok, err) return ok or error(err or "the ring of the cache is in use", 0) end

-- False where there is no ring. This worker takes each event before it writes the next one, for
-- which an older one may have to go: so it misses none of a batch that the ring does not hold.
local function write(self, changes)
  for _, text in ipairs(packed.write(changes, self._ring.full)) do
    local number, err = self._ring:append(text)
    if err then self._about.report(err, 1) end
    if not number then return false end
    self._reading:told(number)
    must(self._reading:take(true))
  end
  return true
end

-- Begins a ring where there is none. With a ring that stood beside the values went what keeps other
-- workers from storing there what they read before a change: so the values have to go after it.
local function begin(self)
  if self._about.evicts then return self:resync("behind") end
  must(self._ring:restart("behind"))
end

-- False where some of it may stand in a ring that is gone.
local function tell(self, changes)
  if self._ring:head() then must(self._reading:take(true)) end
  local lost, written = self._reading:lost(), write(self, changes)
  if not written then begin(self) end
  return written and lost == self._reading:lost()
end

--- What the leader's consumer does with changes: all workers are told, this one takes them.
function Hub:tell(changes)
  must_lead(self)
  self._telling = true
  local ok, done
  for _ = 1, TRIES do
    ok, done = pcall(tell, self, changes)
    if not ok or done then break end
  end
  self._telling = false
  if not ok then error(done, 0) end
  if not done then self:resync("behind") end
end

--- Tells all workers of what is handled as a change is; this one hears of it, too.
function Hub:announce(change)
  if not self._begun then return end
  local _, err = self._ring:append(packed.write({ change }, self._ring.full)[1])
  if err then self._about.report(err, 1) end -- each worker falls behind, and forgets what it holds
end

--- What it does where it cannot know what has changed: all is emptied here, and each other worker
-- forgets what it holds.
function Hub:resync(reason)
  must_lead(self)
  if not self._about.evicts then self:_restart(reason) end
  must(self._reading:purge(reason))
end

--- Whether only the leader empties what all workers share, and they forget what is their own: the
-- dictionary holds this hub as well.
function Hub:spares() return self._about.evicts and not self._telling end

function Hub:_restart(reason)
  local number, id = self._ring:restart(reason)
  if not number then error(id, 0) end
  self._reading:begin(number, id)
end

--- Has each other worker forget what it holds, before this one empties all: who stores in the
-- middle of that what it read before, finds a new ring, and takes it back. What others are given in
-- between is what they held all along; what they read after they forgot is new. (A flush of the
-- dictionary that holds the ring has the same effect: until it is there again, nobody is fresh.)
-- @string reason
function Hub:begin_anew(reason)
  if self._about.evicts or not self._begun then return end
  local ok, err = pcall(self._restart, self, reason)
  if not ok then self._about.report(err, 1) end -- there is no ring, so nobody is fresh
end

--- Calls a function that flushes what holds the values: it may be the dictionary of this hub too,
-- and of others.
-- @func flush
-- @string reason
function Hub:flush(flush, reason)
  if not self._about.evicts then return flush() end
  local leases = {}
  for at, one in ipairs(self._neighbours) do leases[at] = one._lease:read() or false end
  flush()
  for at, one in ipairs(self._neighbours) do
    if leases[at] then one._lease:restore(leases[at]) end
    if one ~= self and one._begun then one._ring:restart("behind") end
  end
  self:_restart(reason)
end

-- Proves a moment by which all was handled.
function Hub:_prove(moment)
  if not self._lease:holds() then return end
  if not self._ring:head() then begin(self) end
  must(self._reading:take(true))
  local id, number = self._reading:at()
  must(self._ring:prove(id, moment, number))
end

-- A leader that gets nowhere lets another one try: what fails here may not fail there. Where it is
-- no better there, since the server is away, they take turns, later and later.
local function offer(self)
  local now, moved, idle = core.now(), self._following:moved()
  if moved > self._offered then self._patience = self._about.bound end
  if math.min(idle, now - self._offered) < self._patience then return end
  self._lease:offer()
  self._offered, self._patience = now, math.min(2 * self._patience, LONGEST)
end

local function look(self)
  if self._reading:catch_up() then self._reading:adopt() end
  local leads, err = self._lease:hold()
  if not leads then
    self._following:stop()
    return err and error(err, 0)
  end
  must(self._following:start(self._make))
  offer(self)
end

-- Until its consumer has ended; a callback may hold that up for ever.
local function await_end(self)
  local deadline = core.now() + LINGERS
  while self._following:running() and core.now() < deadline do ngx.sleep(PAUSE) end
end

function Hub:_work(premature)
  repeat
    while not premature and not self._stopping and not ngx.worker.exiting() do
      local ok, err = pcall(look, self)
      if not ok then self._about.report(err, 1) end
      ngx.sleep(ok and PAUSE or REST)
    end
    self._following:stop()
    await_end(self)
  until premature or self._stopping or ngx.worker.exiting() -- else it was started again
  self._lease:resign()
end

--- Has this worker take part, if it does not.
-- @func make returns the consumer by which it leads
-- @return true; or nil, and why nginx gives it no timer
function Hub:start(make)
  function self._make()
    self._deposed, self._telling = false, false
    return make()
  end
  self._begun, self._stopping = true, false
  self._reading:join()
  return self._timer:start()
end

--- Has it end. (In a worker that exits it goes on being fresh as long as others lead.)
function Hub:stop()
  self._stopping, self._begun = self._timer:works(), false
  self._timer:cancel()
end

--- What its consumer tells, where it leads; `leads`, and `leader` (the process id of the worker
-- that does).
function Hub:stats()
  local stats = self._following:running() and self._following:stats() or {}
  stats.leads, stats.leader = self._lease:holds(), self._lease:leader()
  return stats
end

return hub
