-- What a consumer does between its batches: the position that it saves with that is of what was
-- handled, and a feed that is never idle leaves it its turn.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local copies = require "support.copies"
local logs = require "support.logs"
local loops = require "support.loops"
local support = require "support"

-- A loop in which several changes can be handled at a time.
local BESIDE = rawget(_G, "jit") and "luv" or _VERSION ~= "Lua 5.1" and "cqueues"

local must, settle = logs.must, consumers.settle

describe("a chore", function()
  local at, log
  before_each(function()
    at = copies.start()
    log = at.log
  end)
  after_each(function() at:close() end)

  -- The row of the first change that a consumer would be handed that begins where this one is.
  local function first_left()
    local row = must(log, "SELECT position FROM forge_change_log_consumers WHERE name = 'one'")[1]
    local change = log:drain(row.position)()
    return change and change.row_id
  end

  it("saves no position of before the consumer was closed, and was moved back", function()
    at:fill(1, 10)
    local one, seen = at:copier { start = "now" }
    settle(one)
    local before = assert(log:position())
    at:fill(11, 20)
    consumers.handle(one, 10)
    one:close()
    assert(consumer.rewind(log, "one", before))
    at:ask("item")
    seen.INSERT = 0
    support.wait_until(function()
      one:step(1, 1)
      return seen.READ > 0
    end, "rows to be read")
    assert.equal(tostring(11 + seen.INSERT), first_left())
  end)

  local function beside(options)
    local all = { name = "one", position = consumer.table(), start = "now", concurrency = 4,
      wait = BESIDE, on_changes = false }
    for name, value in pairs(options) do all[name] = value end
    return at:make(all)
  end

  if not BESIDE then return end

  it("saves no position behind a change that is to be tried again", function()
    local bad, parked, failures = { ["1"] = true, ["2"] = true }, {}, 0
    local one = beside { attempts = 2, backoff_max = 60,
      on_park = function(change) parked[change.row_id] = true end,
      on_change = function(change)
        if not bad[change.row_id] then return end
        if change.row_id == "2" then failures = failures + 1 end
        error("bad " .. change.row_id)
      end }
    loops[BESIDE](function()
      local function until_so(what, holds)
        support.wait_until(function()
          one:step(0.05)
          return holds()
        end, what)
      end
      one:step(0.3)
      at:fill(1, 1)
      until_so("a parked change", function() return parked["1"] end)
      one:close()
      one._options.backoff, one._options.attempts = 50, 3
      until_so("the consumer", function() return one:stats().connected end)
      at:fill(2, 3)
      until_so("another one that fails", function() return failures > 0 end)
      bad = {}
      assert(consumer.retry(log, "one"))
      until_so("the first one's end", function() return #consumer.parked(log, "one") == 0 end)
      assert.equal("2", first_left())
      one:close()
    end)
  end)

  it("has its turn, several changes at a time, where the feed always has more", function()
    at:fill(1, 100)
    local seen, waiter = { READ = 0, INSERT = 0 }, nil
    local one = beside { batch = 8, on_change = function(change)
      seen[change.op] = seen[change.op] + 1
      if change.op == "READ" then return end
      waiter.wait(nil, "", 0.002)
      if seen.INSERT < 1500 then logs.fill(log, 1) end
    end }
    waiter = one._waiter
    loops[BESIDE](function()
      one:step(0.3)
      at:ask("item")
      logs.fill(log, 100)
      support.wait_until(function()
        one:step(0.05)
        return #at:left() == 0
      end, "the end of the table")
      assert.is_true(seen.INSERT < 1500)
      one:close()
    end)
  end)
end)
