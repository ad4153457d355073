--- The checkpoint of a consumer: its claim on the name, the position that it has saved, and the
-- transaction in which work and position become one. It has a connection of its own time limit: a
-- server that does not answer counts as gone.
-- @module forgelog.consumer.checkpoint
local claim = require "forgelog.consumer.claim"
local core = require "forgelog.core"

local Checkpoint = {}
Checkpoint.__index = Checkpoint

-- Seconds after which a position that moved without changes for this consumer is saved.
local HEARTBEAT = 10

-- What something raised, as an error of ours.
local function raised(who, err)
  if type(err) == "table" then return err end
  return core.error("query", ("the %s raised: %s"):format(who, tostring(err)))
end

-- User stores may raise, so they run under pcall. The table store must not: plain Lua 5.1 cannot
-- yield across pcall.
local function ask_store(self, what, ...)
  local store = self._store
  if store.transactional then return store[what](self._log, self._name, ...) end
  local ok, first, second = pcall(store[what], self._log, self._name, ...)
  if ok then return first, second end
  return nil, raised("store", first)
end

-- Who must not wait for a name at the start still waits for it after a loss of the connection.
local function take_claim(self, refuse)
  if not self._claims then return true end
  local ok, err = claim.take(self._conn, self._name)
  if ok then return true end
  if err.code == "name_taken" then err.retryable = not refuse end
  return nil, err
end

-- With `transaction` it must be known of each batch that it was read from the server to which its
-- effects go: another one, or the same after a crash, may lack what was handed out.
local function note_server(self)
  if not self._transaction then return true end
  local rows, err = self._conn:run("consumer.server")
  if not rows then return nil, err end
  self._superseded = self._superseded or (self._server or rows[1].server) ~= rows[1].server
  self._server = rows[1].server
  return true
end

-- Claims the name, then loads the position. true and the position (nil: none is saved); or nil and
-- an error.
local function load(self, refuse)
  local ok, err = take_claim(self, refuse)
  if ok then ok, err = note_server(self) end
  if not ok then return nil, err end
  local stored
  stored, err = ask_store(self, "load")
  if err then return nil, err end
  return true, stored
end

--- On the first connection: takes the claim and loads the position.
-- @return true; or nil and an error
function Checkpoint:open()
  local ok, err = self._conn:locate()
  if not ok then return nil, err end
  local stored
  ok, stored = load(self, self._refuse)
  if not ok then return nil, stored end
  self._saved = stored
  return true
end

--- On each later connection, before anything is delivered: takes the claim again, and finds out
-- whether the saved position is still ours. Where a COMMIT was under way when the last connection
-- broke, the store says whether it took place.
-- @return true, and whether the work of that COMMIT is done; or nil and an error. See also
-- `superseded`
function Checkpoint:resume()
  local ok, stored = load(self, false)
  if not ok then return nil, stored end
  if stored == self._saved then return true, false end
  if stored ~= self._intended then self._superseded = true end
  self._saved = stored
  return true, true
end

--- The position as it was saved last; nil: none was.
function Checkpoint:saved() return self._saved end

--- The saved position, to begin from. One that has committed with its effects is of the history
-- that this server has, whatever happened since: it is on the server's timeline.
-- @return the position; or nil and an error
function Checkpoint:place()
  local saved = self._saved
  local timeline = core.parse_position(saved)
  if not self._transaction or (timeline or 0) == 0 then return saved end
  local ok, err = self._conn:seqs()
  if not ok then return nil, err end
  local present = self._conn:fact("timeline")
  return present > 0 and core.place(saved, present) or saved
end

--- Whether another consumer of this name has saved meanwhile, or the server is another one, so that
-- all has to begin from what is saved now.
function Checkpoint:superseded() return self._superseded end

local function save(self, position)
  local ok, err = ask_store(self, "save", position, self._saved)
  if ok then return true end
  if type(err) ~= "table" then
    err = core.error("query", "the position was not saved: " .. tostring(err))
  end
  if err.code == "superseded" then self._superseded = true end
  return nil, err
end

-- Ends the transaction that is open: the one of `transaction`, or one that a handler which raised
-- has left.
local function end_transaction(self, ok)
  local conn = self._conn
  if conn:lost() or conn:closed() then return ok and not self._transaction, conn:lost() end
  if ok and self._transaction then return conn:run("consumer.commit") end
  if not ok and conn:in_transaction() then conn:run("consumer.rollback") end
  return ok
end

-- Whether a position says what of the WAL it rests on.
local function rests(position) return position and select(4, core.parse_position(position)) end

-- A position that says so is replaced before more work is begun: if the program dies in it, nobody
-- knows what the work has seen.
local function stir(self)
  if not rests(self._saved) then return true end
  local bare = core.place(self._saved)
  local ok, err = save(self, bare)
  if ok then self._saved = bare end
  return ok, err
end

local function begin(self)
  local rows, err = self._conn:run("consumer.begin")
  if not rows then return nil, err end
  if rows[1].server == self._server then return true end
  self._conn:run("consumer.rollback")
  self._superseded = true
  local message = "the server is another one, or was started again: its position is read again"
  return nil, core.error("query", message, nil, { code = "superseded", retryable = true })
end

--- Runs the work and saves the position behind it; with `transaction` both or neither.
-- @string position to save when the work is done
-- @func work what to do; it raises when it fails
-- @param ... its arguments
-- @return true; or nil and an error
function Checkpoint:commit(position, work, ...)
  local ok, err = (self._transaction and begin or stir)(self)
  if not ok then return nil, err end
  self._intended = position
  ok, err = pcall(work, ...)
  if not ok then err = raised("handler", err) end
  if ok then ok, err = save(self, position) end
  local ended, why = end_transaction(self, ok)
  if not ended then return nil, err or why end
  self._saved, self._intended, self._saved_at = position, nil, self._conn:now()
  return true
end

--- After a wait without changes: the log goes on all the same, and the saved position follows it
-- once in a while, or a trim would pass it.
-- @string position the present one
-- @bool[opt] at_once whether it is saved now
-- @return true; or nil and an error
function Checkpoint:heartbeat(position, at_once)
  local now, saved = self._conn:now(), self._saved
  if not at_once and now < self._saved_at + HEARTBEAT then return true end
  local same = saved and core.place(position) == core.place(saved)
  if same and (rests(saved) or not rests(position)) then return true end
  self._saved_at, self._intended = now, position
  local ok, err = save(self, position)
  if not ok then return nil, err end
  self._saved, self._intended = position, nil
  return true
end

--- Begins to count the time until the next heartbeat.
function Checkpoint:rest() self._saved_at = self._conn:now() end

--- Makes it; nothing is asked yet.
-- @tparam table settings `log` (by which the store works), `store`, `name`, `claims` (bool: take
-- the name for the session), `refuse` (bool: an error rather than a wait, while another consumer of
-- the name runs), `transaction` (bool)
-- @return a checkpoint; its fields are its own, see the methods
return function(settings)
  return setmetatable({
    _log = settings.log,
    _conn = settings.log.connection,
    _store = settings.store,
    _name = settings.name,
    _claims = settings.claims,
    _refuse = settings.refuse,
    _transaction = settings.transaction,
    _saved = nil, -- the position as it is in the store
    _saved_at = 0,
    _intended = nil, -- the position whose saving is under way
    _superseded = false, -- another consumer of the name has saved since
  }, Checkpoint)
end
