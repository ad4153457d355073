-- The waiters of the library in a plain Lua, by the contract that all of them keep. The waiter for
-- OpenResty runs inside nginx: see spec/nginx/loop_spec.
local contract = require "support.contract"
local logs = require "support.logs"
local loops = require "support.loops"
local support = require "support"

local db, writer

setup(function() db, writer = logs.installed() end)
teardown(function() writer:close(); support.drop(db) end)

for _, name in ipairs({ "poll", "cqueues", "luv" }) do
  describe("the waiter " .. name, function()
    for _, item in ipairs(contract) do
      if not (item.beside and name == "poll") then
        it(item.name, function()
          loops[name](function(spawn) item.test({ wait = name, conninfo = db, spawn = spawn }) end)
        end)
      end
    end
  end)
end

describe("the waiter of a plain script", function()
  it("says that nothing runs beside", function()
    local poll = require "forgelog.wait.poll"
    assert.same({}, { poll.spawn, poll.signal })
  end)
end)

describe("a waiter whose module is missing", function()
  it("says which module that is, and no more", function()
    local names, kept = { "luv", "forgelog.wait.luv" }, {}
    for _, name in ipairs(names) do kept[name], package.loaded[name] = package.loaded[name], nil end
    package.preload.luv = function() error("module 'luv' not found:\n\tno file './luv.lua'", 0) end
    local ok, raised = pcall(require "forgelog.wait", "connect", "luv")
    package.preload.luv = nil
    for _, name in ipairs(names) do package.loaded[name] = kept[name] end
    assert.is_false(ok)
    assert.matches("the waiter luv needs the Lua module luv, which is not installed$", raised)
  end)
end)

describe("a log under cqueues", function()
  it("can be polled as it is", function()
    local cqueues = require "cqueues"
    loops.cqueues(function()
      local log = logs.connect(db, { wait = "cqueues" })
      local feed = log:follow(log:max_seq(), { poll = 20 })
      -- subscribes and arms itself step by step
      for _ = 1, 5 do assert.equal("timeout", select(2, feed:next(0)).kind) end
      assert.equal(0.2, (cqueues.poll(log, 0.2)))
      logs.must(writer, "INSERT INTO item (n) VALUES (3)")
      local started = logs.now()
      assert.equal(log, (cqueues.poll(log, 5)))
      assert.is_true(logs.now() - started < 1)
      assert.equal("item", feed:next(1).table_name)
      log:close()
    end)
  end)
end)

describe("the examples", function()
  for _, name in ipairs({ "cqueues", "luv" }) do
    it(name .. ".lua prints changes beside its dots", function()
      local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")
      local running = support.start(
        ("exec %s %s/examples/%s.lua '%s' 2"):format(lua, root, name, db))
      support.wait_until(function()
        return running:output():find("following")
      end, "the example to follow", 5)
      logs.must(writer, "INSERT INTO item (n) VALUES (4)")
      local ok, output, errors = running:wait()
      assert(ok, errors)
      assert.truthy(output:match("%d+\tINSERT\titem\t%d+\n.*%.\n"))
    end)
  end
end)
