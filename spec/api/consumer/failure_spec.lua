-- Errors of a consumer: whatever was raised, its text and its fields stay, and a code says what
-- comes next.
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"

describe("what a handler raised", function()
  local changes = { { seq = 4 }, { seq = 7 }, { seq = 9 } }
  local prefix = "the handler, with 3 changes (seq 4 to 9), raised: "

  it("becomes an error that tells the batch, and the text of anything", function()
    local spoken = setmetatable({}, { __tostring = function() return "in words" end })
    for raised, text in pairs {
      ["a text"] = "a text",
      [7] = "7",
      [spoken] = "in words",
      [{ message = "of a table" }] = "of a table",
      [{ status = 503 }] = "a table without a message",
    } do
      local err = failure.of_handler(raised, changes)
      assert.equal(prefix .. text, err.message)
      assert.equal("forgelog: query: " .. err.message, tostring(err))
      assert.equal(raised, err.raised)
      assert.same({ "handler_failed", true, 4, 9, 3 }, { err.code, err.retryable, err.first_seq,
        err.last_seq, err.changes })
    end
    assert.equal(prefix .. "nil", failure.of_handler(nil, changes).message)
  end)

  it("keeps the fields of a table, and its remedy", function()
    local raised = core.error("schema", "there is no log", "42P01",
      { remedy = "install", theirs = 1 })
    local err = failure.of_handler(raised, changes)
    assert.same({ "schema", "42P01", "install", 1 }, { err.kind, err.sqlstate, err.remedy,
      err.theirs })
    assert.equal(prefix .. "there is no log; run log:install() first", err.message)
    assert.is_false(raised.retryable) -- the original is as it was
  end)
end)

describe("what a store refused", function()
  it("keeps the store's own words and code", function()
    local own = core.error("query", "moved", nil, { code = "superseded" })
    assert.equal("superseded", failure.of_store(own, "not_saved", true).code)
    local err = failure.of_store("no room", "not_saved", true)
    assert.same({ "the store refused: no room", "not_saved", true }, { err.message,
      err.code, err.retryable })
  end)
end)
