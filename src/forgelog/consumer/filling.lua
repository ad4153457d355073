--- The chore of reading tables from end to end, in the order of their keys, between the batches of
-- the live feed: a few rows at once go to the handler as changes with the op "READ", and how far
-- that is is saved with them. A row that is written meanwhile comes by the live feed too.
-- @module forgelog.consumer.filling
local backoff = require "forgelog.connection.backoff"
local calls = require "forgelog.consumer.calls"
local chunks = require "forgelog.consumer.filling.chunks"
local each = require "forgelog.consumer.each"
local entries = require "forgelog.consumer.filling.entries"
local failure = require "forgelog.consumer.failure"
local key_of = require "forgelog.key"
local make_pace = require "forgelog.consumer.filling.pace"
local narrowing = require "forgelog.consumer.narrowing"
local opening = require "forgelog.consumer.states.opening"
local undone = require "forgelog.consumer.filling.undone"
local units = require "forgelog.units"

local filling = {}

-- Seconds between two tries of a table that cannot be read, at first and at most.
local PAUSES = { backoff = 0.2, backoff_max = 60 }
local STALE = {} -- raised where an entry is not any more as it was

-- ---- what there is to do ----

-- Entries that are as they were keep what is known of their tables. Returns the chunk at hand,
-- where it was handled and is to be saved yet, behind one of them.
local function take_over(list, old)
  local chunk
  for i, entry in ipairs(list) do
    for _, known in ipairs(old.entries) do
      if known.table_name == entry.table_name and known.asked_at == entry.asked_at
        and entries.place(known) == entries.place(entry) then
        known.paused, list[i] = entry.paused, known
        chunk = old.chunk and old.chunk.entry == known and old.chunk or chunk
      end
    end
  end
  return chunk and chunk.handled and chunk or nil
end

--- See `forgelog.consumer.chores`.
function filling.attend(self)
  local name, old = opening.row_name(self), self._filling
  self._filling = nil
  if not name then return true end
  local conn = opening.own(self)
  local may, err = entries.may(conn)
  if may == nil or not may and self._options.resync then return nil, err end
  if not may then return true end
  local list, ok
  ok, err = undone.attend(self, conn, name)
  if not ok then return nil, err end
  list, err = entries.list(conn, name)
  if not list then return nil, err end
  local chunk = old and take_over(list, old) or nil
  self._filling = { entries = list, chunk = chunk,
    pace = old and old.pace or make_pace(self._options.batch) }
  return true
end

-- The first entry whose turn it is, or comes first; and when.
local function next_entry(own)
  local first
  for _, entry in ipairs(own.entries) do
    local earlier = not first or (entry.due or 0) < (first.due or 0)
    if not entry.paused and earlier then first = entry end
  end
  if first then return first, math.max(first.due or 0, own.pace:due()) end
end

--- See `forgelog.consumer.chores`.
function filling.wait(self)
  local own = self._filling
  if not own or not own.entries[1] then return nil end
  local now = self._waiter.now()
  own.pace:see(self._log.connection:fact("high_water"), now)
  local _, due = next_entry(own)
  return due and math.max(due - now, 0)
end

--- See `forgelog.consumer.chores`.
function filling.due(self) return filling.wait(self) == 0 end

-- ---- one chunk ----

-- Saves how far the entry is; raises where that fails, or cannot be since it is not there any more.
local function save(self, chunk)
  local saved, err = entries.save(opening.own(self), chunk.entry, chunk)
  if saved == nil then error(err, 0) end
  if not saved then error(STALE, 0) end
  undone.saved(self, chunk.entry)
end

-- Where `on_change` has failed with one of the rows, the chunk ends before it; what would wait
-- behind that comes again.
local function cut(chunk, rest)
  if not rest then return end
  local last, places, waiting = chunk.own[#chunk.own - #rest], {}, {}
  for _ = 1, #rest do table.remove(chunk.own) end
  for i, change in ipairs(chunk.changes) do places[change] = i end
  chunk.count = places[last]
  for _, change in ipairs(chunk.waiting) do
    if places[change] < chunk.count then waiting[#waiting + 1] = change end
  end
  chunk.waiting = waiting
  chunk.after, chunk.over = key_of(last), nil
end

-- The handler's work, and how far the entry is then. In a transaction that is saved first: where
-- somebody else has done it, nothing is done twice.
local function work(self, chunk)
  local together = self._options.transaction
  if together then save(self, chunk) end
  if chunk.own[1] and not chunk.handled then
    chunk.calls = true
    undone.begun(self, chunk.entry)
    calls.user(self, each.work, self, chunk.own, opening.hand(self))
    chunk.calls, chunk.handled = false, not together
    cut(chunk, each.rest(self))
  end
  narrowing.park(self, chunk.parked, chunk.waiting, chunk.entry.error, chunk.entry.failures)
  if not together then save(self, chunk) end
  chunk.done = true
end

local function name_of(change) return change.row_id or "" end

-- Those of the rows that are wanted.
local function wanted(self, changes)
  if not self._options.keys then return changes end
  local is_wanted, list = {}, {}
  for _, key in ipairs(self._options.keys) do is_wanted[key] = true end
  for _, change in ipairs(changes) do
    if is_wanted[change.row_id] then list[#list + 1] = change end
  end
  return list
end

-- The next chunk, with those of its changes that this program hands out, and those that wait behind
-- parked ones of their keys; or nil and an error.
local function read(self, own, entry, most)
  local began = self._waiter.now()
  local rows = entry.failing and 1 or math.min(own.pace:rows(), most or math.huge)
  local chunk, err = chunks.read(opening.own(self), entry, rows)
  if not chunk then return nil, err end
  chunk.began, chunk.own, chunk.waiting, chunk.parked = began, chunk.changes, {}, {}
  if chunk.told then return chunk end
  chunk.own = wanted(self, chunk.changes)
  if self._lane then
    chunk.own, err = self._lane:own_of(chunk.own, self._options.key)
    if not chunk.own then return nil, err end
  end
  local free, waiting = narrowing.divide(self, chunk.own)
  if not free then return nil, waiting end
  chunk.own, chunk.waiting = free, waiting
  if entry.parks and #free == 1 and entry.parks == name_of(free[1]) then
    chunk.own, chunk.parked = {}, free
  end
  return chunk
end

-- Has the entry be where the chunk has led it.
local function move(own, chunk)
  local entry = chunk.entry
  entry.rows, entry.after, entry.key = entry.rows + chunk.count, chunk.after, chunk.key
  entry.relation, entry.reload = tonumber(chunk.relation) or entry.relation, false
  entry.failures, entry.due, entry.error, entry.failing, entry.parks = nil, nil, nil, nil, nil
  for at, one in ipairs(own.entries) do
    if chunk.over and one == entry then table.remove(own.entries, at) break end
  end
end

-- ---- what fails ----

-- Has an entry rest for a while, longer each time; the live feed and others go on.
local function put_off(self, entry, err, pauses)
  entry.failures, entry.error = (entry.failures or 0) + 1, err
  entry.due = self._waiter.now() + backoff.delay(entry.failures, pauses)
  narrowing.tell(self, err, entry.failures)
  return 0
end

-- A table that is gone is read no more, and one with another key from its beginning.
local function not_read(self, entry, err)
  local conn = opening.own(self)
  local done, why
  if conn:lost() or failure.is_of_connection(err) then return nil, err end
  if err.code == "no_table" then
    done, why = entries.save(conn, entry, { over = true })
  elseif err.code == "key_changed" then
    done, why = entries.enter(conn, entry.consumer, { entry.found or entry.table_name }, false)
  else
    return put_off(self, entry, err, PAUSES)
  end
  if done == nil then return nil, why end
  self._attended = nil
  narrowing.tell(self, err, 1)
  return 0
end

-- What a handler has raised, or its COMMIT returned. With `attempts` fewer rows come next, down to
-- the one that fails, which is parked in the end.
local function not_handled(self, own, chunk, err)
  local entry, attempts = chunk.entry, self._options.attempts
  local rows = chunk.told and "that it is to be read anew" or units.many(#chunk.own, "row")
  err = failure.raised(("the handler, with %s of %s,"):format(rows, entry.table_name), err,
    { changes = #chunk.own, table = entry.table_name })
  if not attempts or chunk.told then return put_off(self, entry, err, self._options) end
  local one_by_one = self._options.on_change and not self._options.transaction
  if #chunk.own > 1 and not one_by_one then
    own.pace:halve()
    return 0
  end
  local name = name_of(chunk.own[1])
  if entry.failing ~= name then entry.failing, entry.failures = name, nil end
  put_off(self, entry, err, self._options)
  if entry.failures >= attempts then entry.parks, entry.due = name, nil end
  return 0
end

-- What was not done: 0 where the live feed and others go on; or nil and an error.
local function failed(self, own, chunk, err, raised)
  if raised and err == STALE then
    own.chunk, self._attended = nil, nil
    return chunk.handled and #chunk.own or 0
  end
  local called = raised and chunk.calls
  chunk.calls = false
  if raised and not called then return nil, err end
  local log, together = opening.log(self), self._options.transaction
  local conn = log and log.connection -- nil: it was closed meanwhile
  if conn and conn:lost() or not failure.is_guilty(err, raised, together, conn) then
    return nil, called and failure.raised("the handler", err) or err
  end
  own.chunk = nil
  return not_handled(self, own, chunk, err)
end

-- ---- the chore ----

-- The chunk at hand, whose work may be done and not be saved yet; or the next one; or false and
-- what `work` returns.
local function chunk_of(self, own, most)
  if own.chunk and (own.chunk.handled or self._checkpoint:unsaved()) then return own.chunk end
  local entry, due = next_entry(own)
  if not entry or due > self._waiter.now() then return false, 0 end
  local chunk, err = read(self, own, entry, most)
  if not chunk then return false, not_read(self, entry, err) end
  return chunk
end

--- See `forgelog.consumer.chores`.
function filling.work(self, most)
  local own, checkpoint = self._filling, self._checkpoint
  if checkpoint:unsaved() and not (own.chunk and own.chunk.done) then -- the keeper's, or so
    local ok, why = checkpoint:commit(nil, work)
    return ok and 0 or nil, why
  end
  local chunk, result, err = chunk_of(self, own, most)
  if not chunk then return result, err end
  own.chunk = chunk
  local raised
  result, err, raised = checkpoint:commit(opening.place(self), work, self, chunk)
  if not result then return failed(self, own, chunk, err, raised) end
  own.chunk = nil
  local err_of_parked = chunk.entry.error
  move(own, chunk)
  if chunk.parked[1] then narrowing.tell_parked(self, chunk.parked, err_of_parked) end
  if chunk.waiting[1] then self._parked = true end
  local now = self._waiter.now()
  own.pace:took(now - chunk.began, chunk.count, now)
  self._delivered = self._delivered + #chunk.own + #chunk.parked
  return #chunk.own + #chunk.parked
end

--- What is being read, for `Consumer:stats`: nil where nothing is.
-- @param self the consumer
-- @return `table`, `rows` (read so far), `estimate` (rows that there may be; nil: not known),
-- `error` (why it rests, if it does)
function filling.stats(self)
  local entry = self._filling and self._filling.entries[1]
  return entry and { table = entry.table_name, rows = entry.rows, estimate = entry.estimate,
    error = entry.error }
end

return filling
