-- A backfill hands out rows that the failover has lost, whose changes the feed had not come to yet.
-- The copy is outside of the database.
local chunks = require "forgelog.consumer.filling.chunks"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

for _, way in ipairs { "that lives on", "that was closed in order" } do
  describe("a backfill of a consumer (" .. way .. "),", function()
    local at, read
    before_each(function() at, read = start(), chunks.read end)
    after_each(function()
      chunks.read = read
      at:stop()
    end)

    it("leaves a copy that equals the table, or tells", function()
      local copied, seen = {}, { resyncs = {} }
      local armed, hit, reads = false, false, 0
      local path = support.path("p")
      local function make()
        return at:make("copier", { resync = "backfill", batch = 50, on_resync = false,
          position = consumer.file(path),
          on_error = function(err) support.note("error: %s", tostring(err):sub(1, 200)) end,
          on_changes = function(changes, log)
            for _, change in ipairs(changes) do
              if change.op == "READ" then reads = reads + 1 end
              if change.op == "RELOAD" then
                copied, seen.resyncs[#seen.resyncs + 1] = {}, "RELOAD"
              elseif change.row_id then
                local rows = must(log, "SELECT n FROM item WHERE id = $1::bigint", change.row_id)
                copied[change.row_id] = rows[1] and rows[1].n
              end
            end
          end })
      end
      local one = make()
      for _ = 1, 8 do
        logs.add_items(at.log, 50)
        consumers.settle(one)
      end
      -- Somebody commits between the look of the feed and the read of the chunk.
      function chunks.read(conn, entry, most)
        local chunk, err = read(conn, entry, most)
        if armed and not hit and chunk and chunk.over then
          hit = true
          at:catch_up()
          at:cut()
          must(at.log, "INSERT INTO item (id, n) VALUES (9999, 9999)")
          must(at.log, "UPDATE item SET n = 7777 WHERE id = 400")
          chunk, err = read(conn, entry, 1000)
        end
        return chunk, err
      end
      armed = true
      assert(consumer.backfill(at.log, "copier", "item"))
      support.wait_until(function()
        one:step(0.02, 1000)
        return copied["9999"]
      end, "the backfill", 20)
      support.note("copy has 9999=%s 400=%s; %d reads; position %s", tostring(copied["9999"]),
        tostring(copied["400"]), reads, one:stats().position)
      if way == "that was closed in order" then one:close() end
      at:switch("kill")
      if way == "that was closed in order" then one = make() end
      logs.add_items(at.log, 3)
      consumers.settle(one)
      logs.pause(1.2)
      consumers.settle(one)
      local wrong = at:wrong(copied)
      support.note("after: table %d rows, 9999=%s 400=%s in the copy, wrong %d, told %d, reads %d",
        must(at.log, "SELECT count(*) AS n FROM item")[1].n, tostring(copied["9999"]),
        tostring(copied["400"]), wrong, #seen.resyncs, reads)
      assert.equal(0, wrong)
    end)
  end)
end
