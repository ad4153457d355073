-- A consumer that runs, on a log in which nothing is written, through two planned switchovers.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

describe("a running consumer of an idle log, at the second planned switchover,", function()
  local at
  before_each(function() at = start { third = true } end)
  after_each(function() at:stop() end)

  it("goes on without a resync", function()
    at:add(10)
    local now, told = at:make("now", { start = "now" }) -- of a log that others have written
    local empty, told2 = at:make("memory", { position = consumer.memory(), start = "now" })
    consumers.settle(now)
    consumers.settle(empty)
    at:catch_up()
    at:switch("stop")
    consumers.settle(now)
    consumers.settle(empty)
    support.note("after the first: %s; %s", now:stats().position, empty:stats().position)
    assert.same({ {}, {} }, { told.resyncs, told2.resyncs })
    at:rotate()
    support.wait_until(function()
      return support.psql("SELECT count(*) FROM pg_stat_replication", at.primary.conninfo) == "1"
    end, "the third server")
    at:catch_up()
    consumers.settle(now)
    consumers.settle(empty)
    at:switch("stop")
    consumers.settle(now)
    consumers.settle(empty)
    support.note("after the second: %s (%s); %s (%s)", now:stats().position,
      table.concat(told.resyncs, ","), empty:stats().position, table.concat(told2.resyncs, ","))
    assert.same({ {}, {} }, { told.resyncs, told2.resyncs })
  end)
end)
