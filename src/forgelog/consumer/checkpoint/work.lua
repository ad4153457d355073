--- The work of a consumer's checkpoint: what is done, and the position that is saved behind it. A
-- private part of forgelog.consumer.checkpoint, whose fields it works on.
-- @module forgelog.consumer.checkpoint.work
local calls = require "forgelog.consumer.calls"
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"

-- Seconds after which a position that moved without changes for this consumer is saved, and after
-- which also that all its work is done.
local HEARTBEAT, RESTED = 2, 10
-- Seconds that a step waits for a save, if its time is over before.
local SAVING = 0.5

local work = {}

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

-- Whether a position says something that holds only at rest.
local function rests(position) return position and select(4, core.parse_position(position)) end

-- What a position says while work is under way that another one will be saved behind. Unless the
-- rows of that one prove all, the work may see what no standby has, and those of this one must not
-- prove it either.
local function under_way(position, behind)
  return position and core.stirred(position, not select(5, core.parse_position(behind)))
end

--- What a position says that holds only at rest is taken back before more work is begun: if the
-- program dies in it, nobody knows what the work has seen.
-- @string behind the position that is to be saved behind the work
-- @return true; or nil and an error
function work:stir(behind)
  local bare = under_way(self._saved, behind)
  if bare == self._saved then return true end
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
local function together(self, position, do_it, ...)
  local ok, err = begin(self)
  if not ok then return nil, err end
  local began = self._conn:now()
  local done, raised = calls.in_transaction(self._conn, do_it, ...)
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
  local ok, err = self:within(time, save, self, position)
  self._saving = not ok and err.code == "unfinished"
  if not ok and not self._saving then calls.roll_back(self._conn) end
  return ok, err
end

-- The table store finds out whether another consumer of the name has saved meanwhile. Any other one
-- takes what it is given, so the claim has to stand still: asked before each try to save.
local function ours(self, in_any_case)
  if not self._name or self._store.transactional then return true end
  local ok, err = self:prove(in_any_case)
  if not ok or not self._superseded then return ok, err end
  local message = ("consumer %s is another program's by now"):format(self._name)
  return nil, core.error("query", message, nil, { code = "superseded", retryable = true })
end

-- The work, and then its position.
local function in_turn(self, _, do_it, ...)
  local own = self._work
  if not own.done then
    local ok, err, raised = self:stir(own.position)
    local began = self._conn:now()
    if ok then ok, err, raised = calls.work(self._conn, do_it, ...) end
    self._claim:note_work(self._conn:now() - began)
    if not ok then return nil, err, raised end
    own.done = true
  end
  local ok, err = ours(self, true)
  if not ok then return nil, err end
  return save_done(self, own.position)
end

--- Runs the work, unless an earlier call has done it, and saves the position behind it; with
-- `transaction` both or neither.
-- @string position to save when the work is done; not used where the work was done already
-- @func do_it what to do; it raises when it fails
-- @param ... its arguments
-- @return true; or nil and an error; or nil, what the work has raised, and true
function work:commit(position, do_it, ...)
  local own = self._work or {}
  self._work = own
  if not own.done then own.position = position end
  if not own.saved then
    local how = self._transaction and together or in_turn
    local ok, err, raised = how(self, own.position, do_it, ...)
    if raised then self._work = nil end
    if not ok then return nil, err, raised end
  end
  self._saved, self._work, self._saved_at = own.position, nil, self._conn:now()
  return true
end

--- Called by the work: a part of it is not done, and so is not behind the position.
-- @tparam table seqs list
function work:leave(seqs) self._work.position = core.without(self._work.position, seqs) end

--- Whether the saved position has to be replaced before work is begun: see `stir`.
-- @string behind the position that is to be saved behind the work
-- @treturn bool
function work:rests(behind) return under_way(self._saved, behind) ~= self._saved end

--- After a wait without changes: the claim is looked after; and the log goes on all the same, so
-- the saved position follows it once in a while, or a trim would pass it.
-- @string position the present one
-- @bool[opt] at_once whether it is saved now
-- @return true; or nil and an error
function work:heartbeat(position, at_once)
  local now, saved = self._conn:now(), self._saved
  local moved = not saved or core.place(position) ~= core.place(saved)
  local rested = at_once or now >= self._saved_at + RESTED
  local due = rested or moved and now >= self._saved_at + HEARTBEAT
  if not due or not moved and (rests(saved) or not rests(position)) then
    return self:look()
  end
  local ok, err = ours(self)
  if not ok then return nil, err end
  if not rested then position = core.stirred(position) end
  self._saved_at, self._beat = now, position
  ok, err = save(self, position)
  if not ok then return nil, err end
  self._saved = position
  return true
end

return work
