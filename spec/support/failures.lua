--- How the specs look at an error that a method of a log returned or raised.
-- @module support.failures
local assert = require "luassert"
local logs = require "support.logs"

local failures = {}

--- Every operation that reads or deletes changes.
failures.OPERATIONS = { "drain", "min_seq", "max_seq", "gap", "horizon", "trim" }

local ARGUMENTS = { trim = 0, gap = 1 }

--- The error of an operation, whether it returns it or raises it.
function failures.of(log, name)
  if name == "drain" then return (logs.drain_error(log, 0)) end
  local result, err = log[name](log, ARGUMENTS[name])
  assert.is_nil(result)
  return err
end

--- Asserts that an error is complete: every failure at run time has a kind, says in its text what
-- is in its fields, and whether trying again may help.
-- @param err the error
-- @string kind
-- @string[opt] sqlstate nil where the server did not say it
-- @bool retryable
-- @string text what its message says, among more
function failures.check(err, kind, sqlstate, retryable, text)
  assert.is_table(err)
  assert.equal(kind, err.kind)
  assert.equal(sqlstate, err.sqlstate)
  assert.equal(retryable, err.retryable)
  assert.matches(text, err.message, 1, true)
  assert.matches("forgelog: " .. kind .. ": ", tostring(err), 1, true)
  assert.matches(err.message, tostring(err), 1, true)
  if sqlstate then assert.matches(sqlstate, tostring(err), 1, true) end
end

--- Asserts that a method has returned nil and an error of that kind.
-- @string kind
-- @string text what its message says, among more
-- @param ok what the method returned first
-- @param err what it returned then
-- @return the error
function failures.refused(kind, text, ok, err)
  assert.is_nil(ok)
  assert.equal(kind, err.kind)
  assert.is_truthy(err.message:find(text, 1, true), err.message)
  return err
end

--- Asserts that a statement runs on this log.
function failures.usable(log) assert.equal(1, logs.must(log, "SELECT 1 AS n")[1].n) end

return failures
