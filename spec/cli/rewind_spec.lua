-- forgelog rewind: a named consumer that is stopped goes on from another position, or from a time.
local command = require "support.command"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local process = require "support.process"

local must, settle = logs.must, consumers.settle

describe("forgelog rewind", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  local function says(pattern, arguments) command.says(at.db, pattern, arguments) end
  local function fails(pattern, arguments) return command.fails(at.db, 1, pattern, arguments) end

  -- A consumer of some lanes that has had 30 changes, 10 of them of each hour from 10:00 on.
  local function start(count)
    at:add(30)
    must(at.log, [[UPDATE forge_change_log SET created_at
      = timestamptz '2026-11-24 10:00Z' + (seq - 1) / 10 * interval '1 hour']])
    local all = {}
    for i = 1, count do
      all[i] = at:writer { position = consumer.table(), share = i .. "/" .. count }
      settle(all[i])
    end
    return all
  end

  for _, count in ipairs { 1, 2 } do
    it("moves it to a seq, a position or a time, unless it runs, with lanes: " .. count, function()
      local all = start(count)
      fails("consumer one is running %(pid %d+, consumer1, connected since [^)]+%); stop all its "
        .. "programs first; a pause is not enough; hint: where its machine is gone: "
        .. "SELECT [^\n]+\n$", "rewind one 20")
      for _, each in ipairs(all) do each:close() end
      local handled = 30
      for place, to in pairs { ["20"] = 20, ["1:25:27-28"] = 25, ["2026-11-24T11:00Z"] = 10,
        beginning = 0, now = 30 } do
        says("^one goes on " .. (to > 0 and "after %d+:" .. to or "from the beginning")
          .. "[^\n]*; it was at %d+:%d+[^\n]*\n$",
          "rewind one " .. place:gsub("^20$", "1:20"))
        for _, each in ipairs(all) do settle(each) end
        handled = handled + 30 - to - (place == "1:25:27-28" and 2 or 0)
        assert.same({ n = handled, different = 30 }, at:effects())
        for _, each in ipairs(all) do each:close() end
      end
      says("^one goes on after 29; it was at ", "rewind one 29")
    end)
  end

  it("is refused where changes are gone, and says from when on there are any", function()
    start(1)[1]:close()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 10")
    local hint = "; hint: forgelog rewind one 0 gives all that is there, the first one of "
      .. os.date("%Y-%m-%dT%H:%M:%S", 1795518000) .. "\n$"
    fails("changes after 5 are gone %(trimmed%), up to 10; .*" .. hint:gsub("%-", "%%-"),
      "rewind one 5")
    fails("changes since 2026%-11%-24T10:30Z may be gone, up to seq 10; the first one that it "
      .. "holds is of %S+; hint: forgelog rewind one 0 gives all that is there; "
      .. "forgelog rewind one 2026%S+ goes on from there", "rewind one 2026-11-24T10:30Z")
    fails("%(reset%), up to %d+; .*hint: forgelog rewind one 0 gives all that is there\n$",
      "rewind one 99")
    assert.equal("30", command.saved(at.log, "one"))
    says("^one goes on after %d+:20; it was at ", "rewind one 2026-11-24T11:30Z --settle 1s")
    for _, place in ipairs { "0", "beginning" } do
      says("^one goes on from the beginning; it was at ", "rewind one " .. place)
      assert.equal("10", command.saved(at.log, "one"))
      local one = at:writer { position = consumer.table() }
      settle(one)
      one:close()
    end
    assert.same({ n = 70, different = 30 }, at:effects())
    for words, what in pairs { ["rewind one "] = "position", ["drain --since "] = "%-%-since",
      ["follow --since "] = "%-%-since" } do
      command.fails(at.db, 2, "^forgelog: " .. what .. ": '2999%-01%-01' is in the future; "
        .. "`now` skips all\n$", words .. "2999-01-01")
      fails("; hint: where 10:00 is a time of day, give its date too: %d+%-%d+%-%d+T10:00\n$",
        words .. "10:00")
    end
  end)

  it("is refused, and so are lanes, for one that keeps its position elsewhere", function()
    at:add(3)
    local one = at:make { name = "one", position = consumer.file(process.path("one.position")),
      on_changes = function() end }
    settle(one)
    says("^one pauses\n$", "pause one")
    one:close()
    for _, words in ipairs { "rewind one 1", "rewind one beginning", "lanes one 2" } do
      fails("consumer one has no position here: it has saved none yet, or keeps its position "
        .. "elsewhere\n$", words)
    end
    assert.same({ { lanes = nil, position = nil } },
      must(at.log, "SELECT position, lanes FROM forge_change_log_consumers"))
  end)

  it("is refused for a consumer that there is not, and in a log without a place for it", function()
    fails("there is no consumer two here: it has never run, or keeps its position elsewhere",
      "rewind two beginning")
    must(at.log, "ALTER TABLE forge_change_log_consumers DROP COLUMN asked")
    for _, words in ipairs { "rewind two 0", "pause two", "resume two", "lanes two",
      "lanes two 2" } do
      fails("this log has no place for that; run forgelog install first\n$", words)
    end
  end)
end)
