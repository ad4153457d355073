-- A consumer that is paused from outside while it runs, and a planned switchover meanwhile.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

describe("a consumer that was paused before a planned switchover", function()
  local at
  before_each(function() at = start() end)
  after_each(function() at:stop() end)

  for _, way in ipairs { "runs on", "was closed in order" } do
    it("goes on without a resync: it " .. way, function()
      local one, seen = at:make("one")
      for _ = 1, 4 do
        at:add(40)
        consumers.settle(one)
      end
      logs.pause(0.5)
      consumers.settle(one)
      assert(consumer.pause(at.log, "one"))
      support.wait_until(function()
        local _, err = one:step(0.1)
        return err and err.code == "paused"
      end, "the pause")
      support.note("saved %s", at:saved("one"))
      if way ~= "runs on" then one:close() end
      at:catch_up()
      at:switch("stop")
      if way ~= "runs on" then one, seen = at:make("one") end
      at:add(3)
      for _ = 1, 10 do one:step(0.1) end
      assert(consumer.resume(at.log, "one"))
      consumers.settle(one)
      support.note("resyncs: %s", table.concat(seen.resyncs, ","))
      assert.same({}, seen.resyncs)
    end)
  end
end)
