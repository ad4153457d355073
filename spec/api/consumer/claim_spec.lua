-- One consumer of a name at a time: the name is claimed by the session that runs it.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"

local handle = consumers.handle

describe("a consumer's name", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  it("belongs to one consumer: the second waits until the first has gone, or is refused", function()
    at:add(10)
    local first = at:writer { position = consumer.table() }
    handle(first, 10)
    local refused = at:writer { position = consumer.table(), exclusive = "refuse" }
    local ok, err = refused:run()
    assert.is_nil(ok)
    assert.equal("55P03", err.sqlstate)
    assert.matches("another consumer named one is running", err.message, 1, true)
    local second = at:writer { position = consumer.table() }
    for _ = 1, 3 do assert.is_nil((second:step(0.1))) end
    handle(at:writer { name = "other" }, 10) -- another name is another consumer
    at:add(10)
    at:terminate(first) -- its name is free for a moment
    handle(second, 10)
    assert.is_nil((first:step(0.3)))
    at:add(10)
    assert.is_nil((first:step(0.3)))
    handle(second, 10)
    second:close()
    at:add(10)
    handle(first, 10)
    local counts = at:effects()
    assert.equal(40, counts.different)
    assert.equal(50, counts.n) -- the first ten also by the other name
  end)

  it("is not what keeps a position from being moved by two, where it cannot be claimed", function()
    at:add(40)
    local options = { position = consumer.table(), transaction = true, listen = false }
    local first = at:writer(options)
    local second = at:writer(options)
    local deadline = core.now() + 20
    repeat
      first:step(0.05)
      second:step(0.05)
    until at:effects().n >= 40 or core.now() > deadline
    assert.same({ n = 40, different = 40 }, at:effects())
  end)
end)
