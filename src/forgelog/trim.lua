--- Trimming by age with a floor of rows, in transactions short enough to hold nobody up.
-- @module forgelog.trim
local drive = require "forgelog.drive"

local SHORT = 0.03 -- seconds that one batch should take: an open DELETE holds the horizon like any writer
local FIRST, LEAST = 1000, 100 -- rows of the first batch, and of the smallest

local function one_row(log, ...)
  local ok, err = drive.run(log, "begin", ...)
  if not ok then return nil, err end
  return log._core:rows()[1] or {}
end

-- Deletes batch by batch; returns what was deleted and, where it stopped early, "busy" or the error.
local function delete(log, before, floor, batch)
  local now, size, total, newest = log._waiter.now, math.min(batch, FIRST), 0, "-infinity"
  while true do
    local started = now()
    local row, err = one_row(log, "trim", before, newest, floor, size)
    if not row then return total, err end
    if not row.got then return total, "busy" end
    total, newest = total + row.deleted, row.newest
    if row.deleted < size then return total end
    size = math.floor(size * SHORT / math.max(now() - started, 0.001))
    size = math.max(math.min(size, batch), math.min(LEAST, batch))
  end
end

-- The lock may still be ours from a trim that an error of the program's ended in the middle.
-- Behind a pooler a session's lock would stay with a server connection that is not ours: each batch locks for itself.
local function lock(log)
  if log._trimming then return "locked" end
  local row, err = one_row(log, "lock")
  if not row then return nil, err end
  if not row.got then return "busy" end
  if row.pid == log._core:known().backend then
    log._trimming = true
    return "locked"
  end
  return "unlocked", one_row(log, "unlock")
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
  if locked == "locked" then
    log._trimming = false
    if not log._lost then one_row(log, "unlock") end
  end
  if type(why) ~= "table" then return total, why end
  why.deleted = total
  return nil, why
end
