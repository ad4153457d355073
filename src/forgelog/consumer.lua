--- A consumer that runs for months: batches to a handler, positions to a store, a resync whenever
-- the log has a gap. At least once: a position is saved after the handler has returned. With
-- `store.table()` and `transaction = true` both commit together, and each change takes effect
-- exactly once.
-- @module forgelog.consumer
local backfill = require "forgelog.consumer.backfill"
local backoff = require "forgelog.connection.backoff"
local check = require "forgelog.connection.options"
local claim = require "forgelog.consumer.claim"
local concurrent = require "forgelog.consumer.states.concurrent"
local core = require "forgelog.core"
local ending = require "forgelog.consumer.states.ending"
local failure = require "forgelog.consumer.failure"
local group = require "forgelog.consumer.group"
local lanes = require "forgelog.consumer.lanes"
local parked = require "forgelog.consumer.parked"
local settings = require "forgelog.consumer.settings"
local states = require "forgelog.consumer.states"
local stats = require "forgelog.consumer.stats"
local store = require "forgelog.store"

local consumer = {
  memory = store.memory, file = store.file, table = store.table, shared = store.shared,
}

local BEGINNING = "0" -- a position

--- A store in memory.
-- @function memory
-- @as `forgelog.store.memory.memory`

--- A store in a file.
-- @function file
-- @as `forgelog.store.file.file`

--- A store in the database.
-- @function table
-- @as `forgelog.store.table.table`

--- A store in shared memory.
-- @function shared
-- @as `forgelog.store.shared.shared`

--- Removes a consumer from the table store, with all its lanes, and what is parked for it.
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @treturn string|false the position; false: there was none
-- @fails SQLSTATE 55P03, code "name_taken" while it runs
function consumer.forget(log, name) return claim.forget(log.connection, name) end

--- Moves a consumer of the table store, with all its lanes, to another position, from which it then
-- goes on.
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @tparam forgelog.Position position where; 0: where what the log still holds begins
-- @treturn true
-- @treturn string|nil the position that it had; nil: none
-- @fails SQLSTATE 55P03, code "name_taken" while it runs; code "no_consumer" where none of that
-- name has a position here; kind "gap" where changes after that position are gone
function consumer.rewind(log, name, position)
  position = check.position("consumer.rewind", position)
  if position == BEGINNING then return group.rewind_to_beginning(log.connection, name) end
  local reason, upto = log:gap(position)
  if reason == nil then return nil, upto end
  if reason then
    local message = "changes after %s are gone (%s), up to %s; a consumer that begins there must "
      .. "resync"
    return nil, core.error("gap", message:format(position, reason, tostring(upto)), nil,
      { reason = reason, upto = upto })
  end
  if core.parse_position(position) == 0 then
    position = core.place(position, log.connection:fact("timeline"))
  end
  return group.rewind(log.connection, name, position)
end

--- Gives a consumer of the table store another number of lanes (see the option `share`), without
-- loss: all of them go on from what each lane had done, so that some changes come again.
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @int[opt] count how many, at most 1024; 1: it has none; nil: only tells how many it has
-- @treturn integer how many it had
-- @treturn string|nil the position from which all go on; nil: they begin anew
-- @fails SQLSTATE 55P03, code "name_taken" while one of them runs; code "no_consumer" where none of
-- that name has a position here
function consumer.lanes(log, name, count)
  if count ~= nil then check.argument("consumer.lanes", "count", count, "positive") end
  if count and count > lanes.MOST then
    check.misuse("consumer.lanes", ("count must be at most %d"):format(lanes.MOST))
  end
  return group.lanes(log.connection, name, count)
end

--- Has a consumer pause, with all its lanes, until `resume`: within about a second, where it runs,
-- and behind the batch at hand; otherwise from its start on.
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @treturn true
-- @treturn boolean whether it was paused already
-- @fails code "no_consumer"
function consumer.pause(log, name) return group.pause(log.connection, name, true) end

--- Ends that.
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @treturn true
-- @treturn boolean whether it was paused
-- @fails code "no_consumer"
function consumer.resume(log, name) return group.pause(log.connection, name, false) end

--- The parked changes of a consumer, in the order in which they were parked.
-- @function parked
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @tparam[opt] forgelog.consumer.ParkedOptions opts
-- @treturn forgelog.consumer.Parked[] empty where nothing is parked
-- @fails code "no_parked_table" where the log has no such table yet
consumer.parked = parked.list

--- Has a consumer try parked changes again: at once where it runs, else when it starts. Of a key
-- the earlier ones come first, and after each that succeeds the next one.
-- @function retry
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @int[opt] seq of one of them; nil: all
-- @treturn integer how many: the change and those of its key that it waits behind, or all
-- @fails code "no_parked" where there is no such change, or no such consumer
consumer.retry = parked.retry

--- Removes a parked change, which the consumer never handles then; the next one of its key is
-- tried.
-- @function skip
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @int seq of the change
-- @treturn forgelog.consumer.Parked what was removed
-- @fails code "no_parked" where there is none
consumer.skip = parked.skip

--- Has a consumer read a table from end to end, with all its lanes, beside the live feed: within
-- about a second where it runs, else when it starts. Rows come in the order of the primary key as
-- changes with the op "READ", to the same handler; a table without one is one such change without a
-- `row_id`. Asked again, it begins again.
-- @function backfill
-- @tparam forgelog.Log log
-- @string name of the consumer
-- @string table its name; of a partition, the watched table above it is read
-- @tparam[opt] forgelog.consumer.BackfillOptions opts
-- @treturn true
-- @treturn forgelog.consumer.Backfill what is read
-- @fails code "no_consumer", "no_table", "not_watched" (of its rows no later change would be seen),
-- "bad_key" (`from` is no key of the table), "no_backfill" (there is nothing to pause or cancel)
consumer.backfill = backfill.ask

local Consumer = {}
Consumer.__index = Consumer

local SLICE = 1 -- seconds after which a waiting run() looks whether it was stopped
local GRACE = 2 -- seconds that the end takes at most, where work is done but not saved

-- Codes of a wait that ended without changes, which is no failure.
local WAITED = { no_change = true, not_connected = true, no_answer = true, unfinished = true,
  paused = true, retry = true }

--- Makes a consumer; it connects when it first steps.
-- @tparam forgelog.consumer.Options options
-- @treturn forgelog.consumer.Consumer
function consumer.new(options)
  local self = setmetatable(settings(options), Consumer)
  self._names = {} -- of tables: see forgelog.tables.names
  self._state = "open"
  self._delivered, self._resyncs = 0, 0
  self._reconnects = 0 -- of the feeds before the present one
  self._attempt = 0
  self._closes = 0 -- how often it was closed
  -- The batch at hand, or false: never nil, so that it takes no memory to keep one.
  self._changes, self._unshared = false, false
  return self
end

-- Reports an error and sets when the next try is due.
local function on_failure(self, err)
  if WAITED[err.code] then return nil, err end
  self._attempt, self._last_error = self._attempt + 1, err
  self._retry_at = self._waiter.now() + backoff.delay(self._attempt, self._options)
  if self._options.on_error then self._options.on_error(err, self._attempt) end
  return nil, err
end

-- What a step returns where the consumer was closed in it.
local function ended(state, result)
  if state and result then return result end
  return nil, result or core.error("closed", "the consumer was closed")
end

--- One step: until a batch is handled, a resync is done, or the time is over. It connects where it
-- has to. After an error another step tries again, later each time; whether it is of use, `passes`
-- says.
-- @number[opt] timeout seconds to wait; nil: as long as it takes
-- @int[opt] most most changes to handle; default: the option `batch`
-- @treturn integer the number of changes handled (0 for a resync, or for a position to begin from)
-- @fails code "no_change" or "not_connected" when nothing came in time, "retry" when the next try
-- is not due (`last_error` says why there is one), "handler_failed" (`raised`, `first_seq`,
-- `last_seq`, `changes`), "not_saved" when only the position is to be saved yet, or "name_taken"
-- (`pid`); other errors are those of the connection and of the feed
function Consumer:step(timeout, most)
  local deadline = timeout and self._waiter.now() + timeout
  while true do
    local left = deadline and math.max(deadline - self._waiter.now(), 0)
    local wait = (self._retry_at or 0) - self._waiter.now()
    if wait > 0 then self._waiter.wait(nil, "", left and math.min(wait, left) or wait) end
    if left and wait > left then return nil, failure.not_yet(self._last_error) end
    local closes = self._closes
    local state, result = states[self._state](self, left, most)
    if self._closes ~= closes then return ended(state, result) end
    self._state = state or self._state
    if self._closing then self:close() end
    if not state then return on_failure(self, result) end
    if result then
      self._attempt = 0
      return result
    end
  end
end

--- Whether run() would go on after an error of `step`: after whatever befalls a handler or a
-- resync, and what passes by itself. It is `err.retryable`.
-- @tparam forgelog.Error err the error
-- @treturn boolean
function Consumer:passes(err) return err.retryable == true end

--- Steps until it is stopped, or until an error that does not pass by itself.
-- @treturn true it was stopped
-- @fails such an error
function Consumer:run()
  self._stopping = false
  while not self._stopping do
    local done, err = self:step(SLICE)
    if not done and not self:passes(err) then
      self:close()
      return nil, err
    end
  end
  concurrent.finish(self) -- what is being handled is done, and saved
  self:close()
  return true
end

--- Has run() return once the batch at hand is done, or the changes that are being handled; within a
-- second when it waits. May be called by a handler.
function Consumer:stop() self._stopping = true end

--- Whether this program handles the changes of a row; without the option `share` it does all. For
-- an `on_resync` that reads the rows of its own lane only.
-- @tparam table change `table_name` and `row_id`, and what the option `key` looks at
-- @treturn boolean
function Consumer:owns(change)
  return not self._lane or self._lane:owns(change, self._options.key)
end

--- Closes the connection; a later step opens it again and goes on from the saved position. Where
-- work is done whose position could not be saved yet, it tries that once more, and waits two
-- seconds at most for that. Where a handler or `on_resync` calls it, that is done first, and saved.
function Consumer:close()
  local me = coroutine.running() or "main"
  self._closing = self._calling == me or self._crew ~= nil and self._crew:is_calling(me)
  if self._closing then return end
  self._closes = self._closes + 1
  states.finish(self, GRACE)
  ending.rest(self)
  ending.drop(self)
  self._state = "open"
end

--- What it has done and how it stands.
-- @treturn forgelog.consumer.Stats
function Consumer:stats() return stats(self) end

return consumer
