-- Partitions come and go: attaching never fails because of the triggers, each change is logged
-- once, and what moves rows without a statement on them is told by touch.
local captured = require "support.captured"
local logs = require "support.logs"

local must = logs.must

describe("a partition", function()
  local log, seen, db
  captured.in_all(function(...) log, seen, db = ... end)
  before_each(function()
    must(log, [[DROP TABLE IF EXISTS p, q, p1, p2, r CASCADE;
      CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (10);
      CREATE TABLE p2 (n int, gone int, id int PRIMARY KEY);
      ALTER TABLE p2 DROP gone]])
    seen:list()
  end)

  local ATTACH = "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)"
  local WRITE = [[INSERT INTO p VALUES (11, 1); INSERT INTO p2 VALUES (1, 12);
    UPDATE p SET n = 2 WHERE id = 11; UPDATE p2 SET id = 13 WHERE id = 12; DELETE FROM p]]

  local function expected(name)
    return (("INSERT %s 11 -; INSERT %s 12 -; UPDATE %s 11 n; DELETE %s 12 -; INSERT %s 13 -; "
      .. "DELETE %s 11 -; DELETE %s 13 -"):gsub("%%s", name))
  end

  it("that was watched by statements is attached to a watched table", function()
    assert(log:watch("p2"))
    must(log, "INSERT INTO p2 VALUES (1, 19)")
    assert(log:watch("p"))
    assert.equal("INSERT p2 19 -", seen:text())
    must(log, ATTACH)
    assert.equal("DELETE p 19 -", seen:of(log, "DELETE FROM p2"))
    assert.equal(expected("p"), seen:of(log, WRITE))
    assert(log:watch("p"))
    assert.equal(expected("p"), seen:of(log, WRITE))
    assert.equal("TRUNCATE p - -", seen:of(log, "TRUNCATE p2"))
    must(log, "ALTER TABLE p DETACH PARTITION p2")
    assert.equal("INSERT p2 12 -; TRUNCATE p2 - -",
      seen:of(log, "INSERT INTO p2 VALUES (1, 12); TRUNCATE p2"))
  end)

  it("that was watched by rows is attached to a watched table, and to one that is not", function()
    must(log, [[CREATE TABLE q (LIKE p INCLUDING ALL) PARTITION BY RANGE (id);
      ALTER TABLE q ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)]])
    assert(log:watch("p2"))
    assert.equal("INSERT p2 12 -", seen:of(log, "INSERT INTO q VALUES (12)"))
    must(log, "ALTER TABLE q DETACH PARTITION p2; TRUNCATE p2")
    seen:list()
    assert(log:watch("p"))
    must(log, ATTACH)
    assert.equal(expected("p"), seen:of(log, WRITE))
    must(log, "ALTER TABLE p DETACH PARTITION p2")
    assert.equal("INSERT p2 12 -; DELETE p2 12 -",
      seen:of(log, "INSERT INTO p2 VALUES (1, 12); DELETE FROM p2"))
  end)

  it("of a watched table, itself partitioned, goes to another watched one", function()
    must(log, [[CREATE TABLE q (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
      CREATE TABLE r (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
      CREATE TABLE q2 PARTITION OF q DEFAULT]])
    assert(log:watch("p"))
    assert(log:watch("q"))
    assert(log:watch("r"))
    assert.equal("INSERT q 12 -", seen:of(log, "INSERT INTO q VALUES (12)"))
    must(log, [[DELETE FROM q; ALTER TABLE p ATTACH PARTITION q FOR VALUES FROM (10) TO (20)]])
    seen:list()
    assert.equal("INSERT p 12 -; UPDATE p 12 n; DELETE p 12 -", seen:of(log,
      "INSERT INTO q2 VALUES (12); UPDATE q SET n = 1; DELETE FROM p"))
    must(log, "ALTER TABLE p DETACH PARTITION q; ALTER TABLE r ATTACH PARTITION q DEFAULT")
    assert.equal("INSERT r 12 -; DELETE r 12 -",
      seen:of(log, "INSERT INTO q2 VALUES (12); DELETE FROM r"))
    must(log, "ALTER TABLE r DETACH PARTITION q")
    assert.equal("INSERT q 13 -; DELETE q 13 -",
      seen:of(log, "INSERT INTO q2 VALUES (13); DELETE FROM q"))
    must(log, "DROP TABLE q")
  end)

  it("with a trigger attached by hand is attached, whether its parent is watched or not", function()
    must(log, [[CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON p2
      FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
    must(log, ATTACH)
    assert.equal("INSERT p2 12 -", seen:of(log, "INSERT INTO p VALUES (12)"))
    assert(log:watch("p"))
    assert.equal("INSERT p 14 -; DELETE p 12 -; DELETE p 14 -",
      seen:of(log, "INSERT INTO p VALUES (14); DELETE FROM p"))
  end)

  it("of a table with a trigger attached by hand is logged once, under its name", function()
    must(log, [[CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON p
      FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
    assert(log:watch("p2"))
    must(log, ATTACH)
    assert.equal(expected("p"), seen:of(log, WRITE))
  end)

  it("keeps the table's options: what is kept and ignored goes by name", function()
    assert(log:watch("p", { keep = { "n" }, ignore = { "n" } }))
    must(log, ATTACH)
    assert.equal("INSERT p 11 - >1; INSERT p 12 - >1; DELETE p 12 - 1>; INSERT p 13 - >1",
      seen:of(log, [[INSERT INTO p VALUES (11, 1); INSERT INTO p2 VALUES (1, 12);
        UPDATE p SET n = 2 WHERE id = 11; UPDATE p2 SET id = 13 WHERE id = 12]]))
    -- Altered: each statement is made anew, by the watched table's options.
    must(log, "ALTER TABLE p ADD late json")
    assert.equal("UPDATE p 11 late 2>2; DELETE p 11 - 3>; DELETE p 13 - 1>", seen:of(log,
      [[UPDATE p SET late = '{}' WHERE id = 11; UPDATE p SET n = 3 WHERE id = 11;
        DELETE FROM p WHERE id = 11; DELETE FROM p]]))
  end)

  it("that is truncated is told though another was, after a write of somebody else's", function()
    must(log, ATTACH)
    assert(log:watch("p"))
    local other = logs.connect(db)
    for _, isolation in ipairs({ "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE" }) do
      seen:list()
      must(log, ("BEGIN ISOLATION LEVEL %s; TRUNCATE p1"):format(isolation))
      must(other, "INSERT INTO p2 VALUES (1, 12)")
      must(log, "TRUNCATE p2; COMMIT")
      assert.equal("TRUNCATE p - -; INSERT p 12 -; TRUNCATE p - -", seen:text(), isolation)
      -- Where nobody else writes, once is enough.
      must(log, ("BEGIN ISOLATION LEVEL %s; TRUNCATE p; COMMIT"):format(isolation))
      assert.equal("TRUNCATE p - -", seen:text(), isolation)
    end
    other:close()
  end)

  it("that goes or comes with rows is told by touch, under the watched table's name", function()
    assert(log:watch("p"))
    must(log, "INSERT INTO p2 VALUES (1, 12)")
    assert.equal("", seen:of(log, ATTACH))
    assert(log:touch("p2"))
    assert.equal("RELOAD p - -", seen:text())
    assert.equal("", seen:of(log, "ALTER TABLE p DETACH PARTITION p2; DROP TABLE p1"))
    assert(log:touch("p"))
    assert.equal("RELOAD p - -", seen:text())
  end)

  it("says so when the log's schema was renamed, under the watched table's name", function()
    must(log, "CREATE SCHEMA feed")
    local other = logs.connect(db, { schema = "feed" })
    assert(other:install({ schema = "feed" }))
    must(log, ATTACH .. "; CREATE TABLE feed.plain (id int PRIMARY KEY)")
    assert(other:watch("public.p"))
    assert(other:watch("feed.plain"))
    must(log, "ALTER SCHEMA feed RENAME TO feeds")
    must(log, [[INSERT INTO p VALUES (12, 1); UPDATE p2 SET n = 3; TRUNCATE p2;
      INSERT INTO feeds.plain VALUES (1); DELETE FROM feeds.plain; TRUNCATE feeds.plain]])
    local seen_there = {}
    for _, row in ipairs(must(log, "SELECT DISTINCT op, table_name FROM feeds.forge_change_log")) do
      seen_there[#seen_there + 1] = row.op .. " " .. row.table_name
    end
    table.sort(seen_there)
    assert.same({ "RELOAD plain", "RELOAD public.p" }, seen_there)
    other:close()
    local healed = logs.connect(db, { schema = "feeds" })
    assert.same({ true, true }, { healed:install({ schema = "feeds" }) })
    assert.same({ true, false }, { healed:install({ schema = "feeds" }) })
    local last = healed:max_seq()
    must(log, "INSERT INTO p VALUES (3, 1); INSERT INTO feeds.plain VALUES (1)")
    local ops = {}
    for change in healed:drain(last) do
      ops[#ops + 1] = change.op .. " " .. change.table_name .. " " .. change.row_id
    end
    assert.same({ "INSERT public.p 3", "INSERT plain 1" }, ops)
    healed:close()
    must(log, "DROP SCHEMA feeds CASCADE")
  end)
end)
