--- The loads that are under way in a worker, at most one for each key: who asks for a key that is
-- being loaded waits for that load. A private part of forgelog.cache.
--
-- A flight is all that is under way for a key since it was last made stale. Its first load to end
-- is the answer for all who wait. A request may be ended in the middle of its load, by its client
-- or by ngx.exit, and nothing tells the others; so a load that takes too long counts as lost, and
-- one of those who wait loads as well.
-- @module forgelog.cache.flights
local core = require "forgelog.core"

local Flights = {}
Flights.__index = Flights

-- A flight is held by the coroutines that load, so one whose coroutines are gone goes as well.
local function by_key() return setmetatable({}, { __mode = "v" }) end

local flights = {}

--- Makes the flights of a cache. Its field `loads` counts the loads.
-- @number seconds after which a load counts as lost
-- @func settle called before a load lands, so that all which was made stale by then is dropped
function flights.new(seconds, settle)
  return setmetatable({
    loads = 0, _seconds = seconds, _settle = settle, _under_way = by_key(),
  }, Flights)
end

local function me() return coroutine.running() or "main" end

local function begin(self, key)
  local flight = { since = core.now(), loading = {}, stale = false, landed = false }
  self._under_way[key] = flight
  return flight
end

-- Waits for a flight: until it has "landed"; until its latest load is "lost"; "impossible" where
-- this phase cannot wait, or this coroutine would wait for itself. (ngx.semaphore is a part of
-- lua-resty-core, without which nginx's Lua module does not start.)
local function await(self, flight)
  if flight.loading[me()] then return "impossible" end
  while not flight.landed do
    local left = flight.latest + self._seconds - core.now()
    if left <= 0 then return "lost" end
    flight.gate = flight.gate or require("ngx.semaphore").new()
    local ok, why = flight.gate:wait(math.max(left, 0.001))
    if not ok and why ~= "timeout" then return "impossible" end
  end
  return "landed"
end

local function land(self, key, flight, ok, value, err)
  flight.landed, flight.ok, flight.value, flight.err = true, ok, value, err
  if self._under_way[key] == flight then self._under_way[key] = nil end
  local waiting = flight.gate and -flight.gate:count() or 0
  if waiting > 0 then flight.gate:post(waiting) end
end

-- Loads for all who wait. Only the first load to end is kept: after it, nothing tells a later one
-- that what it has read is stale.
local function load_for_all(self, key, flight, keep, call, ...)
  local since, mine = core.now(), me()
  flight.latest, flight.loading[mine] = since, true
  local ok, value, err = pcall(call, ...)
  flight.loading[mine] = nil
  if flight.landed then return ok, value, err end
  self._settle()
  if flight.landed then return ok, value, err end -- by another one, if that could wait
  -- While it is kept it is under way, so that what makes it stale is told to it.
  if ok and keep and not flight.stale and not flight.kept then
    flight.kept = true
    keep(value, since, function() return not flight.stale end)
  end
  if not flight.landed then land(self, key, flight, ok, value, err) end
  return ok, value, err
end

--- Loads a key, or waits for a load of it that is under way.
-- @string key
-- @tparam ?function keep called with what was loaded, when that load began, and what tells whether
-- the key was made stale since, unless it was by then; nil: it is not to be kept
-- @func call what loads: called with the further arguments
-- @param ... further arguments for it
-- @return what pcall returns: whether it returned, and its first two results or the error
function Flights:load(key, keep, call, ...)
  local flight = self._under_way[key]
  local how = flight and await(self, flight)
  if how == "landed" then return flight.ok, flight.value, flight.err end
  self.loads = self.loads + 1
  if how == "impossible" then return pcall(call, ...) end
  return load_for_all(self, key, flight or begin(self, key), keep, call, ...)
end

--- When what is being loaded under a key began to be loaded; nil where nothing is.
-- @string key
function Flights:since(key)
  local flight = self._under_way[key]
  return flight and flight.since
end

--- What is being loaded under a key is stale: it is for those who wait already, and for no others.
-- @string key
function Flights:drop(key)
  local flight = self._under_way[key]
  if not flight then return end
  flight.stale, self._under_way[key] = true, nil
end

--- The same for all keys.
function Flights:drop_all()
  for _, flight in pairs(self._under_way) do flight.stale = true end
  self._under_way = by_key()
end

return flights
