--- How the log is doing: what it holds, who writes, who reads, and what holds whom up.
-- @module forgelog.status
local check = require "forgelog.check"
local core = require "forgelog.core"
local database = require "forgelog.database"
local drive = require "forgelog.drive"
local watched = require "forgelog.watched"

local status = {}

local WINDOW = 60 -- seconds over which the write rate is taken
local SETTLE = 1 -- seconds to wait for writers that this connection has not seen begin

-- Runs a SQL file, filled in with where the last look of this connection found the log; without one it looks.
local function query(log, file, ...)
  if log._core:known().schema == "" then
    local ok, err = drive.run(log, "begin", "look")
    if not ok then return nil, err end
  end
  local quoted = log._core:known().schema
  return log:query(database.sql(file, { schema = quoted, schema_text = quoted:gsub("'", "''"), window = WINDOW }), ...)
end

-- Numbers of the log itself, into `into`.
local function describe_log(log, into)
  local rows, err = query(log, "status")
  if not rows then return nil, err end
  local row = rows[1]
  into.at, into.server_version, into.database = row.now, row.server_version, row.database
  into.bytes, into.dead_rows = row.bytes, row.dead_rows
  local span = into.max_seq and into.max_seq - into.min_seq + 1 or 0
  into.rows = row.rows_exact and row.rows or math.min(math.max(row.estimate or span, row.rows), span)
  into.rows_exact, into.oldest_age = row.rows_exact, row.oldest_age
  into.write_rate = 0
  if row.recent and into.max_seq then -- without, the first change came while this looks
    -- a log that begins within the window, new or trimmed, has been written to for no longer than it shows
    local seconds = row.oldest_age > WINDOW and WINDOW or math.max(row.since, 1)
    into.write_rate = math.max(into.max_seq - row.recent + 1, 0) / seconds
    into.retention = into.write_rate > 0 and into.rows / into.write_rate or nil -- 0: all of them written since max_seq
  end
  return true
end

-- The horizon, where it can be known, and the writers that are open.
local function describe_writers(log, into, settle)
  local known, why = log:position({ settle = settle })
  local horizon, writers = log:horizon()
  if not horizon and writers.kind ~= "schema" then return nil, writers end
  if known and horizon then
    into.horizon = horizon
    into.above_horizon = into.max_seq and math.max(into.max_seq - horizon, 0) or 0
  else
    into.horizon_error = (horizon and why or writers).message
  end
  into.writers = horizon and writers or {}
  return true
end

--- The consumers of the table store, as `status` has them but for `gap`; for the command line.
-- @local
-- @param log the log
-- @int[opt] trimmed_to as of `status`
-- @return a list, empty on a log without install; or nil and an error, 42501 where this role may not read them
function status.consumers(log, trimmed_to)
  local rows, err = query(log, "consumers", trimmed_to or 0)
  if not rows then
    if err.sqlstate == "42P01" then return {} end
    return nil, err
  end
  for _, row in ipairs(rows) do
    row.lag_changes = row.rows <= 10000 and row.rows or row.most
    row.lag_seconds = math.max(row.lag_seconds or 0, 0)
    row.rows, row.most = nil, nil
  end
  return rows
end

--- The server's clock and what the log holds, for a role that may do no more than trim; for the command line.
-- @local
function status.remains(log)
  local rows, err = query(log, "remains")
  return rows and rows[1], err
end

local function describe_consumers(log, into)
  local rows, err = status.consumers(log, into.trimmed_to)
  if not rows then
    into.consumers_error = err.message
    return err.sqlstate == "42501", err
  end
  for _, row in ipairs(rows) do
    if core.position(row.position) then
      row.gap = "unreadable" -- what is saved is no position
    else
      row.gap, err = log:gap(row.position)
    end
    if row.gap == nil then return nil, err end
  end
  into.consumers = rows
  return true
end

--- How the log is doing. It reads little of the log, whatever that holds, and waits for short writers only.
-- @param log the log
-- @tparam[opt] table opts `settle` (seconds to wait for writers that this connection has not seen begin, without which
-- the horizon cannot be known; default 1)
-- @return a table: `at` (Unix seconds by the server's clock), `database`, `schema`, `server_version`, `standby`, `installed`
-- (false: a plain log, without exact gap test and consumers); `rows`, `rows_exact` (false: an estimate), `min_seq`,
-- `max_seq`, `trimmed_to`, `oldest_age` (seconds), `write_rate` (seqs given per second, over the last minute), `retention`
-- (seconds that `rows` last at that rate; nil where nothing is written), `bytes` (on disk, with indexes), `dead_rows`;
-- `horizon`, `above_horizon` (an upper bound of changes), or `horizon_error` (why it cannot be known), `writers` (as of
-- `Log:horizon`); `consumers` of the table store, sorted by name: `name`, `position`, `seq`, `updated_at`, `lag_changes`
-- (beyond 10,000 an upper bound), `lag_seconds` (age of the oldest change it has not been handed out), `gap` (false or the
-- reason why it must resync), `pid` and `application_name` of the session that runs it; or none and `consumers_error`;
-- `tables`, sorted: as of `Log:watched`, with `name`. Numbers that are not known are nil. Or nil and an error
function status.status(log, opts)
  opts = check.options("status", opts, { settle = "seconds" })
  local smallest, err = log:min_seq()
  if err then return nil, err end
  local known = log._core:known()
  local into = { min_seq = smallest, max_seq = smallest and known.largest, trimmed_to = known.exact and known.gone or nil,
    standby = known.standby, installed = known.exact }
  into.schema, err = database.schema(log)
  local ok = into.schema
  if ok then ok, err = describe_log(log, into) end
  if ok then ok, err = describe_writers(log, into, opts.settle or SETTLE) end
  if ok then ok, err = describe_consumers(log, into) end
  if ok then into.tables, err = watched.list(log) end
  ok = ok and into.tables
  if not ok then return nil, err end
  return into
end

return status
