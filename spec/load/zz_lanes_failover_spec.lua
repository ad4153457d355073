-- Lanes, a planned switchover, and what they save.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

describe("lanes and a planned switchover:", function()
  local at
  before_each(function() at = start() end)
  after_each(function() at:stop() end)

  local function begin(count)
    local all = {}
    for i = 1, count do
      local one, seen = at:make("lanes", { share = ("%d/%d"):format(i, count) })
      all[i] = { one = one, seen = seen }
    end
    return all
  end
  local function settle(all)
    for _ = 1, 3 do for _, each in ipairs(all) do consumers.settle(each.one) end end
  end
  local function resyncs(all)
    local list = {}
    for _, each in ipairs(all) do
      for _, reason in ipairs(each.seen.resyncs) do list[#list + 1] = reason end
    end
    return list
  end
  local function note(what)
    for _, row in ipairs(must(at.log, "SELECT name, position FROM forge_change_log_consumers ORDER BY 1")) do
      support.note("%s: %s %s", what, row.name, tostring(row.position))
    end
  end

  for _, change in ipairs { false, true } do
    it("they were stopped in order" .. (change and ", and their number was changed" or ""), function()
      local all = begin(2)
      for _ = 1, 4 do
        at:add(40)
        settle(all)
      end
      for _, each in ipairs(all) do each.one:close() end
      note("closed")
      if change then
        assert(consumer.lanes(at.log, "lanes", 3))
        note("changed")
      end
      at:catch_up()
      at:switch("stop")
      at:add(3)
      all = begin(change and 3 or 2)
      settle(all)
      assert.same({}, resyncs(all))
    end)
  end
end)
