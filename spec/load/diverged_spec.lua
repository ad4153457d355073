-- Servers whose history has left the one that a consumer has followed: it goes on where that has
-- all that it was handed out, and is told where it has not, whatever the timelines are called.
local copiers = require "support.copiers"
local logs = require "support.logs"

local must, write, clock = logs.must, logs.add_items, logs.server_time

-- The primary dies, and the next one has been started again before anybody looks.
local function fail_over(at)
  at:switch("kill")
  at.log:close()
  at.standby:restart()
  at.log = logs.connect(at.both)
end

describe("where a standby lacks what was handed out,", function()
  local all, at

  -- Everybody at rest, as the standby has it too; then it gets nothing more.
  local function begin()
    all = copiers.begin { gone = true }
    at = all.pair
    for _, each in ipairs(all.all) do all:again(each, at.both) end
    all:settle()
    at:catch_up()
    at:cut()
  end

  describe("each consumer is told so", function()
    setup(begin)
    teardown(function() all:stop() end)

    it("once it is promoted, and nobody loses a change", function()
      all:have(at.log, 50)
      all:die(at.log, 2)
      all:settle("^[^d]")
      all:leave()
      at:switch("kill")
      local since = clock(at.log)
      write(at.log, 20)
      all:loses(at.log, since, "an asynchronous standby")
      all:come_back()
      all:expect(at.log, "an asynchronous standby", "failover")
    end)

    it("and where one comes to the old primary by mistake", function()
      at.primary:start()
      local old = logs.connect(at:on(at.primary))
      all:have(at.log, 3)
      all:leave()
      all:come_back(at.primary, "^[^tg]") -- what the table store keeps is of the old primary
      all:expect(old, "the old primary", "failover", "^[^tg]")
      old:close()
    end)
  end)

  it("also where that has deleted all since, with seqs that everybody was handed out", function()
    begin()
    finally(function() all:stop() end)
    all:have(at.log, 90)
    all:leave()
    fail_over(at)
    local since = clock(at.log)
    write(at.log, 20)
    all:loses(at.log, since, "deleted")
    must(at.log, "DELETE FROM forge_change_log")
    all:come_back()
    all:expect(at.log, "deleted since", "failover")
  end)
end)

describe("where a standby has all that was handed out,", function()
  local all, at
  before_each(function()
    all = copiers.begin()
    at = all.pair
  end)
  after_each(function() all:stop() end)

  -- Of what a standby will give again everybody knows that it was rolled back.
  local function leave_behind_rollbacks()
    at:catch_up()
    at:cut()
    for _ = 1, 60 do must(at.log, "BEGIN; INSERT INTO item (n) VALUES (1); ROLLBACK") end
    for _ = 1, 4 do
      all:settle()
      logs.pause(0.25) -- a poll, which sees how far the sequence is
    end
    all:leave()
  end

  it("everybody at rest goes on, though seqs above that are given again", function()
    leave_behind_rollbacks()
    all.naive = 75
    for _, each in ipairs(all.all) do
      assert.equal("75", each.one:stats().position:match("^%d+:(%d+)"))
    end
    fail_over(at)
    local since = clock(at.log)
    write(at.log, 40)
    all:loses(at.log, since, "seqs given again")
    all:come_back()
    all:expect(at.log, "seqs given again", nil)
  end)

  it("but not where such seqs were truncated there", function()
    leave_behind_rollbacks()
    fail_over(at)
    write(at.log, 20)
    must(at.log, "TRUNCATE forge_change_log")
    write(at.log, 40)
    all:come_back()
    all:expect(at.log, "truncated", "failover")
  end)

  it("also where all of that was trimmed before", function()
    must(at.log, "DELETE FROM forge_change_log")
    all:settle()
    all:leave()
    at:catch_up()
    fail_over(at)
    write(at.log, 5)
    all:come_back()
    all:expect(at.log, "trimmed before", nil)
  end)

  it("also where all of that was trimmed there, before anybody looked", function()
    all:leave()
    at:catch_up()
    at:switch("kill")
    must(at.log, "DELETE FROM forge_change_log")
    write(at.log, 5)
    all:come_back()
    all:expect(at.log, "trimmed there", nil)
  end)

  it("also where that was restored up to a point behind it, but nobody who was ahead", function()
    at.standby:stop()
    at.standby:start { "recovery_target_name=here", "recovery_target_action=promote" }
    all:settle()
    all:leave()
    must(at.log, "SELECT pg_create_restore_point('here')")
    write(at.log, 40)
    all:settle("^[mt]")
    at:catch_up_to_promotion()
    at.log:close()
    at.primary:kill()
    at.log = logs.connect(at.both)
    local since = clock(at.log)
    all.naive = 55
    write(at.log, 10)
    all:loses(at.log, since, "restored")
    all:come_back()
    all:expect(at.log, "restored behind them", nil, "^[^mt]")
    all:expect(at.log, "restored before what they had", "failover", "^[mt]")
  end)
end)
