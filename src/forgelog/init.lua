--- A durable change feed from PostgreSQL that loses nothing.
-- Failures at run time return nil and an error table (`message`, `kind`, `sqlstate`, `retryable`); iterators, and any
-- method of a closed log, raise that table; misuse raises a message.
--
-- Where a function takes `since`: a seq, a position's text, or nil for the beginning. With nil or 0 whatever the log
-- still holds is wanted, and nothing before it counts as gone; the text "1:0" is a place like any other.
-- @module forgelog
local check = require "forgelog.check"
local core = require "forgelog.core"
local drain = require "forgelog.drain"
local drive = require "forgelog.drive"
local find_waiter = require "forgelog.wait"

local forgelog = { _VERSION = "1.0.0" }

local Log = {}
Log.__index = Log

function Log:__tostring()
  return ("forgelog: %s (%s)"):format(self._name, self._closed and "closed" or self._core:state())
end

function Log:_usable(where)
  if self._closed then error(core.error("closed", where .. ": the log was closed"), 3) end
end

local function conninfo_text(conninfo)
  if conninfo == nil then return "" end
  if type(conninfo) == "string" then return conninfo end
  if type(conninfo) ~= "table" then
    check.misuse("connect", "conninfo must be a string, a table of libpq keywords or nil, got " .. type(conninfo))
  end
  local parts = {}
  for keyword, value in pairs(conninfo) do
    parts[#parts + 1] = ("%s='%s'"):format(keyword, (tostring(value):gsub("[\\']", "\\%0")))
  end
  return table.concat(parts, " ")
end

--- Connects to a database.
-- @param conninfo a libpq string or URI, a table of libpq keywords, or nil (PG* environment, service, .pgpass: all as libpq does)
-- @tparam[opt] table opts `schema` (string: where the log is; default: found by the search path), `wait` (the name of a
-- waiter, `forgelog.wait.NAME`, or one of your own; default: found by itself), `timeout` (seconds for each operation;
-- default: none, and connect_timeout for connecting)
-- @return a log; or nil and an error of kind "connect" or "timeout"
function forgelog.connect(conninfo, opts)
  opts = check.options("connect", opts, { schema = "string", wait = "any", timeout = "seconds" })
  local name = "forge_change_log"
  if opts.schema then name = ('"%s".%s'):format(opts.schema:gsub('"', '""'), name) end
  local log = setmetatable({
    schema = opts.schema,
    _timeout = opts.timeout,
    _conninfo = conninfo_text(conninfo),
    _name = name,
    _waiter = find_waiter("connect", opts.wait),
  }, Log)
  log._core = core.new(log._conninfo, name)
  local ok, err = drive.connect(log)
  if not ok then
    log:close()
    return nil, err
  end
  return log
end

--- Closes the connection; closing twice is no error.
function Log:close()
  local fd, cancel = self._core:pollfd(), self._waiter.cancel
  self._closed = true
  if fd >= 0 and cancel then cancel(fd) end
  self._core:close()
end

Log.__close = Log.close

--- Runs any SQL with $1.. parameters: nil, booleans, numbers, strings. Without parameters it may be several statements,
-- of which the last one's rows are returned. COPY to or from the client is refused.
-- @string sql the statement
-- @param ... its parameters
-- @return a list of rows as tables (integers, floats and booleans as Lua values, NULL as nil, all else as text; on a Lua
-- without integers also what is beyond 2^53), and the number of rows where the command tells; or nil and an error
function Log:query(sql, ...)
  self:_usable("query")
  check.statement("query", sql, ...)
  local ok, err = drive.run(self, "query", sql, ...)
  if not ok then return nil, err end
  return self._core:rows()
end

--- Iterates over everything settled after a position, in ascending seq. `change.seq` of the last one is a safe cursor.
-- The first step looks, and raises kind "gap" when the log cannot give all after `since`; so does any later one that a
-- trim has overtaken. Any other failure is raised likewise. The connection may be used inside the loop.
-- @param since a seq, a position, or nil for the beginning
-- @tparam[opt] table opts `limit` (changes), `tables` (list of table_name), `settle` (seconds to wait for writers that this
-- connection sees for the first time; default 5; then it gives what is known to be settled, perhaps nothing)
-- @return an iterator of changes: `seq`, `table_name`, `op`, `row_id`, `changed_cols`, `created_at` (Unix seconds)
function Log:drain(since, opts)
  self:_usable("drain")
  local position = check.position("drain", since)
  opts = check.options("drain", opts, { limit = "count", tables = "names", settle = "seconds" })
  return drain.iterate(self, position, opts)
end

--- The position to go on from after a resync that begins now: take it first, then read the tables, then save it.
-- @tparam[opt] table opts `settle` (seconds to wait for writers that this connection sees for the first time; default 5)
-- @return the position; or nil and an error, kind "timeout" when such a writer stays open
function Log:position(opts)
  self:_usable("position")
  opts = check.options("position", opts, { settle = "seconds" })
  return drain.position(self, opts.settle or 5)
end

--- Follows the log: hands out every committed change as soon as it is visible, reconnecting as often as it takes.
-- @param since a seq, a position, or nil for the beginning
-- @tparam[opt] table opts `tables` (list of table_name), `poll` (seconds between looks when nothing wakes it; default 1),
-- `linger` (seconds to gather changes after waking; default 0), `listen` (false behind a transaction-mode pooler: polls
-- only, and takes no session lock), `silence` (seconds after which a server that does not answer counts as gone; default
-- 15), `backoff` and `backoff_max` (seconds before the first and the latest reconnect; default 0.1 and 10),
-- `on_error` (called with each error that it goes on after, and the number of the attempt)
-- @return a feed: see `forgelog.feed`
function Log:follow(since, opts)
  self:_usable("follow")
  local position = check.position("follow", since)
  opts = check.options("follow", opts, {
    tables = "names", poll = "seconds", linger = "seconds", listen = "boolean", silence = "seconds",
    backoff = "seconds", backoff_max = "seconds", on_error = "function",
  })
  return require("forgelog.feed")(self, position, opts)
end

-- Looks where the log is now, and runs one operation on it.
local function ask(log, name, ...)
  local ok, err = drive.run(log, "begin", "look")
  if ok and name then ok, err = drive.run(log, "begin", name, ...) end
  if not ok then return nil, err end
  return log._core:known()
end

local function one_seq(log, which)
  log:_usable(which)
  local known, err = ask(log, "seqs")
  if not known then return nil, err end
  return known[which == "min_seq" and "smallest" or "largest"]
end

--- The smallest seq in the log.
-- @return the seq; nil for an empty log; nil and an error
function Log:min_seq() return one_seq(self, "min_seq") end

--- The largest seq in the log. No place to go on from: lower ones may still be committed. See `position`.
-- @return the seq; nil for an empty log; nil and an error
function Log:max_seq() return one_seq(self, "max_seq") end

--- Whether retention has passed a position by, so that its owner must resync.
-- @param since a seq or a position
-- @return false; or "trimmed" (changes after it were deleted), "reset" (it is ahead of anything the log ever gave: a restored
-- or recreated log), "failover" (it comes from another timeline), and the seq up to which changes are gone (for the last
-- two: the highest ever given); or nil and an error
function Log:gap(since)
  self:_usable("gap")
  local position = check.position("gap", since)
  local known, err = ask(self, "seqs")
  if not known then return nil, err end
  return self._core:gap(position)
end

--- The highest seq such that nothing at or below it can still appear, as far as this connection knows: a new one that
-- finds writers open knows nothing yet and says 0.
-- @return the horizon, and the open writers, oldest first: `pid` (nil for a prepared transaction), `since` (Unix seconds;
-- nil without the right to know, pg_read_all_stats, as `state`), `state` (such as "idle in transaction"),
-- `application_name`, `usename`, `virtualtransaction`, `prepared` (the name of a prepared one); or nil and an error
function Log:horizon()
  self:_usable("horizon")
  local known, err = ask(self, "tick")
  if not known then return nil, err end
  local ok
  ok, err = drive.run(self, "begin", "holders")
  if not ok then return nil, err end
  local writers = self._core:rows()
  return known.horizon, writers
end

--- Deletes changes older than a point in time, oldest first, in short transactions, one trimmer in the cluster at a time.
-- @number before Unix seconds, by the server's clock
-- @tparam[opt] table opts `min_rows` (newest rows kept whatever their age; default 1000), `batch` (most rows deleted by one
-- transaction; default 10000), `keep_consumers` (true: what a consumer of the table store has not behind it stays),
-- `dry_run` (true: only tells what would be deleted), `on_batch` (called after each batch that deleted any with the number
-- deleted so far, and the smallest and the largest seq among them; false ends the trim)
-- @return the number of changes deleted, and "busy" when another session trims (or began to, before this one was done), or
-- "stopped" by `on_batch`; or nil and an error (`deleted` in it tells what was deleted before)
function Log:trim(before, opts)
  self:_usable("trim")
  if type(before) ~= "number" or before ~= before then
    check.misuse("trim", "before must be Unix seconds, got " .. tostring(before), 3)
  end
  opts = check.options("trim", opts, {
    min_rows = "count", batch = "positive", keep_consumers = "boolean", dry_run = "boolean", on_batch = "function",
  })
  return require("forgelog.trim")(self, before, opts)
end

--- For event loops that wait on objects, as cqueues does: the socket (it may change while connecting) ...
function Log:pollfd() return self._core:pollfd() end

--- ... what it is waited on for: "r", "w" or "rw" ...
function Log:events() return self._core:events() end

--- ... and for how long: nil, as long as it takes. (The time an operation may take is an option of `connect`.)
function Log:timeout() return nil end

local function delegate(name, method)
  Log[method] = function(self, ...)
    self:_usable(method)
    return require("forgelog." .. name)[method](self, ...)
  end
end

--- Creates or upgrades the log: see `forgelog.schema`.
-- @function Log:install
delegate("schema", "install")
--- Has the changes of a table logged: see `forgelog.watch`.
-- @function Log:watch
delegate("schema", "watch")
--- Ends that: see `forgelog.watch`.
-- @function Log:unwatch
delegate("schema", "unwatch")
--- The tables that are watched: see `forgelog.watched`.
-- @function Log:watched
delegate("schema", "watched")
--- What stands of the log in the database: see `forgelog.schema`.
-- @function Log:installed
delegate("schema", "installed")
--- How the log is doing: see `forgelog.status`.
-- @function Log:status
delegate("status", "status")
--- What makes the promise fail or the feed slow: see `forgelog.doctor`.
-- @function Log:diagnose
delegate("doctor", "diagnose")

return forgelog
