--- Trimming by age with a floor of rows, in transactions so short that they hold nobody up.
-- @module forgelog.trim
local core = require "forgelog.core"

-- Seconds that one batch should take: an open DELETE holds the horizon as any writer does.
local SHORT = 0.01
-- It rests so many times as long after a batch while others write, so that they keep their rate.
local REST = 2
-- Rows of the first batch, of the smallest, and by default of the largest.
local FIRST, LEAST, MOST = 500, 100, 10000
local MIN_ROWS = 1000

-- The one row of a statement.
local function one_row(conn, name, ...)
  local rows, err = conn:run(name, ...)
  if not rows then return nil, err end
  return rows[1] or {}
end

-- Adds a batch to what was deleted so far: how many changes, and from which seq to which.
local function count(done, row)
  if row.deleted == 0 then return end
  done.deleted = done.deleted + row.deleted
  done.first = math.min(done.first or row.first, row.first)
  done.last = math.max(done.last or 0, row.last)
end

-- Rows of the next batch, so that it takes about as long as it should.
local function next_size(size, took, most)
  local wanted = math.floor(size * SHORT / took)
  return math.max(math.min(wanted, most), math.min(LEAST, most))
end

-- Whether the program wants to go on after what was deleted so far.
local function wants_more(on_batch, done)
  return not (on_batch and done.first) or on_batch(done.deleted, done.first, done.last) ~= false
end

-- Deletes batch by batch, adding to `done`. true when all is done; or false, why it stopped early
-- ("busy", "stopped"), and the error where there was one.
local function delete(conn, before, floor, options, done)
  local most, newest = options.batch or MOST, "-infinity"
  -- Each batch is a transaction of its own.
  local size, own = math.min(most, FIRST), not conn:in_transaction()
  while true do
    local started = conn:now()
    local row, err = one_row(conn, "trim.batch", before, newest, floor, size, own)
    if not row then return false, "failed", err end
    if not row.got then return false, "busy" end
    count(done, row)
    newest = row.newest
    local more = wants_more(options.on_batch, done)
    if row.deleted < size then return true end
    if not more then return false, "stopped" end
    local took = math.max(conn:now() - started, 0.001)
    if row.others then conn:sleep(took * REST) end
    size = next_size(size, took, most)
  end
end

-- Sessions that have the trimmer's lock, or may have it since an error ended their trim in the
-- middle.
local holding = setmetatable({}, { __mode = "k" })

-- The server only warns where the lock was not ours.
local function unlock(conn)
  local row, err = one_row(conn, "trim.unlock")
  if row then holding[conn.life] = nil end
  return row, err
end

-- Takes the trimmer's lock. "locked" for the session; "each", where each batch locks for itself,
-- since behind a pooler a session's lock would stay with a server connection that is not ours; or
-- "busy"; or nil and the error.
local function lock(conn)
  if holding[conn.life] then
    local done, err = unlock(conn)
    if not done then return nil, err end
  end
  holding[conn.life] = true
  local row, err = one_row(conn, "trim.lock")
  if not row then return nil, err end
  if not row.got then
    holding[conn.life] = nil
    return "busy"
  end
  if row.pid == conn:fact("backend") then return "locked" end
  unlock(conn)
  return "each"
end

-- The lowest seq that a consumer of the table store has behind it; nil where there is no consumer.
local function slowest_consumer(conn)
  if not conn:fact("has_state") then
    local message = "keep_consumers needs the table forge_change_log_consumers"
    return nil, core.error("schema", message, nil, { code = "no_consumers", remedy = "install" })
  end
  local rows, err = conn:run("trim.positions")
  if not rows then return nil, err end
  local lowest
  for _, row in ipairs(rows) do
    local timeline, base = core.parse_position(row.position)
    if timeline then lowest = math.min(lowest or base, base) end
  end
  return lowest
end

-- The highest seq that can be deleted: nil where nothing can. Consumers only go forward, so it
-- stays true.
local function find_floor(conn, options)
  local row, err = one_row(conn, "trim.floor", options.min_rows or MIN_ROWS)
  if not row then return nil, err end
  if not (row.floor and options.keep_consumers) then return row.floor end
  local slowest
  slowest, err = slowest_consumer(conn)
  if err then return nil, err end
  return math.min(row.floor, slowest or row.floor)
end

-- What a trim would delete now.
local function preview(conn, before, options)
  local floor, err = find_floor(conn, options)
  if err then return nil, err end
  if not floor then return 0 end
  local row
  row, err = one_row(conn, "trim.preview", before, floor)
  if not row then return nil, err end
  if options.on_batch and row.first then options.on_batch(row.deleted, row.first, row.last) end
  return row.deleted
end

-- What a session does that has the lock, or locks for each batch.
local function run(conn, before, options, done)
  local floor, err = find_floor(conn, options)
  if err then return false, "failed", err end
  if not floor then return true end
  return delete(conn, before, floor, options, done)
end

--- Trims; arguments are checked. See `Log:trim`.
-- @param conn the connection
-- @number before Unix seconds
-- @tparam table options of `Log:trim`
-- @return the number of changes deleted, and why it stopped early; or nil and an error
return function(conn, before, options)
  local ok, err = conn:locate()
  if not ok then return nil, err end
  if options.dry_run then return preview(conn, before, options) end
  local locked
  locked, err = lock(conn)
  if not locked then return nil, err end
  if locked == "busy" then return 0, "busy" end
  local done, why = { deleted = 0 }
  ok, why, err = run(conn, before, options, done)
  if locked == "locked" and not conn:lost() then unlock(conn) end
  if err then
    err.deleted = done.deleted
    return nil, err
  end
  return done.deleted, not ok and why or nil
end
