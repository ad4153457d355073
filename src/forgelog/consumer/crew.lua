--- What a consumer that handles several changes at a time has beside its feed: workers, each with
-- a log of its own, and a keeper of its claim and its position.
-- @module forgelog.consumer.crew
local backoff = require "forgelog.connection.backoff"
local check = require "forgelog.connection.options"
local failure = require "forgelog.consumer.failure"
local make_keeper = require "forgelog.consumer.keeper"
local make_slot = require "forgelog.consumer.slot"
local make_workers = require "forgelog.consumer.workers"
local order = require "forgelog.consumer.order"
local parking = require "forgelog.consumer.parking"

local unpack = table.unpack or unpack -- luacheck: ignore 143

local crew = {}

-- Public fields: `workers`, `keeper`.
local Crew = {}
Crew.__index = Crew

local CHUNK = 4 -- changes are asked for when this part of all that may be in memory has room
local AGAIN = 1 -- seconds until the next try of what was not to be begun
local OVER = {} -- what is raised then
local MOST = 1000 -- changes in memory, unless the option `batch` says so

-- Calls a function of the user's, in which that may close the consumer. What it raises is returned.
local function call(self, f, ...)
  local me = coroutine.running()
  self._calling[me] = true
  local ok, raised = f(...)
  self._calling[me] = nil
  return ok, raised
end

-- Calls f(conn, ...) with the connection of a worker; raises what fails, also where f returns nil
-- and an error.
local function ask(self, slot, change, f, ...)
  local arguments, count, result = { ... }, select("#", ...), nil
  local ok, raised = slot.log:work(function(_, log)
    local why
    result, why = f(log.connection:limited(self._silence), unpack(arguments, 1, count))
    if result == nil and why then error(why, 0) end
  end, change)
  if not ok then error(raised, 0) end
  return result
end

-- Parks a change; without an error it waits behind another one of its key. Raises where it cannot.
local function park(self, slot, change, key, err, failures)
  ask(self, slot, change, parking.park, self._options.name, key, change,
    err and failure.text(err.raised), failures, self._options.park == "change")
end

-- Whether a change of a key that was blocked waits behind another one, which is parked still: it is
-- parked then.
local function waits(self, slot, change, key)
  local low = ask(self, slot, change, parking.keys, self._options.name, { key })[key]
  if not low then self._blocked[key] = nil end
  if not parking.waits(change, low) then return false end
  park(self, slot, change, key)
  return true
end

local function handle(self, change, slot)
  local options = self._options
  if not self.keeper:vouch(self._is_over) then error(OVER, 0) end
  slot.log = slot.log or make_slot(options.conninfo,
    { schema = options.schema, wait = self._waiter, timeout = options.timeout }, self._silence)
  local key = next(self._blocked) ~= nil and self._key_of(change)
  if key and self._blocked[key] and waits(self, slot, change, key) then return end
  local ok, raised = call(self, slot.log.work, slot.log, options.on_change, change)
  if not ok then error(raised, 0) end
  if self._on_reload and order.is_whole(change) then
    ask(self, slot, change, self._on_reload, change)
  end
end

-- Parks a change that has failed too often. Returns whether it could. While its handler kept all
-- else from running, the name may have become another program's, whose change it is then.
local function give_up(self, change, slot, err, failures)
  local options, key = self._options, self._key_of(change)
  if not self.keeper:vouch(self._is_over) then return false end
  -- Before it is tried: where its answer is lost, the table says whether it took place.
  self._blocked[key] = self._blocked[key] or options.park ~= "change" or nil
  local ok, raised = pcall(park, self, slot, change, key, err, failures)
  if not ok then
    self._on_error(failure.of_store(raised, "not_parked", true), failures)
    return false
  end
  self._on_parked()
  if options.on_park then
    ok, raised = call(self, pcall, options.on_park, change, err)
    if not ok then self._on_error(failure.raised("on_park", raised), 1) end
  end
  return true
end

-- Failures that no change is to blame for do not count.
local function failed(self, change, raised, failures, slot)
  if self._closed or raised == OVER then return "retry", AGAIN end
  local options, err = self._options, failure.of_change(raised, change)
  local lost = slot.log and slot.log.lost
  if options.attempts and not lost and failure.is_guilty(raised, true, false, slot.log) then
    failures = (self._guilt[change] or 0) + 1
    self._guilt[change] = failures
  end
  self._on_error(err, failures)
  if self._guilt[change] == failures and failures >= (options.attempts or math.huge)
    and give_up(self, change, slot, err, failures) then
    return "done"
  end
  return "retry", backoff.delay(failures, options)
end

--- Waits until there is room worth asking for.
-- @number seconds at most
-- @treturn bool whether there is any
function Crew:wait_for_room(seconds)
  self.workers:wait_for_room(math.ceil(self._most / CHUNK), seconds)
  return self.workers:room() > 0
end

--- Hands changes to the workers.
-- @tparam table changes no more than there is room for
-- @string position of the feed behind them
-- @tparam table blocked a set of keys of which changes are parked
function Crew:add(changes, position, blocked)
  for key in pairs(blocked) do self._blocked[key] = true end
  self.workers:add(changes)
  self.keeper:move(position)
end

--- Whether nothing is left to do.
function Crew:is_empty() return self.workers:stats().inside == 0 end

--- Whether a function of the user's is called in this coroutine.
function Crew:is_calling(me) return self._calling[me] == true end

--- Begins nothing more, waits until what is being handled has ended, and saves what is done.
-- @number[opt] seconds for all that; nil: as long as it takes
-- @treturn bool whether all that was being handled has ended
function Crew:finish(seconds)
  local now = self._waiter.now
  local deadline = seconds and now() + seconds
  local function left() return deadline and math.max(deadline - now(), 0) end
  local ended = self.workers:stop(left())
  if self.keeper:stop(left()) then self.keeper:save() end
  return ended
end

--- Closes the logs of the workers.
function Crew:close()
  self._closed = true
  for _, slot in ipairs(self.workers:slots()) do
    if slot.log then slot.log:close() end
  end
end

--- Raises where the options ask for what cannot be had.
-- @tparam table options of the consumer
-- @param waiter its waiter
-- @treturn bool whether several changes are to be handled at a time
function crew.is_wanted(options, waiter)
  if (options.concurrency or 1) == 1 then return false end
  local function misuse(message) check.misuse("consumer.new", "concurrency " .. message) end
  if not options.on_change then misuse("needs on_change, which is called for each change") end
  if options.transaction then misuse("and transaction exclude each other") end
  if not (waiter.spawn and waiter.signal) then
    misuse('needs an event loop, and LuaJIT or Lua 5.2 or later: wait = "cqueues", "luv" or, '
      .. 'inside nginx, "openresty"')
  end
  return true
end

--- Makes one, and has its keeper begin.
-- @tparam table settings `options` of the consumer, `waiter`, `checkpoint`, `position` (where the
-- feed begins), `silence` (seconds after which a server that does not answer counts as gone),
-- `on_error` (as of the consumer), `key_of(change)` (what it is parked under), `on_parked` (called
-- after a change was parked), `on_reload(conn, change)` (called after a change of a whole
-- table; nil: nobody asks for that)
-- @return a crew
function crew.new(settings)
  local options, waiter = settings.options, settings.waiter
  local progress = waiter.signal()
  local self = setmetatable({
    _options = options, _waiter = waiter, _silence = settings.silence,
    _on_error = settings.on_error,
    _most = math.max(options.batch or MOST, options.concurrency),
    _on_reload = settings.on_reload, _key_of = settings.key_of, _on_parked = settings.on_parked,
    _calling = {}, -- a set of coroutines
    _blocked = {}, -- a set of keys of which changes are parked, or were
    _guilt = setmetatable({}, { __mode = "k" }), -- how often a change has failed by itself
    _closed = false,
  }, Crew)
  self._is_over = function() return self._closed or self.workers:is_stopped() end
  self.workers = make_workers {
    waiter = waiter, count = options.concurrency, room = self._most, key = options.key,
    progress = progress,
    handle = function(change, slot) return handle(self, change, slot) end,
    failed = function(...) return failed(self, ...) end,
  }
  self.keeper = make_keeper {
    waiter = waiter, checkpoint = settings.checkpoint, workers = self.workers,
    progress = progress, position = settings.position, lease = options.lease,
  }
  self.keeper:start()
  return self
end

return crew
