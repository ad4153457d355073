-- A hot standby that stays one while its primary is replaced: it may call its timeline by the old
-- number for minutes. And whoever reads a standby, while effects and position commit on the
-- primary.
local command = require "support.command"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local settle = consumers.settle

describe("a standby whose primary was replaced,", function()
  local at
  before_each(function() at = start { third = true } end)
  after_each(function()
    command.stop()
    at:stop()
  end)

  -- Waits until the third server has all that is in the log.
  local function reached()
    local last, there = at.log:max_seq(), logs.connect(at:on(at.third))
    support.wait_until(function() return there:max_seq() == last end, "the third server")
    there:close()
  end

  -- The third server, which follows the second, misses the moment at which that is promoted.
  local function replaced(how)
    at.third:stop()
    at:switch(how)
    at.third:start()
    at:add(3)
    reached()
  end

  it("tells who had a change that is lost, although their positions name no rows", function()
    at:add(3)
    at:catch_up()
    at:catch_up(at.third)
    at:cut()
    at:add(3)
    local kept = "--position-file " .. support.path("position")
    command.says(at.db, "INSERT", "drain " .. kept)
    local bare = at.log:position()
    replaced("kill")
    command.fails(at:on(at.third), 1, "which may lack what was handed out", "drain " .. kept)
    local there = logs.connect(at:on(at.third))
    assert.equal("failover", (there:gap(bare)))
    assert.matches("^2:", there:position())
    there:close()
  end)

  -- A consumer that reads one server, and commits on whichever is the primary.
  local function begin(server)
    return at:make("elsewhere", { transaction = true, on_changes = consumers.write,
      conninfo = at:on(server), position = consumer.table { conninfo = at.both } })
  end

  -- It is handed changes until its position names rows: on a standby that takes some more than the
  -- 32 numbers that a sequence writes down at once.
  local function hand(one, reach)
    for _, count in ipairs { 1, 40, 40, 1 } do
      at:add(count)
      reach()
      settle(one)
    end
    assert.equal(82, #at:effects())
    assert.matches("~", at:saved("elsewhere"):gsub("[!=]", "~"))
  end

  it("feeds a consumer whose effects commit elsewhere, each change once", function()
    local one, seen = begin(at.third)
    hand(one, reached)
    replaced("stop")
    settle(one)
    assert.same(logs.drained(at.log), at:effects())
    assert.same({}, seen.resyncs)
    one:close()
    at:add(2)
    reached()
    one, seen = begin(at.third)
    settle(one)
    assert.same(logs.drained(at.log), at:effects())
    assert.same({}, seen.resyncs)
  end)

  it("does work again that committed in another cluster, which keeps what is lost", function()
    local other, far = logs.installed()
    logs.must(far, "CREATE TABLE copy (n int)")
    logs.must(at.log, "INSERT INTO item (id, n) VALUES (999, 1)")
    local function value(log, sql) return logs.must(log, sql)[1].n end
    local armed
    local one, seen = at:make("elsewhere", { transaction = true, batch = 1000,
      position = consumer.table { conninfo = other },
      on_changes = function(changes, log)
        for _, change in ipairs(changes) do
          if change.row_id == "999" then
            if armed then -- what the work reads is newer than what it was handed
              armed = false
              at:catch_up()
              at:cut()
              logs.must(at.log, "UPDATE item SET n = 3 WHERE id = 999")
            end
            logs.must(log, "DELETE FROM copy")
            logs.must(log, "INSERT INTO copy VALUES ($1)",
              value(at.log, "SELECT n FROM item WHERE id = 999"))
          end
        end
      end })
    for _ = 1, 4 do
      at:add(40)
      settle(one)
    end
    logs.must(at.log, "UPDATE item SET n = 2 WHERE id = 999")
    armed = true
    local got
    repeat got = one:step(1, 1) until got == 1
    assert.equal(3, value(far, "SELECT n FROM copy"))
    at:switch("kill")
    at:add(3)
    settle(one)
    assert.same({ 2, 2 }, { value(at.log, "SELECT n FROM item WHERE id = 999"),
      seen.resyncs[1] and 2 or value(far, "SELECT n FROM copy") })
    one:close()
    far:close()
    support.drop(other)
  end)

  for _, way in ipairs { "alive", "closed in order", "left at its work" } do
    it("is itself promoted under such a consumer, " .. way, function()
      local one, seen = begin(at.standby)
      hand(one, function() at:catch_up() end)
      if way == "closed in order" then one:close() end
      at:add(2)
      at:catch_up()
      at:switch("kill")
      if way ~= "alive" then one, seen = begin(at.standby) end
      at:add(2)
      settle(one)
      assert.same(logs.drained(at.log), at:effects())
      assert.same({}, seen.resyncs)
    end)
  end
end)
