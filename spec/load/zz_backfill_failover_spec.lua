-- A backfill is under way while an asynchronous standby takes over that lacks its last chunks.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

-- The handler of docs/consumers.md#backfill: it copies beside the log.
local function copy(changes, log)
  local ids = {}
  for _, change in ipairs(changes) do
    if change.row_id then ids[#ids + 1] = change.row_id
    elseif change.op == "RELOAD" or change.op == "TRUNCATE" then must(log, "DELETE FROM copy") end
  end
  local list = "{" .. table.concat(ids, ",") .. "}"
  must(log, "DELETE FROM copy WHERE id = ANY ($1::bigint[])", list)
  must(log, "INSERT INTO copy SELECT id, n FROM item WHERE id = ANY ($1::bigint[])", list)
end

for _, store in ipairs { "table", "file" } do
  describe("a backfill of a consumer that lives on (" .. store .. " store),", function()
    local at
    before_each(function() at = start() end)
    after_each(function() at:stop() end)

    it("ends with the table on the new primary", function()
      must(at.log, "CREATE TABLE copy (id bigint PRIMARY KEY, n int)")
      local chunks = 0
      local one, seen = at:make("copier", { resync = "backfill", batch = 50,
        position = store == "table" and consumer.table() or consumer.file(support.path("p")),
        on_resync = false,
        on_changes = function(changes, log)
          copy(changes, log)
          if changes[1].op == "READ" then
            chunks = chunks + 1
            if chunks == 3 then -- the standby has the work of this chunk and no more
              at:catch_up()
              at:cut()
            end
          end
        end })
      for _ = 1, 8 do
        logs.add_items(at.log, 50)
        consumers.settle(one)
      end
      must(at.log, "DELETE FROM copy") -- as if the copy had been lost, hence the backfill
      assert(consumer.backfill(at.log, "copier", "item"))
      support.wait_until(function()
        one:step(0.1)
        return chunks > 0
      end, "the backfill")
      consumers.settle(one)
      local function count(sql) return must(at.log, sql)[1].n end
      assert.equal(400, count("SELECT count(*) AS n FROM copy"))
      one:step(0.1)
      support.note("before: %d chunks, position %s", chunks, one:stats().position)
      at:switch("kill")
      consumers.settle(one)
      consumers.settle(one)
      local deadline = logs.now() + 15 -- more than ten seconds of rest change nothing
      repeat one:step(0.1) until logs.now() > deadline
      support.note("after: copy %d of %d rows, %d backfills open, reading %s, resyncs %d, chunks %d",
        count("SELECT count(*) AS n FROM copy"), count("SELECT count(*) AS n FROM item"),
        count("SELECT count(*) AS n FROM forge_change_log_backfills"),
        tostring(one:stats().backfill), one:stats().resyncs, chunks)
      assert.equal(400, count("SELECT count(*) AS n FROM copy"))
    end)
  end)
end
