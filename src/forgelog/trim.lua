--- Trimming by age with a floor of rows, in transactions short enough to hold nobody up.
-- @module forgelog.trim
local drive = require "forgelog.drive"

local SHORT = 0.01 -- seconds that one batch should take: an open DELETE holds the horizon like any writer
local REST = 2 -- times as long it rests after a batch while others write, so that they keep their rate
local FIRST, LEAST = 500, 100 -- rows of the first batch, and of the smallest

local function one_row(log, ...)
  local ok, err = drive.run(log, "begin", ...)
  if not ok then return nil, err end
  return log._core:rows()[1] or {}
end

-- Deletes batch by batch; returns what was deleted and, where it stopped early, "busy" or the error.
local function delete(log, before, floor, batch)
  local now, size, total, newest = log._waiter.now, math.min(batch, FIRST), 0, "-infinity"
  local own = not log._core:in_transaction() -- each batch is a transaction of its own
  while true do
    local started = now()
    local row, err = one_row(log, "trim", before, newest, floor, size, own)
    if not row then return total, err end
    if not row.got then return total, "busy" end
    total, newest = total + row.deleted, row.newest
    if row.deleted < size then return total end
    local took = math.max(now() - started, 0.001)
    if row.others then log._waiter.wait(nil, "", took * REST) end
    size = math.floor(size * SHORT / took)
    size = math.max(math.min(size, batch), math.min(LEAST, batch))
  end
end

-- The lock may still be ours from a trim that an error ended in the middle: it is given back first (only a warning
-- where it was not ours). Behind a pooler a session's lock would stay with a server connection that is not ours: each
-- batch locks for itself.
local function unlock(log)
  local done, err = one_row(log, "unlock")
  if done then log._trimming = false end
  return done, err
end

local function lock(log)
  if log._trimming then
    local done, err = unlock(log)
    if not done then return nil, err end
  end
  log._trimming = true
  local row, err = one_row(log, "lock")
  if not row then return nil, err end
  if not row.got then
    log._trimming = false
    return "busy"
  end
  if row.pid == log._core:known().backend then return "locked" end
  unlock(log)
  return "unlocked"
end

--- Trims; arguments are checked.
-- @return changes deleted, and "busy" when another session trims; or nil and an error
return function(log, before, min_rows, batch)
  local ok, err = drive.run(log, "begin", "look")
  if not ok then return nil, err end
  local locked
  locked, err = lock(log)
  if not locked then return nil, err end
  if locked == "busy" then return 0, "busy" end
  local total = 0
  local row, why = one_row(log, "floor", min_rows)
  if row and row.floor then total, why = delete(log, before, row.floor, batch) end
  if locked == "locked" and not log._lost then unlock(log) end
  if type(why) ~= "table" then return total, why end
  why.deleted = total
  return nil, why
end
