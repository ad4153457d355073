-- Capture in a transaction whose snapshot is older than the table's key, or than its watching: the
-- catalog as that snapshot shows it says nothing of these.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("capture in a transaction with an older snapshot", function()
  local db, log, older

  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    older = logs.connect(db)
  end)
  after_each(function()
    older:close()
    log:close()
    support.drop(db)
  end)

  local function begin()
    must(older, "BEGIN ISOLATION LEVEL REPEATABLE READ")
    must(older, "SELECT 1")
  end

  -- The changes that a statement in that transaction logs, as "OP table id cols".
  local function writes(sql)
    must(older, sql)
    local list = {}
    for i, row in ipairs(must(older, "SELECT op, table_name, row_id FROM forge_change_log "
      .. "WHERE txid = txid_current() ORDER BY seq")) do
      list[i] = ("%s %s %s"):format(row.op, row.table_name, row.row_id or "-")
    end
    must(older, "COMMIT")
    return list
  end

  it("knows a key that was added meanwhile, without the columns that it only includes", function()
    must(log, "CREATE TABLE a (x int, y int, z int); INSERT INTO a VALUES (1, 2, 3)")
    assert(log:watch("a"))
    must(older, "UPDATE a SET z = 4")
    begin()
    must(log, "ALTER TABLE a ADD PRIMARY KEY (y, x) INCLUDE (z)")
    assert.same({ 'UPDATE a ["2", "1"]', 'DELETE a ["2", "1"]' },
      writes("UPDATE a SET z = 5; DELETE FROM a"))
  end)

  it("knows a key that stays when the replica identity is another one meanwhile", function()
    must(log, [[CREATE TABLE a (x int PRIMARY KEY, y int NOT NULL UNIQUE);
      INSERT INTO a VALUES (1, 2)]])
    assert(log:watch("a"))
    for _, identity in ipairs({ "FULL", "NOTHING", "USING INDEX a_y_key", "DEFAULT" }) do
      begin()
      must(log, "ALTER TABLE a REPLICA IDENTITY " .. identity)
      assert.same({ "UPDATE a 1" }, writes("UPDATE a SET y = y + 1"))
    end
  end)

  it("knows the key of a table that was made meanwhile", function()
    begin()
    must(log, "CREATE TABLE a (x int PRIMARY KEY)")
    assert(log:watch("a"))
    assert.same({ "INSERT a 7" }, writes("INSERT INTO a VALUES (7)"))
  end)

  it("names the watched table for partitions of one that was made meanwhile", function()
    begin()
    must(log, [[CREATE TABLE a (x int PRIMARY KEY) PARTITION BY LIST (x);
      CREATE TABLE a7 PARTITION OF a FOR VALUES IN (7)]])
    assert(log:watch("a"))
    assert.same({ "INSERT a 7", "TRUNCATE a -" }, writes("INSERT INTO a7 VALUES (7); TRUNCATE a7"))
  end)

  it("names the watched table for partitions of one that is watched only since", function()
    must(log, [[CREATE TABLE a (x int PRIMARY KEY) PARTITION BY LIST (x);
      CREATE TABLE a7 PARTITION OF a FOR VALUES IN (7)]])
    must(older, "SET standard_conforming_strings = off")
    begin()
    assert(log:watch("a"))
    assert.same({ "INSERT a 7", "TRUNCATE a -" }, writes("INSERT INTO a7 VALUES (7); TRUNCATE a7"))
  end)
end)
