--- A connection to a change log, and the only module that touches the core's handle, the waiter,
-- the time limit of statements and the loss of the connection. A log has it as its field
-- `connection`; a store or another extension of yours may use it.
-- @module forgelog.connection
local core = require "forgelog.core"
local connect = require "forgelog.connection.connect"
local demand = require "forgelog.connection.demand"
local pump = require "forgelog.connection.pump"
local sql = require "forgelog.connection.sql"

-- Specs replace what makes each handle, to see every statement that is sent.
local connection = { new_handle = core.connection }

-- Public fields of a connection: `schema` (as given to connect), `life` (`life.closed` is for loops
-- in which asking `closed()` each time would cost too much). All views of a connection (see
-- `within`) share their `_state`, which is described in forgelog.connection.pump.
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
-- @tparam table settings `conninfo` (text), `name` (of the log, as SQL), `schema` (the one given,
-- if any), `waiter`, `timeout` (seconds for each statement), `on_demand` (seconds within which the
-- first statement connects; nil: none does)
-- @return a connection
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
function Connection:may_connect() self._state.may_connect = self._state.demand ~= nil end

--- Another connection with the same settings.
-- @number seconds longest time for each of its statements
-- @return a connection; or nil and an error
function Connection:sibling(seconds)
  local other = connection.new(setmetatable({ timeout = seconds },
    { __index = self._state.settings }))
  local ok, err = other:reconnect()
  if ok then return other end
  other:close()
  return nil, err
end

--- Connects, or connects again. Readers go on where they were.
-- @return true; or nil and an error, whose code is "unfinished" where the next call goes on with it
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
function Connection:cancel() pump.cancel(self._state) end

--- Whether its owner has closed it.
function Connection:closed() return self.life.closed end

--- The error that ended the connection; nil while it stands.
function Connection:lost() return self._state.lost end

--- The error of what has failed last since this was asked before; nil: nothing has.
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
-- @return a connection that shares everything else with this one
function Connection:limited(seconds) return view(self._state, seconds) end

--- Calls f(conn, ...), where conn is this connection with that time limit for each statement. It
-- holds for what f does by that conn, and for nothing else, however f ends.
-- @number seconds the limit
-- @func f what to call
-- @param ... further arguments
-- @return what f returns
function Connection:within(seconds, f, ...) return f(self:limited(seconds), ...) end

--- The time limit for each statement in seconds; nil: none.
function Connection:limit() return self._limits.seconds end

--- Sets until when what is done by this object is waited for. What is not done by then goes on: an
-- error with the code "unfinished" says so, and the same operation, called again, goes on with it.
-- @number[opt] time by the clock `now`; nil: until its end, or its time limit
function Connection:wait_until(time) self._limits.stop_at = time end

local function perform(self, what, begin, ...)
  return demand.perform(self._state, self._limits, what, begin, ...)
end

local function query(handle, ...) return handle:query(...) end
local function begin(handle, operation) return handle:begin(operation) end
local function call(_, reader, method, ...) return reader[method](reader, ...) end

--- What `query` and `run` do.
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
-- @param ... parameters: nil, booleans, numbers, strings
-- @return the rows as tables; where the command says so, how many it wrote; or nil and an error
function Connection:query(text, ...) return self:ask(false, text, ...) end

--- Runs the statement of a file of SQL; it locates the log first where the statement needs its
-- schema. Its numerics are numbers: times, whose floats a session may print with few digits.
-- @string name such as "trim.batch", for sql/trim/batch.sql
-- @param ... parameters, as of `query`
-- @return as of `query`
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
-- @string schema its name
-- @string name such as "install.facts", for sql/install/facts.sql
-- @param ... parameters, as of `query`, and so is what it returns
function Connection:run_in(schema, name, ...)
  return self:ask(true, sql.statement(name, sql.identifier(schema)), ...)
end

--- Seconds since the server answered: one that rested may be cut, and shows it only in use.
function Connection:rested() return self:now() - (self._state.answered or 0) end

--- Finds the log, as it is now.
-- @return true; or nil and an error, code "no_log" where there is none
function Connection:locate()
  local ok, err = perform(self, "locate", begin, "locate")
  if ok then self._state.located = true end
  return ok, err
end

--- Asks for the smallest and the largest seq and what was trimmed: see `fact`. The log must have
-- been located.
-- @return true; or nil and an error
function Connection:seqs() return perform(self, "seqs", begin, "seqs") end

--- One observation of who can still commit a lower seq: see `fact`. The log must have been located.
-- @return true; or nil and an error
function Connection:tick() return perform(self, "tick", begin, "tick") end

--- What the proof of a reader needs in the middle of a scan: see its methods `crowded` and `prove`.
-- @return true; or nil and an error
function Connection:sight() return perform(self, "sight", begin, "sight") end

--- One thing that the operations so far have found out.
-- @string name "schema" (of the log, quoted for SQL), "has_state" (install was run), "exact"
-- (its state tells each change that was deleted), "empty_to" (up to this seq there is and will be
-- nothing), "smallest" and "largest" (seq in the log), "trimmed_to", "last_given" (seq, by the
-- sequence), "horizon", "high_water" (highest seq seen by a tick), "ticks" (how many so far),
-- "writers" (how many are open), "timeline", "standby", "backend" (pid)
-- @return its value; nil where it is not known
function Connection:fact(name) return self._state.handle:fact(name) end

--- How many writers first seen since a tick (its number) may still commit a seq at or below `upto`.
function Connection:pending_writers(tick, upto)
  return self._state.handle:pending_writers(tick, upto)
end

--- Whether there is a gap after a position (text), by what `seqs` has found: false; or the reason,
-- and the seq up to which changes are gone.
function Connection:gap(position) return self._state.handle:gap(position) end

--- The name of the log's schema, whether there is a log or not: the one given here, or to connect,
-- or where the search path finds a log, or the first one of the search path; or nil and an error.
function Connection:schema_name(given)
  if given or self.schema then return given or self.schema end
  local rows, err = self:run("connection.schema")
  if not rows then return nil, err end
  if rows[1].name then return rows[1].name end
  local message = "no schema of the search_path exists; say which by the option schema"
  return nil, core.error("schema", message, nil, { code = "no_schema" })
end

--- What libpq made of a connection option; nil where it is not set.
function Connection:option(keyword) return self._state.handle:option(keyword) end

--- Whether a transaction is open; "closed", "connecting", "idle" or "busy"; an operation is begun.
function Connection:in_transaction() return self._state.handle:in_transaction() end
function Connection:state() return self._state.handle:state() end
function Connection:busy() return self._state.owner ~= nil end

--- The socket for event loops that wait themselves, which may change while connecting; and what to
-- wait for on it: "r", "w" or "rw".
function Connection:pollfd() return self._state.handle:pollfd() end
function Connection:events() return self._state.handle:events() end

--- A reader of the log after a position, for one drain or feed; any number may read side by side.
-- Its methods are those of src/core/lua_reader.c; only `fetch` and `prefetch` below have it read.
-- @string position as text
-- @tparam ?table filter which changes: lists `tables`, `ops`, `columns`, `keys`; nil for all
-- @param live whether it also delivers changes above the horizon; "settled": follows without these
-- @return the reader; or nil and what is wrong with the position
function Connection:reader(position, filter, live)
  return self._state.handle:reader(position, filter, live or false)
end

--- Fetches the next chunk of a reader, or finishes the one that was asked for ahead.
-- @param reader of this connection
-- @int most rows; 0: as many as are good
-- @return true; or nil and an error
function Connection:fetch(reader, most)
  local state = self._state
  if reader:pending() and state.unfinished ~= reader then
    state.unfinished, state.ends = reader, nil
  end
  return perform(self, reader, call, reader, "fetch", most)
end

--- Asks whether the server has the rows that a reader's position names, unless that is known.
-- @return true, whatever was found (the reader's `verdict`); or nil and an error
function Connection:verify(reader)
  if not reader:doubtful() then return true end
  return perform(self, "verify", call, reader, "verify")
end

--- Asks for the next chunk of a reader without waiting for it, where that costs nobody anything.
function Connection:prefetch(reader) if reader:can_prefetch() then reader:fetch() end end

--- Makes a feed the one that follows by this connection, since LISTEN and the bell belong to the
-- session. false while another one does.
function Connection:begin_following(feed)
  if self._state.follower then return false end
  self._state.follower = feed
  return true
end

--- Ends that.
function Connection:end_following() self._state.follower = nil end

--- Seconds of a clock that never goes back.
function Connection:now() return self._state.waiter.now() end

--- Sleeps. What else runs in this program goes on where the waiter lets it.
function Connection:sleep(seconds) self._state.waiter.wait(nil, "", seconds) end

--- Waits until the socket can be read, or for that many seconds.
function Connection:wait_readable(seconds)
  self._state.waiter.wait(self._state.handle:pollfd(), "r", seconds)
end

--- Takes in what has arrived while nothing was under way.
-- @return whether there was a notification; or nil and the error, when the connection was lost
function Connection:notified()
  local seen = self._state.handle:notified()
  if seen == nil then return nil, pump.failure(self._state) end
  return seen
end

return connection
