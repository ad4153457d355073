-- A table whose changes come to be logged under the name of another one while it is followed: it
-- joins or leaves a partitioned table, or what is above it is watched. Nothing of it is missed.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must, settle = logs.must, consumers.settle

local ATTACH = "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20); "
local DETACH = "ALTER TABLE p DETACH PARTITION p2; "

describe("a table that is followed", function()
  local at, other
  before_each(function()
    at = consumers.start()
    other = logs.connect(at.db)
    must(at.log, [[CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
      CREATE TABLE p2 (id int PRIMARY KEY, n int)]])
    assert(at.log:watch("p"))
    assert(at.log:watch("p2"))
  end)
  after_each(function()
    other:close()
    at:close()
  end)

  -- Runs SQL whose changes another table is logged beside.
  local function write(sql)
    at:add(2)
    must(at.log, sql)
    at:add(1)
  end

  -- The seqs in the log of all but the table item.
  local function expected()
    local list = {}
    for change in at.log:drain(0) do
      if change.table_name ~= "item" then list[#list + 1] = change.seq end
    end
    return list
  end

  -- Follows a table while each of these is done, at which the feed looks once. A function may be
  -- among them.
  local function follow(name, steps)
    local feed, seqs = other:follow(0, { tables = { name }, poll = 0.05, backoff = 0.01 }), {}
    feeds.take_all(feed, seqs, 0.15)
    for _, step in ipairs(steps) do
      if type(step) == "function" then step() else write(step) end
      feeds.take_all(feed, seqs, 0.15)
    end
    table.sort(seqs)
    assert.same(expected(), seqs)
    assert.equal(0, feed:stats().reconnects)
    feed:close()
  end

  it("is followed on as a partition of a watched one, and when it is none any more", function()
    follow("p2", {
      "INSERT INTO p2 VALUES (11)", ATTACH .. "INSERT INTO p2 VALUES (12)",
      "INSERT INTO p VALUES (13)", DETACH .. "INSERT INTO p2 VALUES (14)",
      "ALTER TABLE p2 RENAME TO p3; INSERT INTO p3 VALUES (15)",
      "ALTER TABLE p3 RENAME TO p2; " .. ATTACH:gsub("20", "30") .. "INSERT INTO p2 VALUES (16)" })
  end)

  it("is so where it is renamed as well, and what is above it", function()
    follow("p2", { "ALTER TABLE p2 RENAME TO p3; "
        .. "ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (10) TO (20); "
        .. "INSERT INTO p3 VALUES (11)",
      "ALTER TABLE p RENAME TO q; INSERT INTO p3 VALUES (12)" })
  end)

  it("is so where it is partitioned itself, whichever of it was named", function()
    for _, name in ipairs { "q", "q2" } do
      must(at.log, [[DROP TABLE IF EXISTS q; TRUNCATE forge_change_log RESTART IDENTITY;
        CREATE TABLE q (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
        CREATE TABLE q2 PARTITION OF q DEFAULT]])
      assert(at.log:watch("q"))
      follow(name, {
        "INSERT INTO q VALUES (11)",
        "ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM (10) TO (20); INSERT INTO q2 VALUES (12)",
        "ALTER TABLE p DETACH PARTITION q; INSERT INTO q VALUES (13)" })
    end
  end)

  it("is so where what is above it is watched, and is not any more, and is again", function()
    assert(at.log:unwatch("p"))
    must(at.log, ATTACH)
    follow("p2", { "INSERT INTO p2 VALUES (11)",
      function() assert(at.log:watch("p")) end, "INSERT INTO p2 VALUES (12)",
      function() assert(at.log:unwatch("p")); assert(at.log:watch("p2")) end,
      "INSERT INTO p VALUES (13)",
      "ALTER TABLE p2 RENAME TO p3; INSERT INTO p3 VALUES (14)",
      function()
        assert(at.log:watch("p"))
        write("ALTER TABLE p RENAME TO r; INSERT INTO p3 VALUES (15)")
      end })
  end)

  it("is drained as a partition that it became while the drain waited", function()
    local writer, waited = logs.connect(at.db), false
    at:add(1)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local log = logs.connect(at.db, { wait = { now = core.now, wait = function(fd, events, seconds)
      if fd == nil and not waited then
        waited = true
        must(at.log, ATTACH .. "INSERT INTO p2 VALUES (12)")
        must(writer, "COMMIT")
      end
      return core.poll(fd, events, seconds)
    end } })
    assert.same({ 3 }, logs.drained(log, 0, { tables = { "p2" } }))
    assert.is_true(waited)
    log:close()
    writer:close()
  end)

  it("is followed on by a consumer in lanes, also by one that connects again", function()
    local lanes, seqs = {}, {}
    for i = 1, 2 do
      lanes[i] = at:make { name = "two", share = i .. "/2", position = consumer.table(),
        tables = { "p2" }, poll = 0.05,
        on_changes = function(changes)
          for _, change in ipairs(changes) do seqs[#seqs + 1] = change.seq end
        end }
    end
    local function all(sql)
      write(sql)
      for _, lane in ipairs(lanes) do settle(lane) end
    end
    all("INSERT INTO p2 VALUES (10), (11)")
    all(ATTACH .. "INSERT INTO p2 VALUES (12), (13), (14)")
    all("INSERT INTO p2 VALUES (15), (16)")
    for _, lane in ipairs(lanes) do at:terminate(lane) end
    all(DETACH .. "INSERT INTO p2 VALUES (17), (18)")
    table.sort(seqs)
    assert.same(expected(), seqs)
  end)

  it("is read anew by a consumer under the name that it has got", function()
    local seen = {}
    local one = at:make { name = "one", position = consumer.table(), tables = { "p2", "item" },
      resync = "backfill", start = "now", poll = 0.05, on_changes = function(changes)
        for _, change in ipairs(changes) do
          seen[#seen + 1] = change.op .. " " .. change.table_name .. " " .. (change.row_id or "-")
        end
      end }
    local function all(sql)
      seen = {}
      must(at.log, sql)
      support.wait_until(function()
        settle(one)
        return not must(at.log, "SELECT FROM forge_change_log_backfills")[1]
      end, "the tables to be read")
      return table.concat(seen, ", ")
    end
    all("INSERT INTO p2 VALUES (11), (12)")
    assert.equal("RELOAD p2 -, READ p3 11, READ p3 12",
      all([[INSERT INTO forge_change_log (table_name, op) VALUES ('p2', 'RELOAD');
        ALTER TABLE p2 RENAME TO p3]]))
    assert.equal("RELOAD p3 -, READ p3 11, READ p3 12, READ p3 13",
      all("INSERT INTO p3 VALUES (13); DROP TABLE item; DELETE FROM forge_change_log"))
  end)
end)
