-- A consumer that reads a standby, with its store on the primary: its backfill reads the primary,
-- which is lost with what the standby has not received.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

for _, way in ipairs { "lives on", "was closed in order" } do
  describe("a backfill of a consumer that reads a standby, which is promoted, and", function()
    local at
    before_each(function() at = start() end)
    after_each(function() at:stop() end)

    it(way .. ": its copy equals the table, or it is told", function()
      assert(at.log:watch("item", { keep = { "n" } }))
      local copied, chunks, told, errors = {}, 0, 0, 0
      local function make()
        return at:make("copier", { conninfo = at:on(at.standby), resync = "backfill", batch = 50,
          on_resync = false, position = consumer.table { conninfo = at.both },
          on_error = function() errors = errors + 1 end,
          on_changes = function(changes)
            for _, change in ipairs(changes) do
              if change.op == "RELOAD" then copied, told = {}, told + 1
              elseif change.row_id then copied[change.row_id] = change.new and tonumber(change.new.n) end
            end
            if changes[1].op == "READ" then
              chunks = chunks + 1
              if chunks == 3 then
                at:catch_up()
                at:cut()
                must(at.log, "INSERT INTO item (id, n) VALUES (9999, 9999)")
                must(at.log, "UPDATE item SET n = 7777 WHERE id = 390")
              end
            end
          end })
      end
      local one = make()
      for _ = 1, 8 do
        logs.add_items(at.log, 50)
        at:catch_up()
        consumers.settle(one)
      end
      support.note("copied before, wrong %d", at:wrong(copied))
      assert(consumer.backfill(at.log, "copier", "item"))
      support.wait_until(function()
        one:step(0.1)
        return copied["9999"]
      end, "the backfill", 20)
      for _ = 1, 5 do one:step(0.2) end
      if way ~= "lives on" then one:close() end
      at:switch("kill")
      if way ~= "lives on" then one = make() end
      logs.add_items(at.log, 3)
      local deadline = logs.now() + 6
      repeat one:step(0.1) until logs.now() > deadline
      local wrong = at:wrong(copied)
      support.note("9999=%s 390=%s (table %s) in the copy, wrong %d, told %d, chunks %d, errors %d",
        tostring(copied["9999"]), tostring(copied["390"]),
        tostring(must(at.log, "SELECT n FROM item WHERE id = 390")[1].n), wrong, told, chunks, errors)
      assert.equal(0, wrong)
    end)
  end)
end
