--- Trimming by age with a floor of rows, in transactions so short that they hold nobody up. It
-- deletes in the order of the seqs, so what is gone is a prefix of the log, and each look and batch
-- begins behind the last: what was deleted may have to stay on disk for a while, but nobody walks
-- over it again.
-- @module forgelog.trim
local core = require "forgelog.core"
local hidden = require "forgelog.connection.hidden"
local primary = require "forgelog.connection.primary"
local renew = require "forgelog.tables.renew"
local seqs = require "forgelog.seqs"
local uncompiled = require "forgelog.connection.uncompiled"

-- Seconds that one batch should take: an open DELETE holds the horizon as any writer does.
local SHORT = 0.01
-- It rests so many times as long after a batch while others write, so that they keep their rate.
local REST = 2
-- Rows of the first batch, of the smallest, and by default of the largest.
local FIRST, LEAST, MOST = 500, 100, 10000
local MIN_ROWS = 1000
-- Seqs looked at to find where the old changes end, before the first of them are deleted; and how
-- many times as many where none of them was old, and none young.
local LOOK, MORE = 100000, 8
local EVERYTHING = "9007199254740992"

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

-- Deletes batch by batch what lies above one seq and not above another, adding to `done`. true when
-- all is done; or false, why it stopped early ("busy", "stopped"), and the error where there was
-- one.
local function delete(conn, after, stop, options, done)
  local most = options.batch or MOST
  -- Each batch is a transaction of its own.
  local size, own = done.size or math.min(most, FIRST), not conn:in_transaction()
  while true do
    local started = conn:now()
    local row, err = one_row(conn, "trim.batch", after, stop, size, own)
    if not row then return false, "failed", err end
    if not row.got then return false, "busy" end
    count(done, row)
    local more = wants_more(options.on_batch, done)
    done.unwanted = not more
    if row.deleted < size or row.last >= stop then return true end
    if not more then return false, "stopped" end
    after = row.last
    local took = math.max(conn:now() - started, 0.001)
    if row.others then conn:sleep(took * REST) end
    size = next_size(size, took, most)
    done.size = size
  end
end

-- The same for all old changes at the beginning of the log, up to a seq.
local function delete_old(conn, before, after, floor, options, done)
  local look = LOOK
  while true do
    local row, err = one_row(conn, "trim.prefix", before, after, floor, look)
    if not row then return false, "failed", err end
    if row.stop then
      local ok, why
      ok, why, err = delete(conn, after, row.stop, options, done)
      if not ok then return false, why, err end
      after, look = row.stop, LOOK
    else
      look = look * MORE
    end
    if not row.more then return true end
    if done.unwanted then return false, "stopped" end
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
  local rows
  local ok, err = hidden(conn, "forge_change_log_consumers", "r")
  if ok then rows, err = conn:run("trim.positions") end
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
local function find_floor(conn, options, after)
  local row, err = one_row(conn, "trim.floor", options.min_rows or MIN_ROWS, after)
  if not row then return nil, err end
  if not (row.floor and options.keep_consumers) then return row.floor end
  local slowest
  slowest, err = slowest_consumer(conn)
  if err then return nil, err end
  return math.min(row.floor, slowest or row.floor)
end

-- The seq above which the log begins, and the highest that can be deleted (nil: nothing can be); or
-- nil, nil and an error.
local function find_scope(conn, options)
  local after, err = seqs.empty_to(conn)
  if not after then return nil, nil, err end
  local floor
  floor, err = find_floor(conn, options, after)
  if err then return nil, nil, err end
  return after, floor
end

-- What a trim would delete now.
local function preview(conn, before, options)
  local after, floor, err = find_scope(conn, options)
  if err then return nil, err end
  if not floor then return 0 end
  local row
  row, err = one_row(conn, "trim.prefix", before, after, floor, EVERYTHING)
  if not row then return nil, err end
  if not row.stop then return 0 end
  row, err = one_row(conn, "trim.preview", after, row.stop)
  if not row then return nil, err end
  if options.on_batch and row.first then options.on_batch(row.deleted, row.first, row.last) end
  return row.deleted
end

-- What a session does that has the lock, or locks for each batch.
local function run(conn, before, options, done)
  local after, floor, err = find_scope(conn, options)
  if err then return false, "failed", err end
  if not floor then return true end
  return delete_old(conn, before, after, floor, options, done)
end

--- Trims; arguments are checked. See `Log:trim`.
-- @param conn the connection
-- @number before Unix seconds
-- @tparam table options of `Log:trim`
-- @return the number of changes deleted, and why it stopped early; or nil and an error
return function(conn, before, options)
  local ok, err = conn:locate()
  if ok then ok, err = hidden(conn, "forge_change_log", "rd") end
  if not ok then return nil, err end
  if options.dry_run then return preview(uncompiled(conn), before, options) end
  ok, err = primary(conn, "trim")
  if not ok then return nil, err end
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
  if not conn:in_transaction() then renew.in_passing(conn) end
  return done.deleted, not ok and why or nil
end
