--- A worker's reading of the ring: it takes each event once, in order, forgets what it holds where
-- it cannot know what it has missed, and knows up to which moment it was told everything. A private
-- part of forgelog.cache.
-- @module forgelog.cache.reading
local core = require "forgelog.core"
local packed = require "forgelog.cache.packed"

local REST = 1 -- seconds after which what failed to be handled is tried again
local HELD_UP = 1 -- seconds after which the others do not wait for who handles something
local WRITTEN = 0.05 -- seconds after which who leads does not wait for an event with a number

local Reading = {}
Reading.__index = Reading

local reading = {}

--- Makes one that has taken nothing.
-- @param ring of `forgelog.cache.ring`
-- @tparam table about see `forgelog.cache.hub`
function reading.new(ring, about)
  return setmetatable({
    _ring = ring, _about = about, _proven = -math.huge, _lost = 0, _attempt = 0,
    _retry_at = -math.huge, _told = -math.huge,
  }, Reading)
end

local function me() return coroutine.running() or "main" end

local function handle(self, call, ...)
  local handling = { by = me(), since = core.now() }
  self._handling = handling
  local ok, err = pcall(call, ...)
  if self._handling == handling then self._handling = nil end
  return ok, err
end

-- Whether something is being handled. Who does may wait in it, and nothing tells that its request
-- ended there: so after a while another one handles the same, which does no harm, and whoever leads
-- does so at once. (Not who does it itself, and asks the cache.)
local function is_handling(self, leads)
  local handling = self._handling
  if not handling then return false end
  return handling.by == me() or not leads and core.now() - handling.since < HELD_UP
end

-- What was in the ring before is not known any more. What is stored from now on is newer than it.
local function forget(self, head, id)
  local ok, err = handle(self, self._about.forget, self._ring:why())
  if ok then self._id, self._taken, self._lost = id, head, self._lost + 1 end
  return ok, err
end

-- What all workers share, whoever wrote an event has emptied of it before it is proven that all are
-- told: so a worker that missed the events of others has only its own to forget. For those that it
-- wrote, and has not taken yet, nobody else does that.
local function fell_behind(self, head, id)
  local empty = self._told > self._taken and self._about.purge or self._about.forget
  local ok, err = handle(self, empty, "behind")
  if ok and self._id == id then self._taken = head end -- else a new ring was begun
  return ok, err
end

-- An event that is not there yet is waited for, unless it was dropped, or is proven to have been
-- there.
local function is_lost(self, number, id)
  local _, upto = self._ring:proof(id)
  return number < self._ring:least() or upto and upto >= number
end

-- Whoever leads waits a moment only: for one that another worker is about to write.
local function await(self, number, id)
  local deadline = core.now() + WRITTEN
  repeat
    ngx.sleep(0.001)
    if self._id ~= id or self._taken >= number or self._ring:read(number, id) then return true end
  until core.now() >= deadline
  return false
end

local function take_event(self, number, id, text, at)
  local ok, err = handle(self, self._about.handle, packed.read(text, at))
  if not ok then return nil, err end
  -- Else all was purged in between, or another one was faster.
  if self._id == id and self._taken < number then self._taken = number end
  return true
end

local function take(self, head, id, leads)
  while self._id == id and self._taken < head do
    local number = self._taken + 1
    if head - number >= self._ring.size then return fell_behind(self, head, id) end
    local text, at = self._ring:read(number, id)
    if text then
      local ok, err = take_event(self, number, id, text, at)
      if not ok then return nil, err end
    elseif is_lost(self, number, id) or leads and not await(self, number, id) then
      return fell_behind(self, head, id)
    elseif not leads then
      return true
    end
  end
  return true
end

--- Takes all that is in the ring, up to an event that is not written yet.
-- @bool leads whether this worker leads
-- @return true; false where there is no ring, or another coroutine takes it; or nil and an error
function Reading:take(leads)
  local head, id = self._ring:head()
  if head and head == self._taken and id == self._id then return true end
  if not head or is_handling(self, leads) then return false end
  if id ~= self._id then return forget(self, head, id) end
  return take(self, head, id, leads)
end

--- The same, where an error is reported, and tried again a while later.
-- @treturn bool whether all was taken
function Reading:catch_up()
  if self._attempt > 0 and core.now() < self._retry_at then return false end
  local ok, err = self:take(false)
  if ok then
    self._attempt = 0
  elseif err then
    self._attempt, self._retry_at = self._attempt + 1, core.now() + REST
    self._about.report(err, self._attempt)
  end
  return ok or false
end

--- Whether it has taken all that stands in the ring, and waits for no event.
function Reading:is_at_end()
  local head, id = self._ring:head()
  return head ~= nil and head == self._taken and id == self._id
end

--- This worker has written an event.
-- @int number
function Reading:told(number) self._told = number end

--- Takes over what the leader has proven, once this worker has all that came before that.
function Reading:adopt()
  if not self._id then return end
  local moment, number = self._ring:proof(self._id)
  if moment and number <= self._taken and moment > self._proven then self._proven = moment end
end

--- Whether what was taken last makes this worker fresh; it does not look into the ring.
function Reading:proven()
  local now, bound = core.now(), self._about.bound
  if now - self._proven > bound then self:adopt() end
  return now - self._proven <= bound
end

--- Empties all.
-- @return true; or false and an error
function Reading:purge(reason) return handle(self, self._about.purge, reason) end

--- A new ring was begun by this worker, after it had emptied all.
function Reading:begin(number, id) self._id, self._taken = id, number end

--- A worker that joins holds nothing yet. Whoever proved the latest moment had handled all up to
-- its number; what came after that this worker handles as well.
function Reading:join()
  local head, id = self._ring:head()
  if self._id or not head then return end
  local moment, number = self._ring:proof(id)
  self._id, self._taken, self._proven = id, number or head, moment or -math.huge
end

--- Up to which event of which ring it has taken all: the identity and the number.
function Reading:at() return self._id, self._taken end

--- How often it has found another ring.
function Reading:lost() return self._lost end

return reading
