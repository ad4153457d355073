-- The steps of a backfill: how many rows come at once, what another step has done of which the
-- answer was lost, and which table it is that is read.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local copies = require "support.copies"
local logs = require "support.logs"

local must, settle = logs.must, consumers.settle

describe("a backfill", function()
  local at, log
  before_each(function()
    at = copies.start()
    log = at.log
  end)
  after_each(function() at:close() end)

  for _, transaction in ipairs { false, true } do
    it("goes on where it was told of a table, and the answer was lost" .. (transaction
        and ", in transactions" or ""), function()
      at:fill(1, 100)
      local one, seen = at:copier { start = "now", transaction = transaction }
      settle(one)
      at:ask("item")
      must(log, "UPDATE forge_change_log_backfills SET reload = true")
      seen.before = function(changes)
        if changes[1].op ~= "RELOAD" or seen.RELOAD > 0 then return end
        at:terminate(one)
        -- That is as if it had been saved.
        must(log, "UPDATE forge_change_log_backfills SET reload = false")
      end
      at:finish(one)
      assert.same({ 100, 0, 0 }, at:compare())
    end)
  end

  it("is not taken for work whose position could not be saved before", function()
    at:fill(1, 20)
    local one, seen = at:copier { start = "now" }
    settle(one)
    at:ask("item")
    -- As where the keeper's save fails while several changes at a time come to rest.
    one._checkpoint._work = { position = one:stats().position, done = true }
    at:finish(one)
    assert.same({ 20, 20 }, { seen.READ, at:compare()[1] - at:compare()[2] })
  end)

  it("hands out no more rows at once than changes of the feed", function()
    at:fill(1, 60)
    local one, seen = at:copier { start = "now", batch = 7 }
    settle(one)
    at:ask("item")
    local deadline, count = logs.now() + 10
    repeat count = one:step(0.1, 5) until count or logs.now() > deadline
    at:finish(one)
    assert.same({ 5, 7, 60 }, { count, seen.most, seen.READ })
  end)

  it("of a partition is one of the table that is watched", function()
    must(log, [[CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
      CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200);
      INSERT INTO p SELECT generate_series(50, 149)]])
    assert(log:watch("p"))
    local n = 0
    local one = at:make { name = "one", position = consumer.table(), tables = { "p1", "p2" },
      resync = "backfill", on_changes = function(changes) n = n + #changes end }
    settle(one)
    at:finish(one)
    assert.equal(100, n)
    at:ask("p")
    assert.equal("p", at:ask("p1").table)
    at:finish(one)
    assert.equal(200, n)
  end)
end)
