--- What a checkpoint calls that is not its own and may raise: the work, and stores.
-- @module forgelog.consumer.calls
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"

local calls = {
  NOT_DONE = { load = "not_loaded", save = "not_saved" }, -- codes of what a store did not do
}

--- Asks a store. User stores may raise, so they run under pcall. The table store must not: plain
-- Lua 5.1 cannot yield across pcall. One that has worked before will work again.
-- @param store see `forgelog.store`
-- @param worked whether it has worked before: not nil
-- @string what "load" or "save"
-- @param ... arguments
-- @return what it returns; or nil and an error
function calls.store(store, worked, what, ...)
  if store.transactional then return store[what](...) end
  local ok, first, second = pcall(store[what], ...)
  if ok then return first, second end
  local fields = { code = calls.NOT_DONE[what], retryable = worked ~= nil }
  return nil, failure.raised("the store", first, fields)
end

--- Ends a transaction that is open although it should not be, or must not come to its end.
-- @param conn the connection
function calls.roll_back(conn)
  if not conn:lost() and not conn:closed() and conn:in_transaction() then
    conn:run("consumer.rollback")
  end
end

--- Does the work. What it has left in an open transaction is not done: it would end with the
-- connection.
-- @param conn the connection
-- @func work it raises when it fails
-- @param ... its arguments
-- @return true; or nil, what it has raised, and true
function calls.work(conn, work, ...)
  local done, raised = pcall(work, ...)
  if done and conn:in_transaction() then
    done, raised = false, core.error("query",
      "it left a transaction open, which was rolled back; commit before you return")
  end
  if done then return true end
  calls.roll_back(conn)
  return nil, raised, true
end

--- Does the work inside a transaction that is not its own. What it does to end that may take back
-- what it has done, of which nobody knows any more.
-- @param conn the connection
-- @func work it raises when it fails
-- @param ... its arguments
-- @return true; or false and what it has raised
function calls.in_transaction(conn, work, ...)
  local done, raised = pcall(work, ...)
  local stands = not conn:lost() and not conn:closed()
  if done and stands and not conn:in_transaction() then
    return false, core.error("query", "it ended the transaction that its work shares with the "
      .. "position; leave COMMIT and ROLLBACK to the consumer, and raise to have it rolled back")
  end
  return done, raised
end

--- Calls a function of the user's, to which it is told when that closes the consumer: see
-- `Consumer:close`.
-- @param self the consumer
-- @func f the function; what it raises is raised again
-- @param ... its arguments
function calls.user(self, f, ...)
  self._calling = coroutine.running() or "main"
  local ok, raised = pcall(f, ...)
  self._calling = nil
  if not ok then error(raised, 0) end
end

return calls
