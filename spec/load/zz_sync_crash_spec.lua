-- Synchronous replication; a writer whose wait for the standby was cancelled, or ended by a
-- crash, so that its commit is visible although the standby lacks it.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

for _, way in ipairs { "crash" } do
  describe("a commit that is visible though no synchronous standby has it (" .. way .. ")", function()
    local at
    before_each(function()
      at = start()
      at:wait_for_standby()
    end)
    after_each(function() at:stop() end)

    it("does not stay in a copy silently", function()
      local copy, told = {}, {}
      local path, one = support.path("p"), nil
      local function make() return at:make(nil, { batch = 1, position = consumer.file(path),
        on_resync = function(reason) told[#told + 1] = reason end,
        on_changes = function(changes, log)
          for _, change in ipairs(changes) do
            local rows = must(log, "SELECT n FROM item WHERE id = $1::bigint", change.row_id)
            copy[change.row_id] = rows[1] and rows[1].n
          end
        end }) end
      one = make()
      for _ = 1, 4 do
        logs.add_items(at.log, 10)
        consumers.settle(one)
      end
      must(at.log, "UPDATE item SET n = 100 WHERE id = 1") -- the standby has this one
      at:catch_up()
      at.standby:stop()
      local process = support.lua([[local db = ...
        local log = assert(require("forgelog").connect(db))
        log:query("UPDATE item SET n = 200 WHERE id = 1")]], at.db)
      support.wait_until(function()
        return must(at.log, "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'SyncRep'")[1].n > 0
      end, "the writer to wait")
      if way == "cancelled" then -- as the time limit of a client's driver does
        must(at.log, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        process:wait()
      else
        at.log:close()
        at.primary:kill()
        process:wait()
        at.primary:start()
        at.log = logs.connect(at.db)
      end
      support.wait_until(function()
        one:step(0.1, 1)
        return copy["1"] == 200
      end, "the change that the standby has")
      support.note("copy %d, position %s", copy["1"], one:stats().position)
      if way ~= "cancelled" then -- the program is killed: what it has saved is all that is left
        local file = assert(io.open(path))
        local saved = file:read("*a")
        file:close()
        one:close()
        file = assert(io.open(path, "w"))
        file:write(saved)
        file:close()
        support.note("saved: %s", saved)
      end
      at.primary:kill()
      at.log:close()
      at.standby:start()
      at.standby:promote()
      at.log = logs.connect(at.both)
      must(at.log, "ALTER SYSTEM SET synchronous_standby_names = ''")
      must(at.log, "SELECT pg_reload_conf()")
      logs.pause(0.5)
      if way ~= "cancelled" then one = make() end
      logs.add_items(at.log, 2)
      consumers.settle(one)
      local n = must(at.log, "SELECT n FROM item WHERE id = 1")[1].n
      support.note("table %d, copy %s, told %s", n, tostring(copy["1"]), table.concat(told, ","))
      assert.is_true(#told > 0 or copy["1"] == n)
    end)
  end)
end
