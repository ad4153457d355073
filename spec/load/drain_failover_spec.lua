-- forgelog drain from time to time, as from cron, while a standby takes over: it goes on where all
-- that it was handed out is there, and is told a gap where that is not.
local command = require "support.command"
local make_pair = require "support.pair"
local support = require "support"

local GAP = "failover: position %d+ comes from before this server took over"

-- Two ways to keep the position.
local function ways()
  return { file = "--position-file " .. support.path("position"), name = "--name shell" }
end

for _, how in ipairs { "stop", "kill" } do
  describe("forgelog drain beside a failover by " .. how .. " that loses nothing,", function()
    local at
    setup(function()
      at = make_pair()
      if how == "kill" then at:wait_for_standby() end
    end)
    teardown(function() at:stop() end)

    it("goes on, and hands out each change once", function()
      local kept, seqs = ways(), {}
      local function drain(way)
        local output = command.says(at.both, "", "drain --format json " .. kept[way])
        seqs[way] = (seqs[way] or "") .. " " .. command.seqs(output)
      end
      local function round(n)
        at:add(n)
        for way in pairs(kept) do drain(way) end
      end
      round(20)
      round(5)
      for way in pairs(kept) do drain(way) end -- nothing comes, and the position stays at rest
      if how == "kill" then at:catch_up() end
      at:switch(how)
      round(7)
      local all = {}
      for change in at.log:drain(0) do all[#all + 1] = ("%d"):format(change.seq) end
      local there = " " .. table.concat(all, " ")
      for way in pairs(kept) do
        assert.equal(there, (seqs[way]:gsub("  +", " ")), way)
      end
      assert.equal(32, #all)
    end)
  end)
end

describe("forgelog drain beside a failover that loses something", function()
  local at
  before_each(function() at = make_pair() end)
  after_each(function()
    command.stop()
    at:stop()
  end)

  it("goes on where that was not handed out", function()
    at:add(20)
    local kept = ways()
    for _, way in pairs(kept) do command.says(at.both, "INSERT", "drain " .. way) end
    at:catch_up()
    at:cut()
    at:add(5)
    at:switch("kill")
    at:add(3)
    for way, where in pairs(kept) do
      local output = command.says(at.both, "", "drain --format json " .. where)
      assert.equal(3, select(2, output:gsub("\n", "")), way)
    end
  end)

  it("says gap where it was handed out, or may have been", function()
    at:add(20)
    local kept = { ended = "--position-file " .. support.path("ended"),
      died = "--position-file " .. support.path("died") }
    for _, where in pairs(kept) do command.says(at.both, "INSERT", "drain " .. where) end
    at:catch_up()
    at:cut()
    at:add(5)
    command.says(at.both, "INSERT", "drain " .. kept.ended)
    local begun = support.path("begun")
    local dies = command.start(at.both, ("drain %s --exec 'echo > %s; sleep 2'"):format(kept.died,
      begun))
    support.wait_until(function() return io.open(begun) ~= nil end, "its work")
    dies:kill("KILL")
    dies:wait()
    at:switch("kill")
    at:add(30)
    for _, where in pairs(kept) do command.fails(at.both, 1, GAP, "drain " .. where) end
  end)
end)
