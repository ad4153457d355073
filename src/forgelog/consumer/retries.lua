--- The chore of trying parked changes again: one at a time, those of one key in their order. One
-- that fails again stays parked until somebody asks for it once more.
-- @module forgelog.consumer.retries
local each = require "forgelog.consumer.each"
local failure = require "forgelog.consumer.failure"
local narrowing = require "forgelog.consumer.narrowing"
local opening = require "forgelog.consumer.states.opening"
local parking = require "forgelog.consumer.parking"
local start = require "forgelog.consumer.filling.start"

local retries = {}

local PAGE = 20 -- entries that are looked through at once for one of this lane

--- See `forgelog.consumer.chores`.
function retries.attend(self)
  self._retrying = false
  if not self._options.attempts then return true end
  local conn, name = opening.own(self), self._options.name
  local ok, err = parking.any(conn, name)
  if ok == nil then return nil, err end
  self._parked, self._retrying = ok, ok
  if ok then ok, err = parking.wake(conn, name) end
  return ok ~= nil or nil, err
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
local function next_due(self, conn)
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

-- The handler's work and the removal of the entry.
local function handle(self, conn, entry, mark)
  start.hand_out(self, { entry.change })
  mark.handled = true
  local ok, err = parking.done(conn, entry.id)
  if not ok then error(err, 0) end
end

-- What is done about one that was not handled: as `work`.
local function failed(self, conn, entry, err, raised)
  local lost = conn:lost()
  if not lost and failure.is_guilty(err, raised, self._options.transaction) then
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
    self._retrying = false
    self._parked, err = parking.any(conn, self._options.name)
    return self._parked ~= nil and 0 or nil, err
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
