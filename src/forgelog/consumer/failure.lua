--- Errors of a consumer, made of what others raised or returned: nothing of it is lost, and a code
-- says what the consumer does about it.
-- @module forgelog.consumer.failure
local core = require "forgelog.core"
local units = require "forgelog.units"

local failure = {}

--- What was raised, in words: of a table without the sentence about its remedy, which core.error
-- adds.
-- @param raised any value
-- @treturn string
function failure.text(raised)
  if type(raised) ~= "table" then return tostring(raised) end
  local message = raised.remedy and raised.cause or raised.message
  if message ~= nil then return tostring(message) end
  local meta = getmetatable(raised)
  if type(meta) == "table" and meta.__tostring then return tostring(raised) end
  return "a table without a message"
end

-- An error with that message, the fields of another one, and further fields.
local function with(message, err, fields)
  local all = {}
  for name, value in pairs(type(err) == "table" and err or {}) do all[name] = value end
  for name, value in pairs(fields) do all[name] = value end
  all.message = nil
  return core.error("query", message, nil, all)
end

--- What a function of the user's raised. The next step calls it again, so it is retryable.
-- @string who raised it, in words
-- @param raised what it raised; a table's fields, such as its `kind` and `sqlstate`, stay
-- @tparam[opt] table fields further ones
-- @return an error, code "handler_failed" unless the fields say another; its `raised` is the
-- original
function failure.raised(who, raised, fields)
  local all = { code = "handler_failed", retryable = true, raised = raised }
  for name, value in pairs(fields or {}) do all[name] = value end
  return with(("%s raised: %s"):format(who, failure.text(raised)), raised, all)
end

--- What a handler raised: the error tells the batch.
-- @param raised what it raised
-- @tparam table changes the batch
-- @return an error, code "handler_failed"; `first_seq`, `last_seq` and `changes` (their number)
function failure.of_handler(raised, changes)
  local first, last = changes[1].seq, changes[#changes].seq
  local which = first and ("seq %d to %d"):format(first, last) or "read by a backfill"
  local who = ("the handler, with %s (%s),"):format(units.many(#changes, "change"), which)
  return failure.raised(who, raised, { first_seq = first, last_seq = last, changes = #changes })
end

--- What a handler of one change raised.
-- @param raised what it raised
-- @tparam table change
-- @return an error, code "handler_failed"; `first_seq`, `last_seq` and `changes` as of `of_handler`
function failure.of_change(raised, change)
  local who = ("the handler, with the change of seq %s,"):format(tostring(change.seq))
  return failure.raised(who, raised, { first_seq = change.seq, last_seq = change.seq, changes = 1 })
end

-- Kinds of errors that no change is to blame for, nor a table.
local PASSING = { connect = true, lost = true, timeout = true, closed = true }
local READ_ONLY = "25006" -- SQLSTATE: it writes to a standby
-- Classes of SQLSTATEs that a COMMIT, or a save before it, fails with where the work is to blame:
-- data, constraints, what a trigger raises. "25P02": the work has left its transaction broken.
local BLAMED = { ["22"] = true, ["23"] = true, ["44"] = true, P0 = true }
local BROKEN = "25P02"

--- Whether an error is the connection's.
-- @tparam table err
-- @treturn bool
function failure.is_of_connection(err) return PASSING[err.kind] or false end

local function passes_by_itself(err)
  return err.retryable == true or failure.is_of_connection(err) or err.sqlstate == READ_ONLY
end

-- Whether an error says nothing of its cause, such as a text that a handler has made of another
-- error. The cause may be what a statement of the handler's has failed with.
local function is_silent(err)
  return err.sqlstate == BROKEN or not (err.kind or err.sqlstate or err.retryable ~= nil)
end

--- Whether a change may be to blame for an error, and not what passes by itself.
-- @param err what the handler raised; or what its COMMIT returned
-- @bool raised whether the handler has raised it
-- @bool together whether the handler's work commits with the position
-- @param conn the handler's connection, whose `failure` was asked for before the work; nil: closed
-- @treturn bool
function failure.is_guilty(err, raised, together, conn)
  local fields = type(err) == "table" and err or {}
  local told = conn and conn:failure()
  if told and is_silent(fields) and passes_by_itself(told) then return false end
  if raised then return not passes_by_itself(fields) end
  local state = fields.sqlstate or ""
  return together and fields.code == "not_saved"
    and (BLAMED[state:sub(1, 2)] or state == BROKEN) or false
end

--- While the next try is not due.
-- @param err why there is to be one
-- @return an error, code "retry"
function failure.not_yet(err)
  local message = "waiting for the next try: " .. tostring(err.message)
  return core.error("timeout", message, nil, { code = "retry", last_error = err })
end

--- Whether another step may save what a store refused: not where the server says that it never
-- will, as after a right was taken away. What a transaction is in (class 25) is the work's doing.
-- @param err what the store returned
-- @treturn bool
function failure.passes(err)
  if type(err) ~= "table" or err.retryable ~= false or not err.sqlstate then return true end
  return err.sqlstate:sub(1, 2) == "25"
end

--- What a store returned in place of success, or a COMMIT.
-- @param err an error, or any other value
-- @string code where the error has none
-- @bool retryable whether another step is to try again
-- @return an error
function failure.of_store(err, code, retryable)
  if type(err) ~= "table" then
    err = core.error("query", "the store refused: " .. tostring(err))
  end
  return with(failure.text(err), err, { code = err.code or code, retryable = retryable })
end

return failure
