-- log:caught_up, status and --check right after a planned switchover, of a consumer that goes on.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

describe("caught_up after a planned switchover", function()
  local at
  before_each(function() at = start() end)
  after_each(function() at:stop() end)

  it("does not say gap of a consumer that goes on", function()
    local one, seen = at:make("one")
    for _ = 1, 4 do
      at:add(40)
      consumers.settle(one)
    end
    at:catch_up()
    at:switch("stop")
    local ok, err = at.log:caught_up("one", 0.2)
    support.note("caught_up: %s %s", tostring(ok), tostring(err))
    local gap = at.log:status().consumers[1].gap
    support.note("status: gap %s", tostring(gap))
    at:add(3)
    consumers.settle(one)
    support.note("resyncs %d; then caught_up %s", #seen.resyncs, tostring(at.log:caught_up("one", 1)))
    assert.same({}, seen.resyncs)
    assert.not_equal("gap", not ok and err.kind)
    assert.is_false(gap)
  end)

  it("says gap of one that was killed at rest, and has to resync", function()
    local one, seen = at:make("one")
    for _ = 1, 4 do
      at:add(40)
      consumers.settle(one)
    end
    local process = support.lua([[
      local db, both = ...
      local consumer = require "forgelog.consumer"
      consumer.new{ conninfo = both, name = "two", position = consumer.table(), start = "beginning",
        poll = 0.2, on_changes = function() end }:run()]], at.db, at.both)
    for _ = 1, 4 do
      at:add(40)
      logs.pause(0.5)
    end
    logs.pause(11.5)
    process:kill("KILL")
    process:wait()
    support.note("saved %s", at:saved("two"))
    at:catch_up()
    at:switch("stop")
    at:add(1)
    local of
    for _, each in ipairs(at.log:status().consumers) do if each.name == "two" then of = each end end
    support.note("status: gap %s", tostring(of.gap))
    local _, told = at:make("two")
    support.note("caught_up: %s", tostring(select(2, at.log:caught_up("two", 0.1))))
    consumers.settle(_)
    support.note("told %s", table.concat(told.resyncs, ","))
    assert.equal(of.gap or nil, told.resyncs[1])
  end)
end)
