-- A consumer that handles several changes at a time, when a standby takes over from its server.
local beside = require "forgelog.wait.beside"
local find_waiter = require "forgelog.wait"
local logs = require "support.logs"
local loops = require "support.loops"
local start = require "support.pair"
local support = require "support"

if not beside.possible then
  it("is nothing for a plain Lua 5.1", function() assert.is_false(beside.possible) end)
  return
end

local HELD = 2 -- the seq of a change whose handler works until it is told to end

describe("a consumer with concurrency", function()
  local at, began, done, held

  -- One that notes how often each change was begun and done.
  local function make(waiter)
    began, done, held = {}, {}, true
    return at:make("several", { wait = "cqueues", concurrency = 4, on_changes = false,
      on_change = function(change)
        began[change.seq] = (began[change.seq] or 0) + 1
        while change.seq == HELD and held do waiter.wait(nil, "", 0.01) end
        done[change.seq] = (done[change.seq] or 0) + 1
      end })
  end

  local function different()
    local count = 0
    for _ in pairs(done) do count = count + 1 end
    return count
  end

  it("goes on behind a failover, and does again what it was at work on", function()
    at = start()
    local seen, one
    loops.cqueues(function()
      one, seen = make(find_waiter("spec", "cqueues"))
      local function until_done(count)
        local deadline = logs.now() + 15
        while different() < count do
          assert(logs.now() < deadline, "the changes were not handled")
          one:step(0.2)
        end
      end
      at:add(3)
      until_done(2)
      one:step(1) -- it looks again, while the second change is being handled
      at:switch("stop")
      at:add(2) -- of the same rows as the first two
      until_done(3)
      assert.is_nil(done[HELD])
      held = false
      until_done(5)
      local last = at.log:max_seq()
      support.wait_until(function()
        one:step(0.2)
        return at:saved("several"):match("^2:(%d+)$") == tostring(last)
      end, "the position")
      one:close()
    end)
    local twice = {}
    for seq, count in pairs(began) do
      assert.equal(count, done[seq])
      if count > 1 then twice[#twice + 1] = { seq, count } end
    end
    assert.same({ { HELD, 2 } }, twice)
    assert.same({}, seen.resyncs)
    at:stop()
  end)
end)
