-- A lane that has not been started yet, and the switchover of a consumer that was rewound.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

describe("a planned switchover before", function()
  local at
  before_each(function() at = start() end)
  after_each(function() at:stop() end)

  it("a lane is started again, which had nothing to do since the first start", function()
    local function lane(i)
      return at:make("lanes", { share = i .. "/2", start = "now" })
    end
    at:add(10)
    local one, seen = lane(1)
    consumers.settle(one)
    for _ = 1, 4 do
      at:add(40)
      consumers.settle(one)
    end
    one:close()
    at:catch_up()
    at:switch("stop")
    at:add(3)
    one, seen = lane(1)
    local two, seen2 = lane(2)
    consumers.settle(one)
    consumers.settle(two)
    support.note("lane 1 %s, lane 2 %s", table.concat(seen.resyncs, ","), table.concat(seen2.resyncs, ","))
    assert.same({ {}, {} }, { seen.resyncs, seen2.resyncs })
  end)
end)
