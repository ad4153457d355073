--- How the log is doing: what it holds, who writes, who reads, and what holds whom up.
-- @module forgelog.status
local backfill = require "forgelog.consumer.backfill"
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local hidden = require "forgelog.connection.hidden"
local inspect = require "forgelog.tables.inspect"
local parked = require "forgelog.consumer.parked"
local remembered = require "forgelog.tables.remembered"
local row_names = require "forgelog.consumer.rows"
local seqs = require "forgelog.seqs"
local settle = require "forgelog.drain.settle"
local standing = require "forgelog.consumer.standing"
local uncompiled = require "forgelog.connection.uncompiled"

local status = {}

--- Changes in the log that are counted; if there are more, their number is an estimate.
-- @tfield integer COUNTED_ROWS
status.COUNTED_ROWS = 100000

--- Changes that are counted of those a consumer has before it; if there are more, their number is
-- an upper bound.
-- @tfield integer COUNTED_LAG
status.COUNTED_LAG = 10000

local WINDOW = 60 -- seconds over which the write rate is taken
local SETTLE = 1 -- seconds to wait for writers that this connection has not seen begin

local NO_RIGHT, NO_TABLE = "42501", "42P01" -- SQLSTATEs

-- The number of changes in the log: counted; or the planner's estimate, which is at least what was
-- counted, and at most the span of the seqs.
local function number_of_rows(row, span)
  if row.rows_exact then return row.rows end
  return math.min(math.max(row.estimate or span, row.rows), span)
end

-- Changes written per second. Where the first change came while this looks, there is no recent one.
local function write_rate(row, max_seq)
  if not (row.recent_seq and max_seq) then return 0 end
  -- A log that begins within the window, new or trimmed, has been written to for no longer than it
  -- shows.
  local seconds = row.oldest_age > WINDOW and WINDOW or math.max(row.recent_age, 1)
  return math.max(max_seq - row.recent_seq + 1, 0) / seconds
end

-- Adds what the log holds.
local function add_log(conn, into)
  local rows, err = conn:run("status.log", status.COUNTED_ROWS, WINDOW, conn:fact("empty_to"))
  if not rows then return nil, err end
  local row = rows[1]
  into.at, into.server_version, into.database = row.now, row.server_version, row.database
  into.bytes, into.dead_rows, into.oldest_age = row.bytes, row.dead_rows, row.oldest_age
  local span = into.max_seq and into.max_seq - into.min_seq + 1 or 0
  into.rows, into.rows_exact = number_of_rows(row, span), row.rows_exact
  into.write_rate = write_rate(row, into.max_seq)
  -- Without a rate nothing was written, or all of it since max_seq was asked for.
  into.retention = into.write_rate > 0 and into.rows / into.write_rate or nil
  return true
end

-- Adds the horizon, where it can be known, and the writers that are open.
local function add_writers(conn, into, seconds)
  local position, why = settle.position(conn, seconds)
  local horizon, found = seqs.horizon(conn) -- what was found: the writers, or an error
  if not horizon and found.kind ~= "schema" then return nil, found end
  into.writers = horizon and found or {}
  if position and horizon then
    into.horizon = horizon
    into.above_horizon = into.max_seq and math.max(into.max_seq - horizon, 0) or 0
  else
    into.horizon_why = horizon and why or found
    into.horizon_error = into.horizon_why.message
  end
  return true
end

-- Adds how far a standby is behind, as far as this role may ask.
local function add_replay(conn, into)
  local rows, err = conn:run("status.replay")
  if not rows and err.sqlstate ~= NO_RIGHT then return nil, err end
  local row = rows and rows[1] or {}
  if row.host then row.primary, row.host, row.port = row.host .. ":" .. row.port, nil, nil end
  into.replay = row
  return true
end

-- The ranges of a position ("17-20,22") as text of an int8multirange.
local function multirange(ranges)
  local parts = {}
  for first, last in (ranges or ""):gmatch("(%d+)%-?(%d*)") do
    parts[#parts + 1] = ("[%s,%s]"):format(first, last ~= "" and last or first)
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

--- Whether a consumer has not been delivered all that is in the log up to a seq; for the command.
-- @local
-- @param conn the connection
-- @param consumer of `status.consumers`, with a position that is readable
-- @int upto the seq
-- @return a boolean; or nil and an error
function status.awaits(conn, consumer, upto)
  local _, seq, ranges = core.parse_position(consumer.position)
  local rows, err = conn:run("trim.awaited", seq, multirange(ranges), upto)
  if not rows then return nil, err end
  return rows[1].awaited
end

--- How many changes in the log up to a seq a consumer has not been delivered.
-- @local
-- @param conn the connection
-- @param consumer as of `awaits`
-- @int upto the seq
-- @return their number, `COUNTED_LAG` + 1 where there are more than `COUNTED_LAG`; or nil and an
-- error
function status.behind(conn, consumer, upto)
  local _, seq, ranges = core.parse_position(consumer.position)
  local rows, err = conn:run("status.behind", seq, multirange(ranges), upto, status.COUNTED_LAG)
  if not rows then return nil, err end
  return rows[1].changes
end

-- Adds how far a consumer is behind. One whose position is not readable is behind by nothing that
-- can be counted.
local function add_lag(conn, consumer, empty_to)
  consumer.lag_changes, consumer.lag_seconds = 0, 0
  local timeline, seq, ranges = core.parse_position(consumer.position)
  if not timeline then return true end
  consumer.seq = seq
  local rows, err = conn:run("status.lag", seq, multirange(ranges), empty_to, status.COUNTED_LAG)
  if not rows then return nil, err end
  local lag = rows[1]
  consumer.lag_changes = lag.counted <= status.COUNTED_LAG and lag.counted or lag.most
  consumer.lag_seconds = math.max(lag.seconds or 0, 0)
  return true
end

--- The consumers of the table store, as `status` has them except for `gap`; for the command too.
-- @local
-- @param conn the connection
-- @return a list, empty on a log without install; or nil and an error, SQLSTATE 42501 where this
-- role may not read them
function status.consumers(conn)
  local empty_to, err = seqs.empty_to(conn)
  if not empty_to then return nil, err end
  local list, ok
  ok, err = hidden(conn, "forge_change_log_consumers", "r")
  if not ok then return nil, err end
  list, err = conn:run("status.consumers")
  if not list then
    if err.sqlstate == NO_TABLE then return {} end
    return nil, err
  end
  row_names.sort(list)
  for _, consumer in ipairs(list) do
    ok, err = add_lag(conn, consumer, empty_to)
    if not ok then return nil, err end
  end
  return list
end

--- The server's clock; for the command.
-- @local
-- @param conn the connection
-- @return Unix seconds; or nil and an error
function status.clock(conn)
  local rows, err = conn:run("status.clock")
  if not rows then return nil, err end
  return rows[1].now
end

--- The server's clock and what the log holds, for a role that may do no more than trim; for the
-- command.
-- @local
-- @param conn the connection
-- @return a table: `now` (Unix seconds), `rows`, `rows_exact` (false: there are more than `rows`),
-- `first` and `last` (smallest and largest seq; nil: the log is empty); or nil and an error
function status.remains(conn)
  local empty_to, err = seqs.empty_to(conn)
  if not empty_to then return nil, err end
  local rows
  rows, err = conn:run("status.remains", status.COUNTED_ROWS, empty_to)
  if not rows then return nil, err end
  local row = rows[1]
  row.rows_exact = row.rows <= status.COUNTED_ROWS
  row.rows = math.min(row.rows, status.COUNTED_ROWS)
  return row
end

--- The same with `gap`. Their positions are read before the seqs, so none of them is ahead of
-- those.
-- @local
-- @param conn the connection
-- @return as of `status.consumers`
function status.standing(conn)
  local list, err = status.consumers(conn)
  if not list then return nil, err end
  local _
  _, err = seqs.smallest(conn)
  if err then return nil, err end
  for _, consumer in ipairs(list) do
    consumer.gap = "unreadable" -- what is saved is no position
    if consumer.seq then consumer.gap, err = standing.gap(conn, consumer) end
    if consumer.gap == nil then return nil, err end
    consumer.has_lease, consumer.holder, consumer.seconds = nil, nil, nil
  end
  return list
end

-- Adds to the consumers what is parked of each.
local function add_parked(conn, into)
  local ok, err = parked.add(conn, into.consumers)
  if ok or err.sqlstate ~= NO_RIGHT then return ok, err end
  into.parked_error = err.message
  return true
end

-- Adds to them which tables each reads from end to end.
local function add_backfills(conn, into)
  local ok, err = backfill.add(conn, into.consumers)
  if ok or err.sqlstate ~= NO_RIGHT then return ok, err end
  into.backfills_error = err.message
  return true
end

-- Adds the consumers.
local function add_consumers(conn, into)
  local err
  into.consumers, err = status.standing(conn)
  if into.consumers then
    local ok
    ok, err = add_parked(conn, into)
    if ok then ok, err = add_backfills(conn, into) end
    return ok, err
  end
  if err.sqlstate ~= NO_RIGHT then return nil, err end
  into.consumers_error = err.message
  return true
end

-- Adds the watched tables, and those that were.
local function add_tables(conn, into)
  local err
  into.tables, err = inspect.list(conn)
  if into.tables then into.lost, err = remembered.lost(conn) end
  return into.lost ~= nil, err
end

--- How the log is doing. It reads little of the log, whatever that holds, and waits for short
-- writers only.
-- @tparam forgelog.connection.Connection conn the connection
-- @tparam[opt] forgelog.status.Options opts
-- @treturn forgelog.status.Status
-- @fails
function status.status(conn, opts)
  opts = check.options("status", opts, { settle = "seconds" })
  conn = uncompiled(conn)
  local smallest, err = seqs.smallest(conn)
  if err then return nil, err end
  local into = {
    min_seq = smallest,
    max_seq = smallest and conn:fact("largest"),
    trimmed_to = conn:fact("has_state") and conn:fact("trimmed_to") or nil,
    standby = conn:fact("standby"),
    installed = conn:fact("has_state"),
  }
  into.schema, err = conn:schema_name()
  local ok = into.schema
  if ok then ok, err = add_log(conn, into) end
  if ok then ok, err = add_writers(conn, into, opts.settle or SETTLE) end
  if ok and into.standby then ok, err = add_replay(conn, into) end
  if ok then ok, err = add_consumers(conn, into) end
  if ok then ok, err = add_tables(conn, into) end
  if not ok then return nil, err end
  return into
end

return status
