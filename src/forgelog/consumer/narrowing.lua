--- Handles a batch with the option `attempts`: one that fails is narrowed down to the change that
-- fails, which is parked in the end, while all others are handled and saved. What is not the
-- change's fault, such as a connection that is lost, is tried again for as long as it takes. So is
-- every change where the option is not given any more, while changes of earlier are parked.
-- @module forgelog.consumer.narrowing
local backoff = require "forgelog.connection.backoff"
local calls = require "forgelog.consumer.calls"
local core = require "forgelog.core"
local each = require "forgelog.consumer.each"
local failure = require "forgelog.consumer.failure"
local make_parts = require "forgelog.consumer.parts"
local opening = require "forgelog.consumer.states.opening"
local order = require "forgelog.consumer.order"
local parking = require "forgelog.consumer.parking"
local start = require "forgelog.consumer.filling.start"

local narrowing = {}

local LOOK = 1 -- seconds after which a consumer that waits looks after its claim

--- Tells the user of an error that ends no step.
-- @param self the consumer
-- @param err the error
-- @int attempt how often that has failed
function narrowing.tell(self, err, attempt)
  self._last_error = err
  if self._options.on_error then self._options.on_error(err, attempt) end
end

local function key_of(self, change)
  return order.parked_under(change, self._options.key, self._lane)
end

--- Of the keys of some changes those of which changes are parked, where later ones wait behind
-- these.
-- @param self the consumer
-- @tparam table changes
-- @return as of `parking.keys`
function narrowing.blocked(self, changes)
  if not self._parked or self._options.park == "change" then return {} end
  local keys, known = {}, {}
  for _, change in ipairs(changes) do
    local key = key_of(self, change)
    if not known[key] then keys[#keys + 1], known[key] = key, true end
  end
  return parking.keys(opening.own(self), self._options.name, keys)
end

--- Of a batch the changes that are handled, and those that wait behind parked ones of their keys.
-- @param self the consumer
-- @tparam table changes
-- @return two lists; or nil and an error
function narrowing.divide(self, changes)
  local blocked, err = narrowing.blocked(self, changes)
  if not blocked then return nil, err end
  if not next(blocked) then return changes, {} end
  local free, waiting = {}, {}
  for _, change in ipairs(changes) do
    local list = parking.waits(change, blocked[key_of(self, change)]) and waiting or free
    list[#list + 1] = change
  end
  return free, waiting
end

local function begin(self)
  local free, waiting = narrowing.divide(self, self._changes)
  if not free then return nil, waiting end
  local parts = make_parts(free)
  if waiting[1] then table.insert(parts, 1, { changes = {}, behind = waiting, parks = true }) end
  if not free[1] then table.remove(parts) end
  return {
    parts = parts,
    at = nil, -- the place of the part that is at work
    conn = opening.log(self).connection, -- of the handler; it may be closed within its work
  }
end

-- The position that is saved behind a part.
local function position_behind(self, batch)
  local rest = batch.parts:rest(batch.at)
  if not rest[1] then return self._position end
  for i, change in ipairs(rest) do rest[i] = change.seq end
  return core.without(self._position, rest)
end

-- What a step returns when a part is answered for.
local function answered(self, batch, count)
  self._attempt, batch.at = 0, nil
  if self._batch ~= batch then return "take", count end -- it was closed meanwhile
  local rest = batch.parts:rest()
  self._changes = rest[1] and rest or false
  if rest[1] then return "handle", count end
  self._batch = nil
  return "take", count
end

--- Parks changes, within the work of a checkpoint; raises what fails.
-- @param self the consumer
-- @tparam table changes those that have failed; of a backfill too
-- @tparam ?table behind those that wait behind such
-- @param[opt] err the error that they have failed with
-- @int[opt] failures how often
function narrowing.park(self, changes, behind, err, failures)
  local conn, name = opening.own(self), self._options.name
  local passes = self._options.park == "change"
  local function park(change, ...)
    local ok, why = parking.park(conn, name, key_of(self, change), change, ...)
    if not ok then error(why, 0) end
  end
  for _, change in ipairs(changes) do park(change, failure.text(err.raised), failures, passes) end
  for _, change in ipairs(behind or {}) do park(change) end
end

--- Tells the user of changes that have been parked.
-- @param self the consumer
-- @tparam table changes those that have failed
-- @param err the error that they have failed with
function narrowing.tell_parked(self, changes, err)
  local on_park = self._options.on_park
  self._parked = true
  for _, change in ipairs(on_park and changes or {}) do
    local ok, raised = pcall(calls.user, self, on_park, change, err)
    if not ok then narrowing.tell(self, failure.raised("on_park", raised), 1) end
  end
end

local function park(self, batch, part)
  local ok, err = self._checkpoint:commit(position_behind(self, batch), narrowing.park, self,
    part.changes, part.behind, part.err, part.failures)
  if not ok then return nil, failure.of_store(err, "not_parked", failure.passes(err)) end
  batch.parts:parked(batch.at)
  self._delivered = self._delivered + #part.changes
  local state, count = answered(self, batch, #part.changes + #(part.behind or {}))
  narrowing.tell_parked(self, part.changes, part.err)
  return state, count
end

-- One change has failed by itself.
local function failed(self, batch, part, err)
  local options, parts = self._options, batch.parts
  part.failures, part.err = (part.failures or 0) + 1, err
  part.due = self._waiter.now() + backoff.delay(part.failures, options)
  part.parks = part.failures >= (options.attempts or math.huge)
  local key = options.park ~= "change" and key_of(self, part.changes[1])
  if key then
    parts:hold_back(batch.at, function(change) return key_of(self, change) == key end)
  end
  narrowing.tell(self, err, part.failures)
end

local function is_guilty(self, batch, err, raised)
  return not (batch.conn:lost() or batch.conn:closed())
    and failure.is_guilty(err, raised, self._options.transaction, batch.conn)
end

-- The work of a part is done and saved, but for the changes from one on that has failed by itself.
local function done(self, batch, changes)
  local rest, err = each.rest(self)
  local count = #changes - #(rest or {})
  self._last, self._delivered = changes[count], self._delivered + count
  if not rest then
    batch.parts:done(batch.at)
    return answered(self, batch, count)
  end
  local at = batch.at
  batch.parts:done_before(at, count + 1)
  local guilty = is_guilty(self, batch, err.raised, true)
  if guilty then failed(self, batch, batch.parts[at], err) end
  local state
  state, count = answered(self, batch, count)
  if guilty then return state, count end
  return nil, err
end

-- Where `on_change` has told which change has failed, no part is halved.
local function handle(self, batch, part)
  local changes = part.changes
  local ok, err, raised = self._checkpoint:commit(position_behind(self, batch), start.hand_out,
    self, changes)
  if ok then return done(self, batch, changes) end
  local guilty = is_guilty(self, batch, err, raised)
  if raised or guilty then err = each.failure(self, err, changes) end
  if not guilty then return nil, err end
  local place = raised and each.place(self, changes) or #changes == 1 and 1
  if place then
    batch.at = batch.parts:isolate(batch.at, place)
    failed(self, batch, batch.parts[batch.at], err)
  else
    batch.parts:halve(batch.at)
  end
  return "handle"
end

-- Waits until a change is due again.
local function wait(self, due, timeout)
  local left = math.max(due - self._waiter.now(), 0)
  self._waiter.wait(nil, "", math.min(left, timeout or LOOK, LOOK))
  if timeout and timeout < left and timeout <= LOOK then
    return nil, failure.not_yet(self._last_error)
  end
  return "handle"
end

--- Whether the batch at hand is handled so.
-- @param self the consumer
-- @treturn bool
function narrowing.is_wanted(self)
  return self._options.attempts ~= nil or self._batch ~= nil
    or self._parked == true and not self._checkpoint:unsaved()
end

--- Handles a part of the batch at hand: a state of the consumer.
-- @param self the consumer, connected
-- @number[opt] timeout seconds
-- @return the next state, and the number of changes; or nil and an error
function narrowing.handle(self, timeout)
  if not self._batch then
    local begun, err = begin(self)
    if not begun then return nil, err end
    self._batch = begun
  end
  local batch = self._batch
  -- Where work is done whose position could not be saved yet, it is this part's.
  if not (batch.at and self._checkpoint:unsaved()) then
    local at, due = batch.parts:next(self._waiter.now())
    if not at then return wait(self, due, timeout) end
    batch.at = at
  end
  local part = batch.parts[batch.at]
  return (part.parks and park or handle)(self, batch, part)
end

return narrowing
