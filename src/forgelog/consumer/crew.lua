--- What a consumer that handles several changes at a time has beside its feed: workers, each with
-- a log of its own, and a keeper of its claim and its position.
-- @module forgelog.consumer.crew
local backoff = require "forgelog.connection.backoff"
local check = require "forgelog.connection.options"
local failure = require "forgelog.consumer.failure"
local make_keeper = require "forgelog.consumer.keeper"
local make_slot = require "forgelog.consumer.slot"
local make_workers = require "forgelog.consumer.workers"

local crew = {}

-- Public fields: `workers`, `keeper`.
local Crew = {}
Crew.__index = Crew

local CHUNK = 4 -- changes are asked for when this part of all that may be in memory has room
local AGAIN = 1 -- seconds until the next try of what was not to be begun
local OVER = {} -- what is raised then
local MOST = 1000 -- changes in memory, unless the option `batch` says so

local function handle(self, change, slot)
  local options, me = self._options, coroutine.running()
  if not self.keeper:vouch(self._is_over) then error(OVER, 0) end
  slot.log = slot.log or make_slot(options.conninfo,
    { schema = options.schema, wait = self._waiter, timeout = options.timeout }, self._silence)
  self._calling[me] = true
  local ok, raised = slot.log:work(options.on_change, change)
  self._calling[me] = nil
  if not ok then error(raised, 0) end
end

local function failed(self, change, raised, failures)
  if self._closed or raised == OVER then return "retry", AGAIN end
  local err = failure.of_change(raised, change)
  self._on_error(err, failures)
  return "retry", backoff.delay(failures, self._options)
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
function Crew:add(changes, position)
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
-- `on_error` (as of the consumer)
-- @return a crew
function crew.new(settings)
  local options, waiter = settings.options, settings.waiter
  local progress = waiter.signal()
  local self = setmetatable({
    _options = options, _waiter = waiter, _silence = settings.silence,
    _on_error = settings.on_error,
    _most = math.max(options.batch or MOST, options.concurrency),
    _calling = {}, -- a set of coroutines
    _closed = false,
  }, Crew)
  self._is_over = function() return self._closed or self.workers:is_stopped() end
  self.workers = make_workers {
    waiter = waiter, count = options.concurrency, room = self._most, key = options.key,
    progress = progress,
    handle = function(change, slot) return handle(self, change, slot) end,
    failed = function(change, raised, failures) return failed(self, change, raised, failures) end,
  }
  self.keeper = make_keeper {
    waiter = waiter, checkpoint = settings.checkpoint, workers = self.workers,
    progress = progress, position = settings.position, lease = options.lease,
  }
  self.keeper:start()
  return self
end

return crew
