-- Backfills: a consumer reads tables from end to end beside its feed. At the end its copy of a
-- table is that table, whatever is written, altered or broken off meanwhile.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local copies = require "support.copies"
local logs = require "support.logs"
local loops = require "support.loops"

local unpack = table.unpack or unpack -- luacheck: ignore 143
-- A loop in which several changes can be handled at a time.
local BESIDE = rawget(_G, "jit") and "luv" or _VERSION ~= "Lua 5.1" and "cqueues"

local must, settle = logs.must, consumers.settle

describe("a backfill", function()
  local at, log
  before_each(function()
    at = copies.start()
    log = at.log
  end)
  after_each(function() at:close() end)

  for _, transaction in ipairs { false, true } do
    it("is the resync at the start, beside what is written" .. (transaction and
        ", in transactions" or ""), function()
      at:fill(1, 2000)
      local one, seen = at:copier { resync = "backfill", transaction = transaction }
      seen.after = function()
        if seen.calls > 4 then return end
        local sql = ([[UPDATE item SET n = -n WHERE id % 7 = 0; DELETE FROM item WHERE id % 11 = 3;
          UPDATE item SET id = id + 10000 WHERE id % 13 = 5 AND id < 2000;
          INSERT INTO item VALUES (NEW, 0)]]):gsub("NEW", 40000 + seen.calls)
        must(log, sql)
      end
      assert.equal(0, assert(one:step(5))) -- the resync itself
      assert.is_nil(one:stats().backfill)
      assert.equal(50, one:step(5))
      assert.same({ table = "item", rows = 50, estimate = one:stats().backfill.estimate },
        one:stats().backfill)
      settle(one)
      assert.same({ 0, 0 }, { at:compare()[2], at:compare()[3] })
      assert.is_true(seen.READ > 1500 and seen.UPDATE > 0 and seen.DELETE > 0)
      assert.same({ 0, 0, 1 }, { seen.RELOAD, #at:left(), one:stats().resyncs })
      assert.is_nil(one:stats().backfill)
      local reads, position = seen.READ, one:stats().position
      one:close()
      assert.equal(position:match("^[^@!]*"), must(log,
        "SELECT position FROM forge_change_log_consumers")[1].position:match("^[^@!]*"))
      at:fill(30001, 30001)
      local again, later = at:copier { resync = "backfill", transaction = transaction }
      settle(again)
      assert.same({ 0, 1, 0 }, { later.READ, later.INSERT, seen.READ - reads })
    end)
  end

  -- The log says no more of it than that the watched table was truncated.
  for _, concurrency in ipairs { 1, BESIDE and 2 or nil } do
    it(("reads a table of which a partition was truncated, with concurrency = %d"):format(
        concurrency), function()
      must(log, [[DROP TABLE item;
        CREATE TABLE item (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
        CREATE TABLE low PARTITION OF item FOR VALUES FROM (0) TO (100);
        CREATE TABLE high PARTITION OF item FOR VALUES FROM (100) TO (1000)]])
      assert(log:watch("item"))
      at:fill(1, 300)
      loops[concurrency > 1 and BESIDE or "poll"](function()
        local one = at:copier { resync = "backfill", concurrency = concurrency,
          wait = concurrency > 1 and BESIDE or nil, on_changes = false,
          on_change = function(change, own) copies.copy({ change }, own) end }
        local deadline = logs.now() + 20
        local function copied(count)
          repeat one:step(0.1)
            local seen = at:compare()
            local ended = seen[1] == count and seen[2] + seen[3] + #at:left() == 0
          until ended or logs.now() > deadline
          assert.same({ count, 0, 0 }, at:compare())
        end
        copied(300)
        must(log, "TRUNCATE low")
        copied(201)
        one:close()
      end)
    end)
  end

  it("goes on behind the last chunk that was saved, whatever the key's texts are", function()
    must(log, [[CREATE TABLE odd (a text, b int, c text COLLATE "C", PRIMARY KEY (c, a, b));
      INSERT INTO odd SELECT
        (ARRAY['', '"', '\', '{a,b}', 'NULL', 'ä''$1', e'\n', '%s'])[i % 8 + 1], i,
        (ARRAY['x"y', 'Ä', '', ' ', '[]', '}'])[i % 6 + 1] FROM generate_series(1, 710) i]])
    assert(log:watch("odd"))
    local seen, count = {}, 0
    local function make()
      return at:make { name = "one", position = consumer.table(), tables = { "odd" },
        resync = "backfill", on_changes = function(changes)
          for _, change in ipairs(changes) do
            assert.same({ "READ", 3 }, { change.op, change.key_cols })
            count = count + 1
            seen[count] = change.row_id
          end
        end }
    end
    repeat
      local one = make()
      local n = one:step(5)
      one:close()
    until n ~= 0 and #at:left() == 0
    local wanted = {}
    for change in log:rows("odd") do wanted[#wanted + 1] = change.row_id end
    assert.equal(710, #wanted)
    assert.same(wanted, seen)
  end)

  it("hands each row to one lane, and is asked for of all of them", function()
    at:fill(1, 500)
    local lanes, rows, twice, n = {}, {}, 0, 0
    for i = 1, 3 do
      local own
      own = at:make { name = "one", position = consumer.table(), share = i .. "/3", start = "now",
        on_changes = function(changes)
          for _, change in ipairs(changes) do
            assert.is_true(change.op == "READ" and own:owns(change))
            if rows[change.row_id] then twice = twice + 1 else n = n + 1 end
            rows[change.row_id] = i
          end
        end }
      lanes[i] = own
      own:step(0.3)
    end
    at:ask("item")
    assert.equal(3, #at:left())
    at:finish(unpack(lanes))
    assert.same({ 500, 0, 0 }, { n, twice, #at:left() })
    -- Other lanes begin anew, with what had to be told.
    at:ask("item")
    must(log, "UPDATE forge_change_log_backfills SET reload = true WHERE consumer = 'one#2/3'")
    for _, own in ipairs(lanes) do own:close() end
    assert(consumer.lanes(log, "one", 2))
    assert.same({ { true, "one#1/2" }, { true, "one#2/2" } }, (function()
      local list = {}
      for i, row in ipairs(must(log, [[SELECT reload AND relation = 'item'::regclass AS reload,
        consumer FROM forge_change_log_backfills ORDER BY consumer]])) do
        list[i] = { row.reload, row.consumer }
      end
      return list
    end)())
  end)

  it("of a table without a key is one change, and said so", function()
    must(log, "CREATE TABLE bare (n int); INSERT INTO bare VALUES (1), (2)")
    assert(log:watch("bare"))
    local got = {}
    local one = at:make { name = "one", position = consumer.table(), start = "now",
      on_changes = function(changes) for _, change in ipairs(changes) do
        got[#got + 1] = change
      end end }
    one:step(5)
    local about = at:ask("bare")
    assert.same({ "bare", true }, { about.table, about.whole })
    assert.is_true(log:status().consumers[1].backfills[1].whole)
    settle(one)
    assert.same({ 1, "READ", "bare" }, { #got, got[1].op, got[1].table_name })
    assert.same({ nil, 0 }, { got[1].row_id, #at:left() })
  end)

  it("knows a table that is renamed, and ends with one that is gone", function()
    must(log, "CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1)")
    assert(log:watch("gone"))
    at:fill(1, 300)
    local names = {}
    local one, told = at:make { name = "one", position = consumer.table(), start = "now",
      on_changes = function(changes) for _, change in ipairs(changes) do
        names[change.table_name] = (names[change.table_name] or 0) + 1
      end end }
    one:step(5)
    at:ask("item")
    one:step(5)
    at:ask("gone")
    must(log, "ALTER TABLE item RENAME TO \"Other.one\"; DROP TABLE gone")
    settle(one)
    assert.same({ item = 50, ['"Other.one"'] = 250 }, names)
    assert.same({ 1, "no_table", 0 }, { #told.errors, told.errors[1].err.code, #at:left() })
  end)

  it("begins anew where the key has become another one, also while nobody looked", function()
    at:fill(1, 300)
    for _, closed in ipairs { false, true } do
      local ids = {}
      local function make()
        return at:make { name = "one", position = consumer.table(), start = "now",
          on_changes = function(changes) for _, change in ipairs(changes) do
            if change.op == "READ" then ids[change.row_id] = true end
          end end }
      end
      local one, told = make()
      one:step(0.3)
      at:ask("item")
      consumers.handle(one, 100)
      assert.is_true(ids["50"])
      ids = {}
      if closed then one:close() end
      must(log, [[ALTER TABLE item DROP CONSTRAINT item_pkey;
        UPDATE item SET n = 1000 - id; ALTER TABLE item ADD CONSTRAINT item_pkey PRIMARY KEY (n)]])
      if closed then one, told = make() end
      at:finish(one)
      local n = 0
      for _ in pairs(ids) do n = n + 1 end
      assert.same({ 300, "key_changed", 0 }, { n, told.errors[1].err.code, #at:left() })
      one:close()
      must(log, [[ALTER TABLE item DROP CONSTRAINT item_pkey; UPDATE item SET n = id;
        ALTER TABLE item ADD CONSTRAINT item_pkey PRIMARY KEY (id)]])
      one = make()
      settle(one)
      one:close()
    end
  end)

  it("begins behind a key, is paused, resumed and cancelled", function()
    at:fill(1, 400)
    local one, seen = at:copier { start = "now" }
    one:step(5)
    at:ask("item", { from = "150" })
    one:step(5)
    at:ask("item", { pause = true })
    settle(one)
    local paused = seen.READ
    assert.is_true(paused >= 50 and paused <= 150)
    local row = log:status().consumers[1].backfills[1]
    assert.same({ "item", paused, true, false }, { row.table, row.rows, row.paused, row.whole })
    at:fill(401, 401)
    consumers.handle(one, 1)
    at:ask("item", { pause = false })
    at:finish(one)
    assert.same({ 251, 0 }, { seen.READ, #at:left() })
    assert.same({ 401, 150, 0 }, at:compare())
    at:ask("item", { from = { "10" } })
    at:ask("item") -- again, from the beginning
    consumers.handle(one, 50)
    assert.equal(1, #at:left())
    at:ask("item", { cancel = true })
    assert.equal(0, #at:left())
    local reads = seen.READ
    settle(one)
    assert.is_true(seen.READ - reads <= seen.most) -- the chunk at hand
  end)

  it("refuses what cannot be asked", function()
    local function code(name, ...)
      local ok, err = consumer.backfill(log, name, ...)
      return ok == nil and err.code
    end
    assert.equal("no_consumer", code("one", "item"))
    local one = at:make { name = "one", position = consumer.table(), start = "now" }
    one:step(5)
    assert.same({ "no_table", "bad_key", "bad_key", "no_backfill", "no_backfill", "no_table" },
      { code("one", "itm"), code("one", "item", { from = "x" }),
        code("one", "item", { from = { "1", "2" } }), code("one", "item", { pause = true }),
        code("one", "item", { cancel = true }), code("one", "itm", { cancel = true }) })
    must(log, "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1)")
    assert.equal("not_watched", code("one", "other"))
    assert.equal("consumer.backfill: the key of item has the columns (id); x is none",
      select(2, consumer.backfill(log, "one", "item", { from = "x" })).message)
    assert.equal(0, #at:left())
    assert.has_error(function() consumer.backfill(log, "one", "item", { from = "1", pause = true })
    end)
    for _, wrong in ipairs { { resync = "x" }, { name = false }, { on_resync = function() end } } do
      local options = { name = "two", resync = "backfill", on_changes = function() end }
      for name, value in pairs(wrong) do options[name] = value or nil end
      assert.has_error(function() consumer.new(options) end)
    end
    must(log, "DROP TABLE forge_change_log_backfills")
    local ok, err = consumer.backfill(log, "one", "item")
    assert.same({ nil, "no_backfills", "install" }, { ok, err.code, err.remedy })
    local two = at:make { name = "two", position = consumer.table(), resync = "backfill" }
    ok, err = two:step(5)
    assert.same({ nil, "no_backfills", false }, { ok, err.code, two:passes(err) })
    assert(log:status())
    one:step(0.1)
  end)
end)
