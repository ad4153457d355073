-- The table store: positions beside the log, by the consumer's name.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"

local must, handle = logs.must, consumers.handle

describe("the table store", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  it("keeps a position in the table beside the log, with its name", function()
    at:add(15)
    local one = at:writer { position = consumer.table() }
    handle(one, 15)
    local row = must(at.log, [[
      SELECT name, position, updated_at > now() - interval '1 minute' AS fresh
        FROM forge_change_log_consumers]])[1]
    assert.same({ name = "one", position = one:stats().position, fresh = true }, row)
    one:close()
    at:add(1)
    handle(at:writer { position = consumer.table() }, 1)
    must(at.log, "DROP TABLE forge_change_log_consumers")
    local two = at:writer({ name = "two", position = consumer.table() })
    assert.equal("42P01", select(2, two:run()).sqlstate)
  end)
end)
