--- The checkpoint of a consumer: its claim on the name, the position that it has saved, and the
-- work at hand. Work that is done stays done: if its position cannot be saved, only that is tried
-- again. With `transaction`, work and position are one instead. Its statements have a time limit of
-- their own: a server that does not answer counts as gone.
-- @module forgelog.consumer.checkpoint
local calls = require "forgelog.consumer.calls"
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"
local standing = require "forgelog.consumer.standing"
local work = require "forgelog.consumer.checkpoint.work"

local Checkpoint = setmetatable({}, { __index = work })
Checkpoint.__index = Checkpoint

-- Seconds that giving back the claim may take.
local RELEASE = 0.5
-- Who must not wait for a name at the start still waits for it after a loss of the connection.
local function take_claim(self, refuse)
  local ok, err = self._claim:take(self._conn)
  if ok then
    local _, ended = self._claim:ends()
    if self._bound and self._ended == nil then self._ended = ended or false end
    return true
  end
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

--- The position that was given to the consumer otherwise than by a save of its own.
-- @string position as it is in the store now
function Checkpoint:adopt(position) self._saved = position end

--- On each later connection, before anything is delivered: takes the claim again, and finds out
-- whether the saved position is still ours. Where its saving was under way when the last connection
-- broke, the store says whether it took place.
-- @return true; or nil and an error. See also `superseded`
function Checkpoint:resume()
  self._resumed = self._resumed + 1
  self._bound = self._bound or self._claim:ends()
  local ok, stored = load(self, false)
  if not ok and stored.code == "lanes_changed" then
    self._superseded = true
    return true
  end
  if not ok then return nil, stored end
  self._held = true
  if stored == self._saved then return true end
  local own = self._work
  if own and stored == own.position then
    own.done, own.saved = true, true
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

--- Calls what waits until then and no longer; what is asked after it is not bound.
-- @number[opt] time by the connection's clock; nil: as long as it takes
-- @func call what to call
-- @param ... its arguments
-- @return what it returns, two values at most
function Checkpoint:within(time, call, ...)
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
  local ok, err = self:within(self._stop_at, self._claim[what], self._claim, self._conn,
    in_any_case)
  if ok or err.code ~= "superseded" then return ok, err end
  self._superseded = true
  return true
end

--- Has the connection show that it stands, and with it the claim. See also `superseded`.
-- @bool[opt] in_any_case also where the connection has not rested
-- @return true; or nil and an error
function Checkpoint:prove(in_any_case) return ask_claim(self, "prove", in_any_case) end

--- After a wait without changes: looks whose the claim is, and what was asked of the consumer.
-- @return true; or nil and an error
function Checkpoint:look() return ask_claim(self, "look") end

--- What is another text whenever something was asked of the consumer from outside, as far as it
-- knows, or its server may be another one, which may have what is to be done as it was before.
function Checkpoint:asked() return ("%.0f/%d"):format(self._claim:asked(), self._resumed) end

--- How often the connection was another one than before.
function Checkpoint:resumed() return self._resumed end

--- The latest end that the claim was given: see `ends` of `forgelog.consumer.lease`.
function Checkpoint:claim_ends() return (self._claim:ends()) end

--- Which end the claim still had on the first connection since `attended`, of those that it was
-- given before; nil: not known. What was written before that one was given is there.
function Checkpoint:kept()
  return self._ended and self._ended <= self._bound and self._ended or nil
end

--- All that this tells was found out.
function Checkpoint:attended() self._bound, self._ended = nil, nil end

--- Whether the consumer was paused from outside, as far as it knows.
function Checkpoint:paused() return self._claim:paused() end

--- Gives the claim back: the consumer ends, or begins anew.
function Checkpoint:release()
  local conn = self._conn
  if not self._held or conn:lost() or conn:closed() or conn:busy() or conn:in_transaction() then
    return
  end
  self._held = false
  self:within(conn:now() + RELEASE, self._claim.release, self._claim, conn)
end

--- Where no feed does so: connects again after a loss, and resumes.
-- @return true; or nil and an error
function Checkpoint:reconnect()
  if self._conn:lost() then
    self._held = false
    local ok, err = self:within(self._stop_at, self._conn.reconnect, self._conn)
    if not ok then return nil, err end
  end
  if self._held then return true end
  return self:resume()
end

--- The position as it was saved last; nil: none was.
function Checkpoint:saved() return self._saved end

--- The saved position, to begin from. One that has committed with its effects, beside the log, is
-- of the history that this server has, whatever happened since: it is on the server's timeline.
-- @return the position; or nil and an error
function Checkpoint:place()
  local saved = self._saved
  local timeline = core.parse_position(saved)
  if not self._as_one or (timeline or 0) == 0 then return saved end
  local ok, err = self._conn:seqs()
  if not ok then return nil, err end
  local present = self._conn:fact("timeline")
  return present > 0 and core.place(saved, present) or saved
end

--- What a loaded position says of the work behind it.
-- @string position as it was loaded
-- @return the position, if need be without what holds only at rest
function Checkpoint:vouched(position)
  return standing.vouched(position,
    not self._store.transactional or self._transaction or self._claim:was_free())
end

--- Whether another consumer of this name has saved meanwhile, or the server is another one, so that
-- all has to begin from what is saved now.
function Checkpoint:superseded() return self._superseded end

--- Whether work is done whose position is not saved, as far as is known.
function Checkpoint:unsaved() return self._work ~= nil and self._work.done == true end

--- Begins to count the time until the next heartbeat.
function Checkpoint:rest() self._saved_at = self._conn:now() end

--- Makes it; nothing is asked yet.
-- @tparam table settings `log` (by which the store works), `store`, `name`, `claim` (see
-- `forgelog.consumer.claim`), `refuse` (bool: an error rather than a wait, while another consumer
-- of the name runs), `transaction` (bool), `as_one` (bool: with that, and beside the log)
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
    _as_one = settings.as_one,
    _held = nil, -- whether the present connection has the claim; nil: none has had it
    _saved = nil, -- the position as it is in the store
    _saved_at = 0,
    _resumed = 0, -- how often the connection was replaced
    _bound = nil, _ended = nil, -- see `kept`
    _work = nil, -- the work at hand: its `position`, and whether it is `done` and `saved`
    _beat = nil, -- the position of a heartbeat of which it is not known whether it was saved
    _stop_at = nil, -- until when the present step waits
    _ends = nil, -- until when anything is waited for: see `end_by`
    _saving = false, -- whether a save is under way that a step has left
    _superseded = false, -- another consumer of the name has saved since
  }, Checkpoint)
end
