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

local forgelog = {}

--- The version of this library.
-- @tfield string _VERSION
forgelog._VERSION = "1.0.0"

--- The primary key of a change's row as a list of texts, exactly.
-- @function key
-- @as `forgelog.key.key`
forgelog.key = require "forgelog.key"

local Log = {}
Log.__index = Log

local LOG = "forge_change_log"

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
-- @tparam[opt] forgelog.Conninfo conninfo nil: the one of the environment, as libpq has it
-- @tparam[opt] forgelog.ConnectOptions opts
-- @treturn forgelog.Log
-- @fails kind "connect" or "timeout"
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
-- @treturn forgelog.Log
function Log:limited(seconds) return on(self.connection:limited(seconds)) end

--- Runs any SQL with $1.. parameters: nil, booleans, numbers, strings. Without parameters it may be
-- several statements, of which the last one's rows are returned. COPY to or from the client is
-- refused.
-- @string text the statement
-- @tparam nil|boolean|number|string ... its parameters
-- @treturn {[string]:any}[] rows, by column (integers, floats and booleans as Lua values, NULL as
-- nil, all else as text; on a Lua without integers also what is beyond 2^53)
-- @treturn integer|nil the number of rows that were written, where the command tells
-- @fails
function Log:query(text, ...)
  local conn = conn_of(self, "query")
  check.statement("query", text, ...)
  return conn:query(text, ...)
end

--- Iterates over everything settled after a position, in ascending seq. `change.seq` of the last
-- one is a safe cursor. The first step looks, and raises kind "gap" when the log cannot give all
-- after `since`; so does any later one that a trim has overtaken. Any other failure is raised
-- likewise. The connection may be used inside the loop.
-- @tparam[opt] forgelog.Position since nil: the beginning
-- @tparam[opt] forgelog.DrainOptions opts
-- @treturn fun():forgelog.Change|nil an iterator
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
-- @tparam[opt] forgelog.PositionOptions opts
-- @treturn string the position
-- @treturn "trimmed"|nil with `at`: changes since then may have been deleted
-- @treturn integer|nil then: the seq up to which changes are gone
-- @treturn number|nil then: the Unix time of the first one that is there (nil: there is none)
-- @fails kind "timeout" where a writer stays open that this connection has not seen begin
function Log:position(opts)
  local conn = conn_of(self, "position")
  opts = check.options("position", opts, { at = "time", settle = "seconds" })
  if opts.at then return require("forgelog.drain.at")(conn, opts.at, opts.settle) end
  return settle.position(conn, opts.settle)
end

--- Follows the log: hands out every committed change as soon as it is visible, reconnecting as
-- often as it takes.
-- @tparam[opt] forgelog.Position since nil: the beginning
-- @tparam[opt] forgelog.FollowOptions opts
-- @treturn forgelog.feed.Feed
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
-- @treturn integer|nil the seq; nil: the log is empty
-- @fails
function Log:min_seq() return seqs.smallest(conn_of(self, "min_seq")) end

--- The largest seq in the log. No place to go on from: lower ones may still be committed. See
-- `position`.
-- @treturn integer|nil the seq; nil: the log is empty
-- @fails
function Log:max_seq() return seqs.largest(conn_of(self, "max_seq")) end

--- Whether retention has passed a position by, so that its owner must resync.
-- @tparam[opt] forgelog.Position since what was saved
-- @treturn false|forgelog.GapReason false: it has not
-- @treturn integer|nil with a reason: the seq up to which changes are gone; for "reset" and
-- "failover" the highest one ever given
-- @fails
function Log:gap(since)
  local conn = conn_of(self, "gap")
  return seqs.gap(conn, check.position("gap", since))
end

--- The highest seq such that nothing at or below it can still appear, as far as this connection
-- knows: a new one that finds writers open knows nothing yet and says 0.
-- @treturn integer the horizon
-- @treturn forgelog.Writer[] the open writers, oldest first
-- @fails
function Log:horizon() return seqs.horizon(conn_of(self, "horizon")) end

--- Deletes changes older than a point in time, in the order of their seqs up to the first one that
-- is not older, in short transactions, one trimmer in the cluster at a time. A change whose time is
-- still to come goes with the older one behind it.
-- @number before Unix seconds, by the server's clock
-- @tparam[opt] forgelog.TrimOptions opts
-- @treturn integer the number of changes deleted
-- @treturn forgelog.TrimEnd|nil why it ended early
-- @fails its `deleted` tells how many were deleted before
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
-- @treturn integer|nil nil: there is none
function Log:pollfd() return self.connection:pollfd() end

--- ... what it is waited on for ...
-- @treturn string "r", "w" or "rw"
function Log:events() return self.connection:events() end

--- ... and for how long: as long as it takes. (The time an operation may take is an option of
-- `connect`.)
-- @treturn nil
function Log:timeout() return nil end

-- A method that a module of its own has, which is loaded when it is first needed.
local function delegate(name, method)
  Log[method] = function(self, ...)
    return require("forgelog." .. name)[method](conn_of(self, method), ...)
  end
end

--- Creates or upgrades the log.
-- @function Log:install
-- @as `forgelog.install.install`
delegate("install", "install")
--- Which parts of the log are in the database.
-- @function Log:installed
-- @as `forgelog.install.installed`
delegate("install", "installed")
--- Has the changes of a table logged.
-- @function Log:watch
-- @as `forgelog.tables.watch`
delegate("tables", "watch")
--- Ends that.
-- @function Log:unwatch
-- @as `forgelog.tables.unwatch`
delegate("tables", "unwatch")
--- Has every consumer read a table anew.
-- @function Log:touch
-- @as `forgelog.tables.touch`
delegate("tables", "touch")
--- The tables that are watched.
-- @function Log:watched
-- @as `forgelog.tables.watched`
delegate("tables", "watched")
--- The rows of a table in the order of its key.
-- @function Log:rows
-- @as `forgelog.rows.rows`
delegate("rows", "rows")
--- How the log is doing.
-- @function Log:status
-- @as `forgelog.status.status`
delegate("status", "status")
--- Waits until a consumer of the table store, in all its lanes, has had all that was committed
-- before the call, and has read the tables that it was to read from end to end; those that are
-- paused are left out. What it does not follow counts when it has saved that it is past it, seconds
-- later.
-- @function Log:caught_up
-- @string name of the consumer
-- @number[opt] timeout seconds; nil: as long as it takes
-- @treturn true
-- @fails kind "timeout", code "behind" (its `behind` says who is), kind "gap" where the consumer
-- must resync, kind "schema", code "no_consumer" where none of that name has saved a position here
delegate("consumer.caught_up", "caught_up")
--- What makes the promise fail or the feed slow.
-- @function Log:diagnose
-- @as `forgelog.doctor.diagnose`
delegate("doctor", "diagnose")

return forgelog
