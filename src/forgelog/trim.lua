--- Trimming by age with a floor of rows, in transactions short enough to hold nobody up.
-- @module forgelog.trim
local core = require "forgelog.core"
local drive = require "forgelog.drive"

local SHORT = 0.01 -- seconds that one batch should take: an open DELETE holds the horizon like any writer
local REST = 2 -- times as long it rests after a batch while others write, so that they keep their rate
local FIRST, LEAST = 500, 100 -- rows of the first batch, and of the smallest

local function one_row(log, ...)
  local ok, err = drive.run(log, "begin", ...)
  if not ok then return nil, err end
  return log._core:rows()[1] or {}
end

-- Adds a batch to what was deleted so far: how many, and from which seq to which.
local function count(done, row)
  if row.deleted == 0 then return end
  done.deleted = done.deleted + row.deleted
  done.first, done.last = math.min(done.first or row.first, row.first), math.max(done.last or 0, row.last)
end

-- Deletes batch by batch, adding to `done`; returns nil or, where it stopped early, "busy", "stopped" or the error.
local function delete(log, before, floor, options, done)
  local batch, on_batch = options.batch or 10000, options.on_batch
  local now, size, newest = log._waiter.now, math.min(batch, FIRST), "-infinity"
  local own = not log._core:in_transaction() -- each batch is a transaction of its own
  while true do
    local started = now()
    local row, err = one_row(log, "trim", before, newest, floor, size, own)
    if not row then return err end
    if not row.got then return "busy" end
    count(done, row)
    newest = row.newest
    local go_on = not (on_batch and done.first) or on_batch(done.deleted, done.first, done.last) ~= false
    if row.deleted < size then return end
    if not go_on then return "stopped" end
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

-- The highest seq that may be deleted: nil where nothing may. Consumers only go forward, so it stays true.
local function find_floor(log, options)
  local row, err = one_row(log, "floor", options.min_rows or 1000)
  if not row then return nil, err end
  if not (row.floor and options.keep_consumers) then return row.floor end
  if log._core:known().exact == false then
    return nil, core.error("schema", "keep_consumers needs the table forge_change_log_consumers; run log:install()")
  end
  local held
  held, err = one_row(log, "held")
  if not held then return nil, err end
  return math.min(row.floor, held.seq or row.floor)
end

-- What a trim would delete now.
local function preview(log, before, options)
  local floor, err = find_floor(log, options)
  if err then return nil, err end
  if not floor then return 0 end
  local row
  row, err = one_row(log, "would", before, floor)
  if not row then return nil, err end
  if options.on_batch and row.first then options.on_batch(row.deleted, row.first, row.last) end
  return row.deleted
end

--- Trims; arguments are checked. See `Log:trim`.
return function(log, before, options)
  local ok, err = drive.run(log, "begin", "look")
  if not ok then return nil, err end
  if options.dry_run then return preview(log, before, options) end
  local locked
  locked, err = lock(log)
  if not locked then return nil, err end
  if locked == "busy" then return 0, "busy" end
  local done = { deleted = 0 }
  local floor, why = find_floor(log, options)
  if floor then why = delete(log, before, floor, options, done) end
  if locked == "locked" and not log._lost then unlock(log) end
  if type(why) ~= "table" then return done.deleted, why end
  why.deleted = done.deleted
  return nil, why
end
