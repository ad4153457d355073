--- A durable change feed from PostgreSQL that loses nothing. Failures at run time return nil and an
-- error table (`message`, `kind`, `sqlstate`, `retryable`); iterators, and any method of a closed
-- log, raise that table; misuse raises a message.
--
-- Where a function takes `since`: a seq, a position's text, or nil for the beginning. With nil or 0
-- whatever the log still holds is wanted, and nothing before it counts as gone; the text "1:0" is a
-- place like any other.
-- @module forgelog
local check = require "forgelog.connection.options"
local connection = require "forgelog.connection"
local core = require "forgelog.core"
local drain = require "forgelog.drain"
local find_waiter = require "forgelog.wait"
local seqs = require "forgelog.seqs"
local settle = require "forgelog.drain.settle"
local sql = require "forgelog.connection.sql"

local forgelog = { _VERSION = "1.0.0" }

--- The primary key of a change's row as a list of texts, exactly: see `forgelog.key`.
-- @function key
forgelog.key = require "forgelog.key"

local Log = {}
Log.__index = Log

local LOG = "forge_change_log"

-- A log on a connection. Its field `connection` is for stores and other extensions: see
-- `forgelog.connection`.
local function on(conn) return setmetatable({ connection = conn, schema = conn.schema }, Log) end

-- The connection of a log, for a public method of that name; raises where the log was closed.
local function conn_of(log, method)
  log.connection:must_be_open(method)
  return log.connection
end

function Log:__tostring()
  local conn = self.connection
  local name = self.schema and sql.identifier(self.schema) .. "." .. LOG or LOG
  return ("forgelog: %s (%s)"):format(name, conn:closed() and "closed" or conn:state())
end

local function conninfo_text(conninfo)
  if conninfo == nil then return "" end
  if type(conninfo) == "string" then return conninfo end
  if type(conninfo) ~= "table" then
    check.misuse("connect",
      "conninfo must be a string, a table of libpq keywords or nil, got " .. type(conninfo))
  end
  local parts = {}
  for keyword, value in pairs(conninfo) do
    local text = type(value) == "number" and core.number_text(value) or tostring(value)
    parts[#parts + 1] = ("%s='%s'"):format(keyword, (text:gsub("[\\']", "\\%0")))
  end
  return table.concat(parts, " ")
end

local function settings_of(conninfo, opts)
  opts = check.options("connect", opts, { schema = "string", wait = "any", timeout = "seconds" })
  return {
    conninfo = conninfo_text(conninfo),
    name = opts.schema and sql.identifier(opts.schema) .. "." .. LOG or LOG,
    schema = opts.schema,
    waiter = find_waiter("connect", opts.wait),
    timeout = opts.timeout,
  }
end

--- Connects to a database.
-- @param conninfo a libpq string or URI, a table of libpq keywords, or nil (PG* environment,
-- service, .pgpass: all as libpq does)
-- @tparam[opt] table opts `schema` (string: where the log is; default: found by the search path),
-- `wait` (the name of a waiter, `forgelog.wait.NAME`, or one of your own; default: found by
-- itself), `timeout` (seconds for each operation, connecting among them; default: none, and the
-- option connect_timeout of libpq for each host)
-- @return a log; or nil and an error of kind "connect" or "timeout"
function forgelog.connect(conninfo, opts)
  local conn = connection.new(settings_of(conninfo, opts))
  local ok, err = conn:reconnect()
  if ok then return on(conn) end
  conn:close()
  return nil, err
end

-- The same without the connection. It is made by `reconnect` of the log's field `connection`: for
-- the consumer, whose steps do not wait for that to its end. Or, with `on_demand`, by the first
-- statement, in that many seconds at most: see `may_connect` there.
function forgelog.unconnected(conninfo, opts, on_demand)
  local settings = settings_of(conninfo, opts)
  settings.on_demand = on_demand
  return on(connection.new(settings))
end

--- Closes the connection; closing twice is no error.
function Log:close() self.connection:close() end

Log.__close = Log.close

--- The same log, on the same connection, with another time limit for each statement.
-- @number[opt] seconds nil: none
-- @return a log
function Log:limited(seconds) return on(self.connection:limited(seconds)) end

--- Runs any SQL with $1.. parameters: nil, booleans, numbers, strings. Without parameters it may be
-- several statements, of which the last one's rows are returned. COPY to or from the client is
-- refused.
-- @string text the statement
-- @param ... its parameters
-- @return a list of rows as tables (integers, floats and booleans as Lua values, NULL as nil, all
-- else as text; on a Lua without integers also what is beyond 2^53), and the number of rows where
-- the command tells; or nil and an error
function Log:query(text, ...)
  local conn = conn_of(self, "query")
  check.statement("query", text, ...)
  return conn:query(text, ...)
end

--- Iterates over everything settled after a position, in ascending seq. `change.seq` of the last
-- one is a safe cursor. The first step looks, and raises kind "gap" when the log cannot give all
-- after `since`; so does any later one that a trim has overtaken. Any other failure is raised
-- likewise. The connection may be used inside the loop.
-- @param since a seq, a position, or nil for the beginning
-- @tparam[opt] table opts `limit` (changes), `tables` (list of names, as for `watch` or as in
-- table_name; one that is neither a watched table's nor in the log is an error, code "no_table" or
-- "not_watched"), `channels` (list of table_names that stand for no table: rows that programs write
-- to the log themselves; with `tables`, these too), `ops` (list of INSERT, UPDATE, DELETE,
-- TRUNCATE, RELOAD), `columns` (list of names: of the UPDATEs only those that changed one of these,
-- and all else; one that no table has is an error, code "no_column"), `keys` (list of row_ids: only
-- changes of these rows, and each TRUNCATE and RELOAD), `settle` (seconds to wait for writers seen
-- for the first time; default 5; then it gives what is known to be settled, perhaps nothing)
-- @return an iterator of changes: `seq`, `table_name`, `op`, and those of the following that the
-- log has: `row_id`, `changed_cols`, `created_at` (Unix seconds), `txid` (of the writing
-- transaction), `context`, `old` and `new` (kept values by column name, a NULL being absent),
-- `omitted` (list of columns whose values were too long to be kept), `key_cols` (number of columns
-- of a key that has several; see `key`)
function Log:drain(since, opts)
  local conn = conn_of(self, "drain")
  local position = check.position("drain", since)
  opts = check.options("drain", opts, {
    limit = "count", tables = "names", channels = "names", ops = "ops", columns = "names",
    keys = "names", settle = "seconds",
  })
  return drain.iterate(conn, position, check.wanted("drain", opts))
end

--- The position to go on from after a resync that begins now: take it first, then read the tables,
-- then save it. Or the position of a time: just before the first change, in the order of the seqs,
-- that was written at or after it; where none was, the present one.
-- @tparam[opt] table opts `at` (Unix seconds, by the server's clock), `settle` (seconds to wait for
-- writers that this connection sees for the first time; default 5)
-- @return the position; and with `at`, where changes since then may have been deleted, "trimmed",
-- the seq up to which changes are gone, and the Unix time of the first one that is there (nil:
-- there is none); or nil and an error, kind "timeout" when such a writer stays open
function Log:position(opts)
  local conn = conn_of(self, "position")
  opts = check.options("position", opts, { at = "time", settle = "seconds" })
  if opts.at then return require("forgelog.drain.at")(conn, opts.at, opts.settle) end
  return settle.position(conn, opts.settle)
end

--- Follows the log: hands out every committed change as soon as it is visible, reconnecting as
-- often as it takes.
-- @param since a seq, a position, or nil for the beginning
-- @tparam[opt] table opts `tables`, `channels`, `ops`, `columns` and `keys` as for `drain`, `poll`
-- (seconds between looks when nothing wakes it; default 1), `linger` (seconds to gather changes
-- after waking; default 0), `listen` (false behind a transaction-mode pooler: polls only, and takes
-- no session lock), `settled` (true: only what is settled, in ascending seq as `drain` does; a
-- writer that stays open then holds up all above it), `silence` (seconds after which a server that
-- does not answer counts as gone; default 15), `backoff` and `backoff_max` (seconds before the
-- first and the latest reconnect; default 0.1 and 10), `failover` ("gap" where the program reads
-- rows at other times than it is handed changes, as a cache does; default "continue": where the new
-- primary has all that the work can have seen, the feed goes on), `on_error` (called with each
-- error that it goes on after, and the number of the attempt)
-- @return a feed: see `forgelog.feed`
function Log:follow(since, opts)
  local conn = conn_of(self, "follow")
  local position = check.position("follow", since)
  opts = check.options("follow", opts, {
    tables = "names", channels = "names", ops = "ops", columns = "names", keys = "names",
    poll = "seconds", linger = "seconds", listen = "boolean", settled = "boolean",
    silence = "seconds", backoff = "seconds", backoff_max = "seconds", failover = "failover",
    on_error = "function",
  })
  return require("forgelog.feed")(conn, position, check.wanted("follow", opts))
end

--- The smallest seq in the log.
-- @return the seq; nil for an empty log; nil and an error
function Log:min_seq() return seqs.smallest(conn_of(self, "min_seq")) end

--- The largest seq in the log. No place to go on from: lower ones may still be committed. See
-- `position`.
-- @return the seq; nil for an empty log; nil and an error
function Log:max_seq() return seqs.largest(conn_of(self, "max_seq")) end

--- Whether retention has passed a position by, so that its owner must resync.
-- @param since a seq or a position
-- @return false; or "trimmed" (changes were deleted that it has not had), "reset" (it is ahead of
-- anything the log ever gave, or a change that it has had is not in this log: a restored or
-- recreated one), "failover" (it comes from another timeline, and this server may lack something
-- that it has had), and the seq up to which changes are gone (for the last two: the highest ever
-- given); or nil and an error
function Log:gap(since)
  local conn = conn_of(self, "gap")
  return seqs.gap(conn, check.position("gap", since))
end

--- The highest seq such that nothing at or below it can still appear, as far as this connection
-- knows: a new one that finds writers open knows nothing yet and says 0.
-- @return the horizon, and the open writers, oldest first: `pid` (nil for a prepared transaction),
-- `since` (Unix seconds; nil without the right to know, pg_read_all_stats, as `state`), `state`
-- (such as "idle in transaction"), `application_name`, `usename`, `virtualtransaction`, `prepared`
-- (the name of a prepared one); or nil and an error
function Log:horizon() return seqs.horizon(conn_of(self, "horizon")) end

--- Deletes changes older than a point in time, in the order of their seqs up to the first one that
-- is not older, in short transactions, one trimmer in the cluster at a time. A change whose time is
-- still to come goes with the older one behind it.
-- @number before Unix seconds, by the server's clock
-- @tparam[opt] table opts `min_rows` (newest rows kept whatever their age; default 1000), `batch`
-- (most rows deleted by one transaction; default 10000), `keep_consumers` (true: what a consumer of
-- the table store has not behind it stays), `dry_run` (true: only tells what would be deleted),
-- `on_batch` (called after each batch that deleted any with the number deleted so far, and the
-- smallest and the largest seq among them; false ends the trim)
-- @return the number of changes deleted, and "busy" when another session trims (or began to, before
-- this one was done), or "stopped" by `on_batch`; or nil and an error (`deleted` in it tells what
-- was deleted before)
function Log:trim(before, opts)
  local conn = conn_of(self, "trim")
  if type(before) ~= "number" or before ~= before then
    check.misuse("trim", "before must be Unix seconds, got " .. tostring(before))
  end
  opts = check.options("trim", opts, {
    min_rows = "count", batch = "positive", keep_consumers = "boolean", dry_run = "boolean",
    on_batch = "function",
  })
  return require("forgelog.trim")(conn, before, opts)
end

--- For event loops that wait on objects, as cqueues does: the socket (it may change while
-- connecting) ...
function Log:pollfd() return self.connection:pollfd() end

--- ... what it is waited on for: "r", "w" or "rw" ...
function Log:events() return self.connection:events() end

--- ... and for how long: nil, as long as it takes. (The time an operation may take is an option of
-- `connect`.)
function Log:timeout() return nil end

-- A method that a module of its own has, which is loaded when it is first needed.
local function delegate(name, method)
  Log[method] = function(self, ...)
    return require("forgelog." .. name)[method](conn_of(self, method), ...)
  end
end

--- Creates or upgrades the log: see `forgelog.install`.
-- @function Log:install
delegate("install", "install")
--- Which parts of the log are in the database: see `forgelog.install`.
-- @function Log:installed
delegate("install", "installed")
--- Has the changes of a table logged: see `forgelog.tables`.
-- @function Log:watch
delegate("tables", "watch")
--- Ends that: see `forgelog.tables`.
-- @function Log:unwatch
delegate("tables", "unwatch")
--- Has every consumer read a table anew: see `forgelog.tables`.
-- @function Log:touch
delegate("tables", "touch")
--- The tables that are watched: see `forgelog.tables`.
-- @function Log:watched
delegate("tables", "watched")
--- The rows of a table in the order of its key: see `forgelog.rows`.
-- @function Log:rows
delegate("rows", "rows")
--- How the log is doing: see `forgelog.status`.
-- @function Log:status
delegate("status", "status")
--- Waits until a consumer of the table store, in all its lanes, has had all that was committed
-- before the call, and has read the tables that it was to read from end to end; those that are
-- paused are left out. What it does not follow counts when it has saved that it is past it, seconds
-- later.
-- @function Log:caught_up
-- @string name of the consumer
-- @number[opt] timeout seconds; nil: as long as it takes
-- @return true; or nil and an error: kind "timeout", code "behind" (`behind`: a list of `name`,
-- that of a lane, `changes`, and `reading`, a table that it has still to read), kind "gap" where
-- the consumer must resync, kind "schema", code "no_consumer" where none of that name has saved a
-- position here
delegate("consumer.caught_up", "caught_up")
--- What makes the promise fail or the feed slow: see `forgelog.doctor`.
-- @function Log:diagnose
delegate("doctor", "diagnose")

return forgelog
