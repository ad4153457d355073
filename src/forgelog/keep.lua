--- How a consumer keeps its position: the name is its own, and work and position are saved as one.
-- @module forgelog.keep
local core = require "forgelog.core"
local drive = require "forgelog.drive"

local keep = {}

local UP_EVERY = 10 -- seconds after which a position that moved without changes for this consumer is saved

--- Calls a function that runs statements of the consumer's own: a server that does not answer them within the time of
-- `silence` counts as gone.
function keep.patiently(self, call, ...)
  local log = self._log
  local before = log._patience
  log._patience = self._silence
  local first, second = call(...)
  log._patience = before
  return first, second
end

--- Claims a name for this session, so that one consumer of it runs at a time; it ends with its holder.
-- @return true, and whether a pooler stands before the server, where the claim may outlive this session; or nil and an
-- error, 55P03 while another session has it
function keep.claim(log, name)
  local ok, err = drive.run(log, "begin", "claim", name)
  if not ok then return nil, err end
  local row = log._core:rows()[1]
  if row.got then return true, row.pid ~= log._core:known().backend end
  return nil, core.error("query", ("another consumer named %s is running"):format(name), "55P03")
end

--- Gives a claim back before the session ends.
function keep.release(log, name) drive.run(log, "begin", "unclaim", name) end

--- Removes the position that a consumer has saved in the table store, unless it runs: it then begins anew, and holds no
-- trim. (`consumer.forget`)
-- @param log a log
-- @string name the consumer's
-- @return the position (false: there was none); or nil and an error, 55P03 while it runs
function keep.forget(log, name)
  local ok, err = drive.run(log, "begin", "look")
  if ok then ok, err = keep.claim(log, name) end
  if not ok then return nil, err end
  ok, err = drive.run(log, "begin", "forget", name)
  local row = ok and log._core:rows()[1]
  keep.release(log, name)
  if not ok then return nil, err end
  return row and row.position or false
end

local function claim(self, log)
  local name = self._options.name
  if not name or self._options.listen == false then return true end
  local ok, err = keep.claim(log, name)
  if ok then return true end
  if err.sqlstate == "55P03" then err.retryable = not self._refuse or self._feed ~= nil end
  return nil, err
end

-- What something raised, as an error of ours.
local function raised(who, err)
  if type(err) == "table" then return err end
  return core.error("query", ("the %s raised: %s"):format(who, tostring(err)))
end

-- A store of the user's may raise; ours does not, and must be able to wait where no pcall can be waited in.
local function ask_store(self, what, ...)
  local store, log, name = self._store, self._log, self._options.name
  if store.transactional then return keep.patiently(self, store[what], log, name, ...) end
  local ok, first, second = pcall(keep.patiently, self, store[what], log, name, ...)
  if ok then return first, second end
  log._patience = nil
  return nil, raised("store", first)
end

-- Claims the name, then loads the position.
local function load(self, log)
  local ok, err = claim(self, log)
  if not ok then return nil, err end
  local stored
  stored, err = ask_store(self, "load")
  if err then return nil, err end
  return true, stored
end

--- On the first connection: the claim, and the position to begin from.
function keep.open(self, log)
  local ok, stored = keep.patiently(self, function()
    local found, err = drive.run(log, "begin", "look")
    if not found then return nil, err end
    return load(self, log)
  end)
  if not ok then return nil, stored end
  self._saved = stored
  return true
end

--- On each later connection, before anything is handed out: the name is claimed again, and the saved position is still
-- ours. Where a COMMIT was under way when the last connection broke, the store tells whether it took place.
function keep.resume(self, log)
  local ok, stored = load(self, log)
  if not ok then return nil, stored end
  if stored == self._saved then return true end
  if stored ~= self._intended then self._moved = true end
  self._saved, self._changes = stored, nil
  return true
end

local function run(self, name)
  return keep.patiently(self, drive.run, self._log, "begin", name)
end

local function save(self, position)
  local ok, err = ask_store(self, "save", position, self._saved)
  if ok then return true end
  if type(err) ~= "table" then err = core.error("query", "the position was not saved: " .. tostring(err)) end
  if err.moved then self._moved = true end
  return nil, err
end

-- Ends the transaction that is open: of `transaction`, or what a handler that raised has left.
local function finish(self, ok, transaction)
  local log = self._log
  if log._lost or log._closed then return ok and not transaction, log._lost end
  if ok and transaction then return run(self, "commit") end
  if not ok and log._core:in_transaction() then run(self, "rollback") end
  return ok
end

--- Runs the work and saves the position behind it; with `transaction`, both or neither.
-- @return true, or nil and the error
function keep.perform(self, position, work, ...)
  local transaction = self._options.transaction
  local ok, err = true, nil
  if transaction then ok, err = run(self, "transaction") end
  if not ok then return nil, err end
  self._intended = position
  ok, err = pcall(work, ...)
  if not ok then err = raised("handler", err) end
  if ok then ok, err = save(self, position) end
  local ended, why = finish(self, ok, transaction)
  if not ended then return nil, err or why end
  self._saved, self._intended, self._saved_at = position, nil, self._waiter.now()
  return true
end

--- After a wait without changes: the log goes on all the same, and the saved position follows, lest a trim pass it by.
-- @param err the wait's, which is returned unless saving failed
function keep.up(self, err)
  local now, position = self._waiter.now(), self._feed:position()
  if now < self._saved_at + UP_EVERY or position == self._saved then return nil, err end
  self._saved_at = now
  local ok, why = keep.perform(self, position, function() end)
  return nil, ok and err or why
end

return keep
