-- One contract for all waiters; the one for OpenResty runs inside nginx.
local contract = require "support.contract"
local load = require "support.load"
local support = require "support"

local db, writer

setup(function() db, writer = load.installed() end)
teardown(function() writer:close() end)

-- Each runs a function to its end in its loop; `spawn` starts another beside it.
local places = {
  poll = function(work) work() end,
  cqueues = function(work)
    local loop = require("cqueues").new()
    loop:wrap(work, function(other) loop:wrap(other) end)
    assert(loop:loop())
  end,
  luv = function(work)
    local uv = require "luv"
    local ok, err = true, nil
    coroutine.wrap(function()
      ok, err = contract.try(function()
        work(function(other) coroutine.wrap(other)() end)
        return true
      end)
    end)()
    uv.run()
    assert(ok, err)
  end,
}
for _, name in ipairs({ "poll", "cqueues", "luv" }) do
  describe("the waiter " .. name, function()
    for _, item in ipairs(contract) do
      if not (item.beside and name == "poll") then
        it(item.name, function()
          places[name](function(spawn) item.test({ wait = name, conninfo = db, spawn = spawn }) end)
        end)
      end
    end
  end)
end

describe("a log under cqueues", function()
  it("can be polled as it is", function()
    local cqueues = require "cqueues"
    places.cqueues(function()
      local log = load.connect(db, { wait = "cqueues" })
      local feed = log:follow(log:max_seq(), { poll = 20 })
      for _ = 1, 5 do assert.equal("timeout", select(2, feed:next(0)).kind) end -- lies down step by step
      assert.equal(0.2, (cqueues.poll(log, 0.2)))
      load.must(writer, "INSERT INTO item (n) VALUES (3)")
      local started = load.now()
      assert.equal(log, (cqueues.poll(log, 5)))
      assert.is_true(load.now() - started < 1)
      assert.equal("item", feed:next(1).table_name)
      log:close()
    end)
  end)
end)

describe("the examples", function()
  for _, name in ipairs({ "cqueues", "luv" }) do
    it(name .. ".lua prints changes beside its dots", function()
      local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")
      local running = support.start(("exec %s %s/examples/%s.lua '%s' 2"):format(lua, root, name, db))
      support.wait_until(function() return running:output():find("following") or nil end, "the example to follow", 5)
      load.must(writer, "INSERT INTO item (n) VALUES (4)")
      local ok, output, errors = running:wait()
      assert(ok, errors)
      assert.truthy(output:match("%d+\tINSERT\titem\t%d+\n.*%.\n"))
    end)
  end
end)
