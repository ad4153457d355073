--- The chore of trying parked changes again: one at a time, those of one key in their order. One
-- that fails again stays parked until somebody asks for it once more. A consumer whose option
-- `attempts` is not given any more does that, too, for what was parked before.
-- @module forgelog.consumer.retries
local each = require "forgelog.consumer.each"
local failure = require "forgelog.consumer.failure"
local narrowing = require "forgelog.consumer.narrowing"
local opening = require "forgelog.consumer.states.opening"
local parking = require "forgelog.consumer.parking"
local start = require "forgelog.consumer.filling.start"

local retries = {}

local PAGE = 20 -- entries that are looked through at once for one of this lane

-- Finds out whether anything is parked. What workers park meanwhile is not overlooked.
local function look(self, conn)
  local before = self._parked
  self._parked = false
  local find = self._options.attempts and parking.any or parking.left
  local any, err = find(conn, self._options.name)
  self._parked = self._parked or any or any == nil and before
  return any, err
end

--- See `forgelog.consumer.chores`.
function retries.attend(self)
  self._retrying = false
  if not self._options.name then return true end
  local any, err = look(self, opening.own(self))
  if any == nil then return nil, err end
  self._retrying = any
  return true
end

--- See `forgelog.consumer.chores`.
function retries.due(self) return self._retrying end

-- Whether this program tries an entry again: one of a whole table belongs to the lane that has
-- parked it.
local function owns(self, entry)
  local lane = self._lane
  if not lane then return true end
  local own = tonumber(entry.key:match("^%z(%d+)%z"))
  if own then return (own - 1) % lane.count + 1 == lane.own end
  return lane:owns(entry.change, self._options.key)
end

-- The next one that is due; false: there is none; or nil and an error.
local function find(self, conn)
  local after = 0
  repeat
    local page, err = parking.due(conn, self._options.name, self._lane and PAGE or 1, after)
    if not page then return nil, err end
    for _, entry in ipairs(page) do
      if owns(self, entry) then return entry end
      after = entry.id
    end
  until not page[1]
  return false
end

-- The same. In the end it wakes those that wait behind nothing: a change may have been parked at
-- the moment when the one before it was taken away.
local function next_due(self, conn)
  local entry, err = find(self, conn)
  if entry ~= false then return entry, err end
  local ok
  ok, err = parking.wake(conn, self._options.name)
  if not ok then return nil, err end
  return find(self, conn)
end

-- The handler's work and the removal of the entry.
local function handle(self, conn, entry, mark)
  start.hand_out(self, { entry.change })
  mark.handled = true
  local ok, err = parking.done(conn, entry.id)
  if not ok then error(err, 0) end
end

-- What is done about one that was not handled: as `work`.
local function failed(self, conn, entry, err, raised)
  local log, together = opening.log(self), self._options.transaction
  local used = log and log.connection -- by the handler; nil: it was closed meanwhile
  if used and not used:lost() and failure.is_guilty(err, raised, together, used) then
    local told = each.failure(self, err, { entry.change })
    local ok, why = parking.failed(conn, entry.id, failure.text(err))
    if not ok then return nil, why end
    narrowing.tell(self, told, entry.attempts + 1)
    return 0
  end
  return nil, raised and each.failure(self, err, { entry.change }) or err
end

--- See `forgelog.consumer.chores`.
function retries.work(self)
  local conn, checkpoint = opening.own(self), self._checkpoint
  local entry, err = true, nil -- true: it is done, and its position is to be saved yet
  if not checkpoint:unsaved() then entry, err = next_due(self, conn) end
  if entry == nil then return nil, err end
  if not entry then
    local any
    any, err = look(self, conn)
    if any == nil then return nil, err end
    self._retrying = false
    return 0
  end
  local mark = {}
  local ok, why, raised = checkpoint:commit(opening.place(self), handle, self, conn, entry, mark)
  if ok then
    self._delivered = self._delivered + 1
    return 1
  end
  if raised and mark.handled then return nil, why end
  return failed(self, conn, entry, why, raised)
end

return retries
