-- A primary hands over to its standby in order, so that nothing is lost, while consumers do not
-- work: whoever has handled everything goes on.
local beside = require "forgelog.wait.beside"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local loops = require "support.loops"
local start = require "support.pair"
local support = require "support"

local settle = consumers.settle

describe("where a primary hands over to a standby,", function()
  local at, made, gaps, says
  setup(function()
    at, made = start(), {}
  end)
  teardown(function() at:stop() end)

  -- Makes a consumer that has had what there is, written in four parts.
  local function begin(name, options)
    local one, seen = at:make(name, options)
    made[name] = { one = one, seen = seen, options = options }
    for _ = 1, 4 do
      at:add(40)
      settle(one)
    end
    return one
  end

  -- Begins one, and pauses it.
  local function pause(name, options)
    local one = begin(name, options)
    assert(consumer.pause(at.log, name))
    support.wait_until(function()
      local _, err = one:step(0.1)
      return err and err.code == "paused"
    end, "the pause")
    return one
  end

  -- Has one go on, and wants it to have been told of no gap.
  local function goes_on(name, is_new)
    local its = made[name]
    if is_new then its.one, its.seen = at:make(name, its.options) end
    for _ = 1, 3 do its.one:step(0.1) end
    assert(consumer.resume(at.log, name))
    settle(its.one)
    assert.same({}, its.seen.resyncs)
    assert.matches("^2:", its.one:stats().position)
    its.one:close()
  end

  -- As if the program of a consumer that has ended had been killed while it rested.
  local function kill(name)
    logs.must(at.log, "UPDATE forge_change_log_consumers SET holder = 'another/1', "
      .. "lease_until = now() WHERE name = $1", name)
  end

  -- Begins some lanes of a consumer that has two, which end in order.
  local function begin_lanes(name, count, from)
    local lanes = {}
    for i = 1, count do lanes[i] = at:make(name, { share = i .. "/2", start = from }) end
    for _ = 1, 4 do
      for _, lane in ipairs(lanes) do settle(lane) end
      at:add(40)
    end
    for _, lane in ipairs(lanes) do
      settle(lane)
      lane:close()
    end
  end

  -- What the lanes of a consumer are told.
  local function told(name, count)
    local reasons = {}
    for i = 1, count do
      local lane, seen = at:make(name, { share = ("%d/%d"):format(i, count) })
      settle(lane)
      lane:close()
      reasons[i] = seen.resyncs[1] or false
    end
    return reasons
  end

  -- What the status says of the gap of a consumer.
  local function gap(name)
    for _, each in ipairs(at.log:status().consumers) do
      if each.name == name then return each.gap end
    end
  end

  local SEVERAL = { wait = "cqueues", concurrency = 4, on_changes = false,
    on_change = function() end }

  it("(beforehand)", function()
    pause("paused")
    pause("ended"):close()
    if beside.possible then loops.cqueues(function() pause("several", SEVERAL):close() end) end
    begin("left"):close()
    begin("killed"):close()
    kill("killed")
    begin_lanes("lanes", 2)
    begin_lanes("doubtful", 2)
    kill("doubtful#2/2")
    for _, name in ipairs { "lanes", "doubtful" } do consumer.lanes(at.log, name, 3) end
    begin_lanes("first", 1)
    begin_lanes("later", 1, "now")
    begin("runs")
    at:catch_up()
    at:switch("stop")
    says = { at.log:caught_up("runs", 0.1) }
    gaps = { runs = gap("runs"), left = gap("left"), killed = gap("killed") }
    at:add(3)
  end)

  it("one that runs has no gap before it says so, and is waited for", function()
    assert.equal("behind", says[2].code)
    assert.matches("runs has saved nothing since a failover", says[2].message, 1, true)
    assert.is_false(gaps.runs)
    settle(made.runs.one)
    assert.is_true(at.log:caught_up("runs", 10))
    assert.same({}, made.runs.seen.resyncs)
  end)

  it("one that was killed at rest has a gap, one that was closed in order has none", function()
    assert.same({ false, "failover" }, { gaps.left, gaps.killed })
    assert.equal("failover", select(2, at.log:caught_up("killed", 0.1)).reason)
    goes_on("left", true)
    local killed, seen = at:make("killed")
    settle(killed)
    assert.same({ "failover" }, seen.resyncs)
  end)

  it("lanes whose number was changed go on, unless one of them was killed", function()
    assert.same({ false, false, false }, told("lanes", 3))
    assert.same({ "failover", "failover", "failover" }, told("doubtful", 3))
  end)

  it("so do lanes of which one was never started", function()
    assert.same({ false, false }, told("first", 2))
    assert.same({ false, false }, told("later", 2))
  end)

  it("a paused consumer goes on", function() goes_on("paused") end)

  it("so does one that was closed in order while it was paused", function()
    goes_on("ended", true)
    if beside.possible then loops.cqueues(function() goes_on("several", true) end) end
  end)
end)
