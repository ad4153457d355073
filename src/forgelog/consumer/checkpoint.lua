--- The checkpoint of a consumer: its claim on the name, the position that it has saved, and the
-- work at hand. Work that is done stays done: if its position cannot be saved, only that is tried
-- again. With `transaction`, work and position are one instead. Its statements have a time limit of
-- their own: a server that does not answer counts as gone.
-- @module forgelog.consumer.checkpoint
local calls = require "forgelog.consumer.calls"
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"

local Checkpoint = {}
Checkpoint.__index = Checkpoint

-- Seconds after which a position that moved without changes for this consumer is saved, and after
-- which also that all its work is done.
local HEARTBEAT, RESTED = 2, 10
-- Seconds that giving back the claim may take.
local RELEASE = 0.5
-- Seconds that a step waits for a save, if its time is over before.
local SAVING = 0.5

-- Who must not wait for a name at the start still waits for it after a loss of the connection.
local function take_claim(self, refuse)
  local ok, err = self._claim:take(self._conn)
  if ok then return true end
  if err.code == "name_taken" then err.retryable = not refuse end
  return nil, err
end

-- With `transaction` it must be known of each batch that it was read from the server to which its
-- effects go: another one, or the same after it was started again, may lack what was handed out.
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
  stored, err = calls.store(self._store, self._held, "load", self._log, self._name)
  if not err then return true, stored end
  if not self._store.transactional then
    err = failure.of_store(err, calls.NOT_DONE.load, self._held ~= nil)
  end
  return nil, err
end

--- On the first connection: takes the claim and loads the position.
-- @return true; or nil and an error
function Checkpoint:open()
  local ok, err = self._conn:locate()
  if not ok then return nil, err end
  local stored
  ok, stored = load(self, self._refuse)
  if not ok then return nil, stored end
  self._saved, self._held = stored, true
  return true
end

--- On each later connection, before anything is delivered: takes the claim again, and finds out
-- whether the saved position is still ours. Where its saving was under way when the last connection
-- broke, the store says whether it took place.
-- @return true; or nil and an error. See also `superseded`
function Checkpoint:resume()
  local ok, stored = load(self, false)
  if not ok then return nil, stored end
  self._held = true
  if stored == self._saved then return true end
  local work = self._work
  if work and stored == work.position then
    work.done, work.saved = true, true
  elseif stored == nil or stored ~= self._beat then
    self._superseded = true
  end
  self._saved, self._beat = stored, nil
  return true
end

-- Has what is asked next waited for until then; at the end no longer than `end_by` has said.
local function wait_until(self, time)
  if self._ends then time = math.min(time or self._ends, self._ends) end
  self._conn:wait_until(time)
end

-- What `call` returns, which waits until then and no longer; what is asked after it is not bound.
local function within(self, time, call, ...)
  wait_until(self, time)
  local ok, err = call(...)
  wait_until(self)
  return ok, err
end

--- Has nothing waited for any longer than until then: the consumer ends.
-- @number time by the connection's clock
function Checkpoint:end_by(time)
  self._ends = time
  wait_until(self)
end

--- Until when the present step waits.
-- @number[opt] time by the connection's clock; nil: as long as it takes
function Checkpoint:step_until(time) self._stop_at = time end

-- Asks the claim, unless a save is under way on the connection. Where another program has it by
-- now, that is no error of the connection: see `superseded`.
local function ask_claim(self, what, in_any_case)
  if self._saving or self._superseded then return true end
  local ok, err = within(self, self._stop_at, self._claim[what], self._claim, self._conn,
    in_any_case)
  if ok or err.code ~= "superseded" then return ok, err end
  self._superseded = true
  return true
end

--- Has the connection show that it stands, and with it the claim. See also `superseded`.
-- @bool[opt] in_any_case also where the connection has not rested
-- @return true; or nil and an error
function Checkpoint:prove(in_any_case) return ask_claim(self, "prove", in_any_case) end

--- How often something was asked of the consumer from outside, as far as it knows.
function Checkpoint:asked() return self._claim:asked() end

--- Whether the consumer was paused from outside, as far as it knows.
function Checkpoint:paused() return self._claim:paused() end

--- Gives the claim back: the consumer ends, or begins anew.
function Checkpoint:release()
  local conn = self._conn
  if not self._held or conn:lost() or conn:closed() or conn:busy() or conn:in_transaction() then
    return
  end
  self._held = false
  within(self, conn:now() + RELEASE, self._claim.release, self._claim, conn)
end

--- Where no feed does so: connects again after a loss, and resumes.
-- @return true; or nil and an error
function Checkpoint:reconnect()
  if self._conn:lost() then
    self._held = false
    local ok, err = within(self, self._stop_at, self._conn.reconnect, self._conn)
    if not ok then return nil, err end
  end
  if self._held then return true end
  return self:resume()
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

--- Whether work is done whose position is not saved, as far as is known.
function Checkpoint:unsaved() return self._work ~= nil and self._work.done == true end

local function save(self, position)
  local ok, err = calls.store(self._store, self._held, "save", self._log, self._name,
    position, self._saved, self._claim)
  if ok then
    self._beat = nil
    return true
  end
  if type(err) == "table" and err.code == "superseded" then self._superseded = true end
  return nil, failure.of_store(err, calls.NOT_DONE.save, failure.passes(err))
end

-- Whether a position says what of the WAL it rests on.
local function rests(position) return position and select(4, core.parse_position(position)) end

-- A position that says so is replaced before more work is begun: if the program dies in it, nobody
-- knows what the work has seen.
local function stir(self)
  if not rests(self._saved) then return true end
  local bare = core.place(self._saved)
  self._beat = bare
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

-- Work and position become one by a transaction. The results are those of `commit`.
local function together(self, position, work, ...)
  local ok, err = begin(self)
  if not ok then return nil, err end
  local began = self._conn:now()
  local done, raised = pcall(work, ...)
  self._claim:note_work(self._conn:now() - began)
  if done then ok, err = save(self, position) end
  if done and ok then
    ok, err = self._conn:run("consumer.commit")
    if ok then return true end
    err = failure.of_store(err, calls.NOT_DONE.save, true)
  end
  calls.roll_back(self._conn)
  return nil, done and err or raised, not done
end

-- Saves the position behind work that is done. The table store's save may be left under way when
-- the step's time is over: the next step goes on with it.
local function save_done(self, position)
  local stop_at = self._store.transactional and self._stop_at
  local time = stop_at and math.max(stop_at, self._conn:now() + SAVING) or nil
  local ok, err = within(self, time, save, self, position)
  self._saving = not ok and err.code == "unfinished"
  if not ok and not self._saving then calls.roll_back(self._conn) end
  return ok, err
end

local function superseded(self)
  local message = ("consumer %s is another program's by now"):format(self._name)
  return core.error("query", message, nil, { code = "superseded", retryable = true })
end

-- The work, and then its position. The table store finds out whether another consumer of the name
-- has saved meanwhile; with any other one the claim has to stand still.
local function in_turn(self, position, work, ...)
  local own = self._work
  if not own.done then
    local ok, err, raised = stir(self)
    local began = self._conn:now()
    if ok then ok, err, raised = calls.work(self._conn, work, ...) end
    self._claim:note_work(self._conn:now() - began)
    if not ok then return nil, err, raised end
    own.done = true
    if self._name and not self._store.transactional then ok, err = self:prove(true) end
    if not ok then return nil, err end
    if self._superseded then return nil, superseded(self) end
  end
  return save_done(self, position)
end

--- Runs the work, unless an earlier call has done it, and saves the position behind it; with
-- `transaction` both or neither.
-- @string position to save when the work is done; not used where the work was done already
-- @func work what to do; it raises when it fails
-- @param ... its arguments
-- @return true; or nil and an error; or nil, what the work has raised, and true
function Checkpoint:commit(position, work, ...)
  local own = self._work or {}
  self._work = own
  if not own.done then own.position = position end
  if not own.saved then
    local how = self._transaction and together or in_turn
    local ok, err, raised = how(self, own.position, work, ...)
    if raised then self._work = nil end
    if not ok then return nil, err, raised end
  end
  self._saved, self._work, self._saved_at = own.position, nil, self._conn:now()
  return true
end

--- After a wait without changes: the claim is looked after; and the log goes on all the same, so
-- the saved position follows it once in a while, or a trim would pass it.
-- @string position the present one
-- @bool[opt] at_once whether it is saved now
-- @return true; or nil and an error
function Checkpoint:heartbeat(position, at_once)
  local now, saved = self._conn:now(), self._saved
  local moved = not saved or core.place(position) ~= core.place(saved)
  local rested = at_once or now >= self._saved_at + RESTED
  local due = rested or moved and now >= self._saved_at + HEARTBEAT
  if not due or not moved and (rests(saved) or not rests(position)) then
    return ask_claim(self, "look")
  end
  if not rested then position = core.place(position) end
  self._saved_at, self._beat = now, position
  local ok, err = save(self, position)
  if not ok then return nil, err end
  self._saved = position
  return true
end

--- Begins to count the time until the next heartbeat.
function Checkpoint:rest() self._saved_at = self._conn:now() end

--- Makes it; nothing is asked yet.
-- @tparam table settings `log` (by which the store works), `store`, `name`, `claim` (see
-- `forgelog.consumer.claim`), `refuse` (bool: an error rather than a
-- wait, while another consumer of the name runs), `transaction` (bool)
-- @return a checkpoint; its fields are its own, see the methods
return function(settings)
  return setmetatable({
    _log = settings.log,
    _conn = settings.log.connection,
    _store = settings.store,
    _name = settings.name,
    _claim = settings.claim,
    _refuse = settings.refuse,
    _transaction = settings.transaction,
    _held = nil, -- whether the present connection has the claim; nil: none has had it
    _saved = nil, -- the position as it is in the store
    _saved_at = 0,
    _work = nil, -- the work at hand: its `position`, and whether it is `done` and `saved`
    _beat = nil, -- the position of a heartbeat of which it is not known whether it was saved
    _stop_at = nil, -- until when the present step waits
    _ends = nil, -- until when anything is waited for: see `end_by`
    _saving = false, -- whether a save is under way that a step has left
    _superseded = false, -- another consumer of the name has saved since
  }, Checkpoint)
end
