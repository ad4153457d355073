-- The memory store: a position lives as long as the store that was made.
local consumer = require "forgelog.consumer"

describe("the memory store", function()
  it("keeps the last position, and has none before", function()
    local store = consumer.memory()
    assert.is_nil((store.load()))
    assert.is_true(store.save(nil, "x", "1:15"))
    assert.is_true(store.save(nil, "x", "1:16:18", "1:15"))
    assert.equal("1:16:18", store.load())
    assert.is_nil((consumer.memory().load()))
  end)
end)
