--- Draining: everything settled after a position, in ascending seq, chunk by chunk. Any number of
-- drains go on side by side on one connection.
-- @module forgelog.drain
local names = require "forgelog.tables.names"
local settle = require "forgelog.drain.settle"

local drain = {}

local BATCH = 64 -- changes handed to Lua by one call into the core
local PREFETCH_LEAST = 8192 -- with a limit below this nothing is asked for ahead

--- Whether rows are here; none of them is delivered.
-- @local
-- @param conn the connection
-- @param reader of it
-- @treturn bool; or nil and an error
function drain.here(conn, reader)
  local here, why = reader:here()
  while why == "wanted" do
    local ok, err = conn:fetch(reader, 0)
    if not ok then return nil, err end
    here, why = reader:here()
  end
  return here or false
end

--- Changes of a reader as soon as some are here; it fetches what it needs.
-- @param conn the connection
-- @param reader of this connection
-- @int[opt] most changes; default 64
-- @tparam ?table into is filled with them; default a new list
-- @bool[opt] ahead whether the server shall work on the next chunk while the program works on this
-- one
-- @return a list and its length; or nil, and the error (nil: the scan is over)
function drain.next_batch(conn, reader, most, into, ahead)
  local rows = most and most > BATCH and most or 0
  while true do
    if ahead then conn:prefetch(reader) end
    local changes, count = reader:pop(most or BATCH, into)
    if changes and count > 0 then return changes, count end
    if not changes then
      if count == "over" then return nil end
      local ok, err = conn:fetch(reader, rows)
      if not ok then return nil, err end
    end
  end
end

-- What the reader is to deliver, once there is something settled to read. A name that means nothing
-- is told before that is waited for. A table that got another name meanwhile is read under that as
-- well: the scan ends at what the last tick has shown, and the names are asked for after it.
local function wanted(conn, options, memory)
  local filter, err = names.resolve(conn, "drain", options, memory)
  if not filter then return nil, err end
  local left
  left, err = settle.wait(conn, options.settle)
  if not left then return nil, err end
  local differs
  differs, err = names.changed(conn, memory)
  if differs == nil then return nil, err end
  if differs then return names.resolve(conn, "drain", options, memory) end
  return filter
end

-- A reader behind the position, with a scan begun over all that is settled by now.
local function open(conn, position, options, memory)
  local filter, err = wanted(conn, options, memory)
  if not filter then error(err, 0) end
  local reader, wrong = conn:reader(position, filter)
  if not reader then error(wrong, 0) end
  local ok, why = conn:verify(reader)
  if not ok then error(why, 0) end
  reader:seek()
  return reader
end

--- The iterator of `log:drain`; arguments are checked.
-- @param conn the connection
-- @string position as text
-- @tparam table options `limit`, `settle`, and which changes: `tables`,
-- `channels`, `ops`, `columns`, `keys`
-- @tparam[opt] table memory of `forgelog.tables.names`, where the tables were looked up before
-- @treturn function
function drain.iterate(conn, position, options, memory)
  local reader
  local life = conn.life
  local left, over = options.limit, options.limit == 0
  -- One table for all batches. A new one each time would be stored in a variable that a
  -- generational collector has as old, and so become old at once, with all the changes in it.
  local batch, at, taken = {}, BATCH, 0

  -- The first change of the next batch; nil when there is none.
  local function refill()
    at = BATCH -- so that nothing is handed out of a batch that memory did not suffice for
    if over then return nil end
    reader = reader or open(conn, position, options, memory or {})
    local most = left and math.min(left, BATCH) or BATCH
    local ahead = taken > 2 and (not left or left > PREFETCH_LEAST)
    local changes, count = drain.next_batch(conn, reader, most, batch, ahead)
    if not changes then
      if count then error(count, 0) end
      over, batch = true, {}
      return nil
    end
    batch[count + 1] = nil -- behind the last one may stand one of the batch before
    at, taken = 1, taken + 1
    if left then
      left = left - count
      over = left == 0
    end
    return batch[1]
  end

  return function()
    if life.closed then conn:must_be_open("drain") end
    local following = at + 1
    local change = batch[following]
    if change == nil then return refill() end
    at = following
    return change
  end
end

return drain
