--- A connection to a change log, and the only module that touches the core's handle, the waiter,
-- the time limit of statements and the loss of the connection. A log has it as its field
-- `connection`; a store or another extension of yours may use it.
-- @module forgelog.connection
local core = require "forgelog.core"
local connect = require "forgelog.connection.connect"
local demand = require "forgelog.connection.demand"
local pump = require "forgelog.connection.pump"
local reading = require "forgelog.connection.reading"
local sql = require "forgelog.connection.sql"

-- Specs replace what makes each handle, to see every statement that is sent.
local connection = { new_handle = core.connection }

-- All views of a connection (see `within`) share their `_state`, which is described in
-- forgelog.connection.pump.
local Connection = {}
Connection.__index = Connection

local function view(state, seconds)
  return setmetatable({
    schema = state.settings.schema, life = state.life, _state = state,
    _limits = { seconds = seconds, stop_at = nil },
  }, Connection)
end

-- ---- opening and closing ----

--- A connection that is not made yet: `reconnect` makes it.
-- @tparam forgelog.connection.Settings settings
-- @treturn forgelog.connection.Connection
function connection.new(settings)
  local state = {
    settings = settings, waiter = settings.waiter, life = { closed = false },
    handle = connection.new_handle(settings.conninfo, settings.name),
    lost = core.error("lost", "not connected yet"),
  }
  state.demand = settings.on_demand and view(state, settings.on_demand)
  state.may_connect = settings.on_demand ~= nil
  return view(state, settings.timeout)
end

--- Of one on demand: nothing begun on it goes on any longer, and the next statement may connect.
-- @local
function Connection:may_connect() self._state.may_connect = self._state.demand ~= nil end

--- Another connection with the same settings.
-- @number[opt] seconds longest time for each of its statements
-- @treturn forgelog.connection.Connection
-- @fails as from `forgelog.connect`
function Connection:sibling(seconds)
  local other = connection.new(setmetatable({ timeout = seconds },
    { __index = self._state.settings }))
  local ok, err = other:reconnect()
  if ok then return other end
  other:close()
  return nil, err
end

--- Connects, or connects again. Readers go on where they were.
-- @treturn true
-- @fails code "unfinished" where the next call goes on with it
function Connection:reconnect()
  local state = self._state
  state.owner, state.located, state.unfinished = nil, false, nil
  local ok, err = connect.run(state, self._limits, function()
    if state.waiter.connecting then state.waiter.connecting(self) end
  end)
  state.lost = not ok and (err or state.lost) or nil
  return ok, err
end

--- Closes it; closing twice is no error.
function Connection:close()
  local state = self._state
  state.life.closed = true
  connect.drop(state)
  pump.disconnect(state)
  state.handle:close()
end

--- Has the server end the statement under way, which nobody waits for; takes a moment at most.
-- @local
function Connection:cancel() pump.cancel(self._state) end

--- Whether its owner has closed it.
-- @treturn boolean
function Connection:closed() return self.life.closed end

--- The error that ended the connection; nil while it stands.
-- @treturn forgelog.Error|nil
function Connection:lost() return self._state.lost end

--- The error of what has failed last since this was asked before; nil: nothing has.
-- @local
function Connection:failure() return pump.told(self._state) end

--- Raises where it was closed.
-- @string where the public function that was called
function Connection:must_be_open(where)
  if self.life.closed then error(core.error("closed", where .. ": the log was closed"), 0) end
end

-- ---- statements ----

--- This connection with another time limit for each statement. Nothing has to be set back: the
-- limit goes with the object.
-- @number[opt] seconds nil: none
-- @treturn forgelog.connection.Connection one that shares everything else with this one
function Connection:limited(seconds) return view(self._state, seconds) end

--- Calls f(conn, ...), where conn is this connection with that time limit for each statement. It
-- holds for what f does by that conn, and for nothing else, however f ends.
-- @tparam number|nil seconds the limit
-- @tparam fun(conn:forgelog.connection.Connection,...:any):any f what to call
-- @tparam any ... further arguments
-- @treturn any what f returns
function Connection:within(seconds, f, ...) return f(self:limited(seconds), ...) end

--- The time limit for each statement in seconds; nil: none.
-- @treturn number|nil
function Connection:limit() return self._limits.seconds end

--- Sets until when what is done by this object is waited for. What is not done by then goes on: an
-- error with the code "unfinished" says so, and the same operation, called again, goes on with it.
-- @local
-- @number[opt] time by the clock `now`; nil: until its end, or its time limit
function Connection:wait_until(time) self._limits.stop_at = time end

local function perform(self, what, begin, ...)
  return demand.perform(self._state, self._limits, what, begin, ...)
end

local function query(handle, ...) return handle:query(...) end
local function begin(handle, operation) return handle:begin(operation) end

--- What `query` and `run` do.
-- @local
-- @bool numeric whether numerics become numbers, as of `run`
-- @string text the SQL
-- @param ... parameters, as of `query`, and so is what it returns
function Connection:ask(numeric, text, ...)
  local ok, err = perform(self, pump.name(self._state, self._limits, text, ...), query, text, ...)
  if not ok then return nil, err end
  return self._state.handle:rows(numeric)
end

--- Runs a statement with parameters $1.., or several statements without.
-- @string text the SQL
-- @tparam nil|boolean|number|string ... parameters
-- @treturn {[string]:any}[] the rows, by column
-- @treturn integer|nil how many it wrote, where the command says so
-- @fails
function Connection:query(text, ...) return self:ask(false, text, ...) end

--- Runs the statement of a file of SQL; it locates the log first where the statement needs its
-- schema. Its numerics are numbers: times, whose floats a session may print with few digits.
-- @string name such as "trim.batch", for sql/trim/batch.sql
-- @tparam nil|boolean|number|string ... parameters
-- @treturn {[string]:any}[] as of `query`
-- @treturn integer|nil as of `query`
-- @fails
function Connection:run(name, ...)
  if self.life.closed then return nil, pump.failure(self._state) end
  local schema = ""
  if sql.needs_schema(name) then
    local ok, err = self._state.located, nil
    if not ok then ok, err = self:locate() end
    if not ok then return nil, err end
    schema = self:fact("schema")
  end
  return self:ask(true, sql.statement(name, schema), ...)
end

--- The same for a schema in which there need not be a log, nor the schema itself.
-- @local
-- @string schema its name
-- @string name such as "install.facts", for sql/install/facts.sql
-- @param ... parameters, as of `query`, and so is what it returns
function Connection:run_in(schema, name, ...)
  return self:ask(true, sql.statement(name, sql.identifier(schema)), ...)
end

--- Seconds since the server answered: one that rested may be cut, and shows it only in use.
-- @local
function Connection:rested() return self:now() - (self._state.answered or 0) end

--- Finds the log, as it is now.
-- @treturn true
-- @fails code "no_log" where there is none
function Connection:locate()
  local ok, err = perform(self, "locate", begin, "locate")
  if ok then self._state.located = true end
  return ok, err
end

--- Asks for the smallest and the largest seq and what was trimmed: see `fact`. The log must have
-- been located.
-- @treturn true
-- @fails
function Connection:seqs() return perform(self, "seqs", begin, "seqs") end

--- One observation of who can still commit a lower seq: see `fact`. The log must have been located.
-- @treturn true
-- @fails
function Connection:tick() return perform(self, "tick", begin, "tick") end

--- One thing that the operations so far have found out.
-- @tparam forgelog.connection.Fact name which one
-- @treturn any its value; nil where it is not known
function Connection:fact(name) return self._state.handle:fact(name) end

--- The name of the log's schema, whether there is a log or not: the one given here, or to connect,
-- or where the search path finds a log, or the first one of the search path.
-- @string[opt] given a name
-- @treturn string
-- @fails code "no_schema" where no schema of the search path exists
function Connection:schema_name(given)
  if given or self.schema then return given or self.schema end
  local rows, err = self:run("connection.schema")
  if not rows then return nil, err end
  if rows[1].name then return rows[1].name end
  local message = "no schema of the search_path exists; say which by the option schema"
  return nil, core.error("schema", message, nil, { code = "no_schema" })
end

--- What libpq made of a connection option; nil where it is not set.
-- @string keyword such as "host"
-- @treturn string|nil
function Connection:option(keyword) return self._state.handle:option(keyword) end

--- Whether a transaction is open.
-- @treturn boolean
function Connection:in_transaction() return self._state.handle:in_transaction() end

--- Whether it is connected, and free.
-- @treturn forgelog.connection.State
function Connection:state() return self._state.handle:state() end

--- Whether an operation is begun.
-- @treturn boolean
function Connection:busy() return self._state.owner ~= nil end

--- The socket for event loops that wait themselves, which may change while connecting.
-- @treturn integer|nil nil: there is none
function Connection:pollfd() return self._state.handle:pollfd() end

--- What to wait for on it.
-- @treturn string "r", "w" or "rw"
function Connection:events() return self._state.handle:events() end

--- Seconds of a clock that never goes back.
-- @treturn number
function Connection:now() return self._state.waiter.now() end

--- Sleeps. What else runs in this program goes on where the waiter lets it.
-- @number seconds
function Connection:sleep(seconds) self._state.waiter.wait(nil, "", seconds) end

for name, method in pairs(reading) do Connection[name] = method end

return connection
