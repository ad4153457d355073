-- Capture: every shape of table, every kind of statement, and that no write ever fails for a reason
-- of the triggers. How fast it stays in one session is in spec/load/capture_spec.
local logs = require "support.logs"
local support = require "support"

local must = logs.must
local BELL = logs.BELL

describe("capture", function()
  local db, log, last

  setup(function()
    db, log = logs.empty()
    assert(log:install())
    last = 0
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- What was logged since the last call, as "OP table id cols" with "-" for NULL.
  local function logged()
    local list = {}
    for _, row in ipairs(must(log, [[SELECT seq, op, table_name, row_id, changed_cols
      FROM forge_change_log WHERE seq > $1 ORDER BY seq]], last)) do
      last = row.seq
      list[#list + 1] = ("%s %s %s %s"):format(row.op, row.table_name, row.row_id or "-",
        row.changed_cols or "-")
    end
    return list
  end

  local function writes(sql, expected)
    must(log, sql)
    assert.same(expected, logged())
  end

  local function writes_in_any_order(sql, expected)
    must(log, sql)
    local list = logged()
    table.sort(list)
    assert.same(expected, list)
  end

  local function watched(sql, name, opts)
    must(log, sql)
    local ok, changed = log:watch(name, opts)
    assert(ok, changed)
    assert.is_true(changed)
    logged()
  end

  it("logs one row for each row of a statement, in its order", function()
    watched("CREATE TABLE a (id int PRIMARY KEY, n int, long_name text, m text)", "a")
    writes("INSERT INTO a SELECT i, i FROM generate_series(1, 3) i",
      { "INSERT a 1 -", "INSERT a 2 -", "INSERT a 3 -" })
    writes("UPDATE a SET n = 0, m = 'x', long_name = 'y' WHERE id < 3",
      { "UPDATE a 1 n,long_name,m", "UPDATE a 2 n,long_name,m" })
    writes("UPDATE a SET m = NULL WHERE id = 1", { "UPDATE a 1 m" })
    writes_in_any_order("UPDATE a SET m = m", { "UPDATE a 1 -", "UPDATE a 2 -", "UPDATE a 3 -" })
    writes("UPDATE a SET m = m WHERE id = 1", { "UPDATE a 1 -" })
    writes_in_any_order("DELETE FROM a WHERE id > 1", { "DELETE a 2 -", "DELETE a 3 -" })
    writes("TRUNCATE a", { "TRUNCATE a - -" })
  end)

  it("writes nothing for statements that touch no row, or that are rolled back", function()
    writes([[INSERT INTO a SELECT 1 WHERE false; UPDATE a SET n = 1; DELETE FROM a;
      COPY (SELECT 1) TO '/dev/null']], {})
    writes([[DO $$ BEGIN INSERT INTO a VALUES (1); RAISE division_by_zero;
      EXCEPTION WHEN division_by_zero THEN NULL; END $$]], {})
  end)

  it("takes in upserts, MERGE and COPY", function()
    writes("INSERT INTO a (id, n) VALUES (1, 1), (2, 2)", { "INSERT a 1 -", "INSERT a 2 -" })
    writes_in_any_order([[INSERT INTO a (id, n) VALUES (2, 5), (3, 3)
      ON CONFLICT (id) DO UPDATE SET n = excluded.n]], { "INSERT a 3 -", "UPDATE a 2 n" })
    -- PostgreSQL 14 does not know MERGE.
    local old = tonumber(support.psql("SHOW server_version_num", db)) < 150000
    if not old then
      writes_in_any_order([[
        MERGE INTO a USING (VALUES (1, 9), (3, NULL), (4, 4)) AS s(id, n) ON a.id = s.id
         WHEN MATCHED AND s.n IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET n = s.n
         WHEN NOT MATCHED THEN INSERT (id, n) VALUES (s.id, s.n)]],
        { "DELETE a 3 -", "INSERT a 4 -", "UPDATE a 1 n" })
    end
    support.psql("\\copy a (id) FROM PROGRAM 'seq 10 12'", db)
    assert.same({ "INSERT a 10 -", "INSERT a 11 -", "INSERT a 12 -" }, logged())
  end)

  it("logs a changed key as DELETE of the old, then INSERT of the new, DELETEs first", function()
    watched("CREATE TABLE k (id int PRIMARY KEY DEFERRABLE, n int)", "k", { ignore = { "id" } })
    writes("INSERT INTO k VALUES (1), (2), (3)",
      { "INSERT k 1 -", "INSERT k 2 -", "INSERT k 3 -" })
    writes("UPDATE k SET id = id + 1",
      { "DELETE k 1 -", "DELETE k 2 -", "DELETE k 3 -", "INSERT k 2 -", "INSERT k 3 -",
        "INSERT k 4 -" })
    writes("UPDATE k SET id = 9, n = 1 WHERE id = 4", { "DELETE k 4 -", "INSERT k 9 -" })
    writes("UPDATE k SET id = CASE id WHEN 9 THEN 10 ELSE id END, n = 2",
      { "UPDATE k 2 n", "UPDATE k 3 n", "DELETE k 9 -", "INSERT k 10 -" })
  end)

  it("keeps composite keys as JSON in key order, others as their type prints them", function()
    watched('CREATE TABLE c (x text, y int, n int, PRIMARY KEY (y, x) INCLUDE (n))', "c")
    writes([[INSERT INTO c VALUES ('a"b', 1)]], { [[INSERT c ["1", "a\"b"] -]] })
    writes("UPDATE c SET n = 1", { [[UPDATE c ["1", "a\"b"] n]] })
    writes("UPDATE c SET y = 2; DELETE FROM c",
      { [[DELETE c ["1", "a\"b"] -]], [[INSERT c ["2", "a\"b"] -]],
        [[DELETE c ["2", "a\"b"] -]] })
    must(log, [[CREATE DOMAIN small AS int CHECK (value < 10);
      CREATE TYPE colour AS ENUM ('red')]])
    for i, key in ipairs({ -- the type, the text in the log, and in SQL where that differs
      { "uuid", "6d1f5a4e-0000-4000-8000-000000000001" }, { "boolean", "t" },
      { "date", "2001-02-03" }, { "timestamp", "2001-02-03 04:05:06" }, { "numeric", "1.50" },
      { "bytea", "\\x0102" }, { "int[]", "{1,2}" }, { "small", "7" },
      { "colour", "red" },
    }) do
      watched(("CREATE TABLE c%d (k %s PRIMARY KEY, n int)"):format(i, key[1]), "c" .. i)
      writes(("INSERT INTO c%d VALUES ('%s'); UPDATE c%d SET n = 1; DELETE FROM c%d"):format(i,
        key[3] or key[2], i, i), { ("INSERT c%d %s -"):format(i, key[2]),
        ("UPDATE c%d %s n"):format(i, key[2]), ("DELETE c%d %s -"):format(i, key[2]) })
    end
  end)

  it("leaves row_id NULL without a primary key", function()
    watched("CREATE TABLE nokey (id int, n int)", "nokey")
    writes([[INSERT INTO nokey VALUES (1, 1), (2, 2); UPDATE nokey SET n = 3;
      UPDATE nokey SET n = 4 WHERE id = 1; DELETE FROM nokey]],
      { "INSERT nokey - -", "INSERT nokey - -", "UPDATE nokey - n", "UPDATE nokey - n",
        "UPDATE nokey - n", "DELETE nokey - -", "DELETE nokey - -" })
  end)

  it("follows a table that changes in the same session", function()
    watched("CREATE TABLE s (id int PRIMARY KEY, gone int, n int)", "s")
    local function round(id, column)
      writes(("INSERT INTO s (%s) VALUES (%s); UPDATE s SET n = %s; DELETE FROM s"):format(column,
        id, id), { "INSERT s " .. id .. " -", "UPDATE s " .. id .. " n",
        "DELETE s " .. id .. " -" })
    end
    for id = 1, 7 do round(id, "id") end
    must(log, "ALTER TABLE s DROP COLUMN gone")
    round(8, "id")
    must(log, "ALTER TABLE s RENAME COLUMN id TO ident")
    round(9, "ident")
    must(log, "ALTER TABLE s ADD COLUMN extra text DEFAULT 'x', ALTER COLUMN n TYPE numeric")
    round(10, "ident")
    must(log, [[ALTER TABLE s DROP CONSTRAINT s_pkey, ADD COLUMN k2 text DEFAULT 'k',
      ADD PRIMARY KEY (k2)]])
    writes("INSERT INTO s (ident) VALUES (1); UPDATE s SET k2 = 'l'; DELETE FROM s",
      { "INSERT s k -", "DELETE s k -", "INSERT s l -", "DELETE s l -" })
    must(log, "ALTER TABLE s DROP COLUMN k2")
    writes("INSERT INTO s (ident) VALUES (1); UPDATE s SET n = 5; DELETE FROM s",
      { "INSERT s - -", "UPDATE s - n", "DELETE s - -" })
    must(log, "ALTER TABLE s RENAME TO s_renamed")
    writes("INSERT INTO s_renamed (ident) VALUES (1)", { "INSERT s_renamed - -" })
    must(log, "ALTER TABLE s_renamed DROP COLUMN ident, DROP COLUMN n, DROP COLUMN extra")
    writes("INSERT INTO s_renamed DEFAULT VALUES; DELETE FROM s_renamed",
      { "INSERT s_renamed - -", "DELETE s_renamed - -", "DELETE s_renamed - -" })
  end)

  it("serves generated columns, odd types, and columns named like anything of its own", function()
    watched([[CREATE TYPE pair AS (l int, r text);
      CREATE TABLE odd (key int PRIMARY KEY, n text, o text, forge text, name text, keys text[],
        cols pair, place small, was_row jsonb, now_row json, id xml, op point,
        twice int GENERATED ALWAYS AS (key * 2) STORED, new text, old text, "TG_OP" text,
        plain text, ignored text, w text, i text, p text, r text, s text, e text, c text)]],
      "odd")
    writes([[INSERT INTO odd (key, n, keys, cols, now_row, id)
      VALUES (1, 'n', '{a,NULL}', '(1,x)', '{"a": 1}', '<a/>')]], { "INSERT odd 1 -" })
    writes([[UPDATE odd SET n = 'm', o = '1', new = '';
      UPDATE odd SET was_row = '1', op = '(1,1)', "TG_OP" = 'x']],
      { "UPDATE odd 1 n,o,new", "UPDATE odd 1 was_row,op,TG_OP" })
    writes("INSERT INTO odd (key) VALUES (2); UPDATE odd SET name = 'x', place = 5",
      { "INSERT odd 2 -", "UPDATE odd 1 name,place", "UPDATE odd 2 name,place" })
    writes("DELETE FROM odd", { "DELETE odd 1 -", "DELETE odd 2 -" })
  end)

  it("serves odd names, in other schemas too", function()
    watched([[CREATE SCHEMA "S p";
      CREATE TABLE "S p"."Tä'b""le" ("I d" int PRIMARY KEY, "c'o%l" text)]],
      [["S p"."Tä'b""le"]], { ignore = { "c'o%l" } })
    writes([[INSERT INTO "S p"."Tä'b""le" VALUES (1); UPDATE "S p"."Tä'b""le" SET "c'o%l" = 'x';
      UPDATE "S p"."Tä'b""le" SET "I d" = 2]],
      { [[INSERT S p.Tä'b"le 1 -]], [[DELETE S p.Tä'b"le 1 -]], [[INSERT S p.Tä'b"le 2 -]] })
    local names, about = log:watched()
    local found
    for _, name in ipairs(names) do found = found or name == [[S p.Tä'b"le]] end
    assert.is_true(found)
    assert.same({ "c'o%l" }, about[ [[S p.Tä'b"le]] ].ignore)
    assert.same({ true, false }, { log:watch([[S p.Tä'b"le]], { ignore = { "c'o%l" } }) })
  end)

  it("takes in what foreign keys do", function()
    watched("CREATE TABLE parent (id int PRIMARY KEY)", "parent")
    watched([[CREATE TABLE child (id int PRIMARY KEY,
      p int REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE)]], "child")
    writes("INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 1), (3, 2)",
      { "INSERT parent 1 -", "INSERT parent 2 -", "INSERT child 1 -", "INSERT child 2 -",
        "INSERT child 3 -" })
    writes_in_any_order("UPDATE parent SET id = 5 WHERE id = 1",
      { "DELETE parent 1 -", "INSERT parent 5 -", "UPDATE child 1 p", "UPDATE child 2 p" })
    writes_in_any_order("DELETE FROM parent",
      { "DELETE child 1 -", "DELETE child 2 -", "DELETE child 3 -", "DELETE parent 2 -",
        "DELETE parent 5 -" })
  end)

  it("ignores updates of nothing but ignored columns", function()
    watched("CREATE TABLE g (id int PRIMARY KEY, seen int, hits int, n int)", "g",
      { ignore = { "seen", "hits" } })
    writes("INSERT INTO g VALUES (1), (2)", { "INSERT g 1 -", "INSERT g 2 -" })
    writes("UPDATE g SET seen = 1; UPDATE g SET hits = 1, seen = 2 WHERE id = 1", {})
    writes("UPDATE g SET seen = 3, n = 1 WHERE id = 1; UPDATE g SET n = n WHERE id = 1",
      { "UPDATE g 1 seen,n", "UPDATE g 1 -" })
    writes("UPDATE g SET hits = 7, n = CASE id WHEN 2 THEN 5 ELSE n END", { "UPDATE g 2 hits,n" })
  end)

  it("logs a partition's changes once, under the watched table's name, however made", function()
    watched([[
      CREATE TABLE p (id int, part int, n int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
      CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
      CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)]], "p1")
    assert.same({ true, true }, { log:watch("p", { ignore = { "n" } }) })
    assert.same({ true, false }, { log:watch("p1") })
    writes("INSERT INTO p VALUES (1, 1), (2, 2); INSERT INTO p1 VALUES (3, 1)",
      { 'INSERT p ["1", "1"] -', 'INSERT p ["2", "2"] -', 'INSERT p ["3", "1"] -' })
    writes("UPDATE p SET n = 1; UPDATE p SET id = 4 WHERE id = 1; DELETE FROM p2",
      { 'DELETE p ["1", "1"] -', 'INSERT p ["4", "1"] -', 'DELETE p ["2", "2"] -' })
    writes("UPDATE p SET part = 2 WHERE id = 3",
      { 'DELETE p ["3", "1"] -', 'INSERT p ["3", "2"] -' })
    must(log, [[CREATE TABLE p3 (n int, part int NOT NULL, gone int, id int NOT NULL);
      ALTER TABLE p3 DROP COLUMN gone; ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3)]])
    writes("INSERT INTO p3 (id, part) VALUES (9, 3); INSERT INTO p VALUES (10, 3)",
      { 'INSERT p ["9", "3"] -', 'INSERT p ["10", "3"] -' })
    writes("TRUNCATE p", { "TRUNCATE p - -" })
    writes("TRUNCATE p2", { "TRUNCATE p - -" })
    assert.same({ "truncate of a partition" }, select(2, log:watched()).p.missing)
    assert.same({ true, true }, { log:watch("p") })
    writes("TRUNCATE p3", { "TRUNCATE p - -" })
    must(log, "ALTER TABLE p DETACH PARTITION p3")
    writes("INSERT INTO p3 (id, part) VALUES (9, 3); TRUNCATE p3", {})
    assert.same({ true, true }, { log:unwatch("p") })
    writes("INSERT INTO p VALUES (1, 1), (2, 2); TRUNCATE p1; TRUNCATE p", {})
  end)

  it("logs a watched partition and a watched child wherever the statement was aimed", function()
    watched([[CREATE TABLE q (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE q1 PARTITION OF q DEFAULT]], "q1")
    writes("INSERT INTO q VALUES (1); UPDATE q SET id = 2; DELETE FROM q1",
      { "INSERT q1 1 -", "DELETE q1 1 -", "INSERT q1 2 -", "DELETE q1 2 -" })
    watched([[CREATE TABLE base (id int PRIMARY KEY, n int);
      CREATE TABLE derived (PRIMARY KEY (id)) INHERITS (base)]], "derived")
    writes([[INSERT INTO derived VALUES (1); INSERT INTO base VALUES (2);
      UPDATE base SET n = 1; DELETE FROM base]],
      { "INSERT derived 1 -", "UPDATE derived 1 n", "DELETE derived 1 -" })
  end)

  it("notifies only while somebody holds the bell", function()
    watched("CREATE TABLE b (id int PRIMARY KEY, n int)", "b")
    local other = logs.connect(db)
    local function locks()
      return must(other, [[SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'
        AND objid = ($1::bigint & 4294967295)::oid AND mode = 'ShareLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())]],
        BELL)[1].n
    end
    local function rings(sql)
      local output = support.psql(("LISTEN forge_changes;\n%s;\nSELECT 1"):format(sql), db)
      return output:find("forge_changes") ~= nil
    end
    assert.is_false(rings("INSERT INTO b SELECT coalesce(max(id), 0) + 1 FROM b"))
    must(other, "SELECT pg_advisory_lock(" .. BELL .. ")")
    for _, sql in ipairs({ "INSERT INTO b SELECT max(id) + 1 FROM b", "UPDATE b SET n = 1",
      "UPDATE b SET n = 2 WHERE id = 1", "DELETE FROM b WHERE id = (SELECT max(id) FROM b)",
      "TRUNCATE b" }) do
      must(log, "INSERT INTO b VALUES (1), (2), (3), (4) ON CONFLICT DO NOTHING")
      assert.is_true(rings(sql), sql)
    end
    assert.is_false(rings("UPDATE b SET n = 1 WHERE false"))
    assert.same({ true, true }, { log:watch("b", { notify = false }) })
    must(log, "TRUNCATE b")
    assert.is_false(rings("INSERT INTO b SELECT coalesce(max(id), 0) + 1 FROM b"))
    must(other, "SELECT pg_advisory_unlock(" .. BELL .. ")")
    must(log, "BEGIN; INSERT INTO b VALUES (100)")
    assert.equal(0, locks())
    must(log, "ROLLBACK")
    assert.same({ true, true }, { log:watch("b") })
    must(log, "BEGIN; INSERT INTO b VALUES (100)")
    assert.equal(1, locks())
    must(log, "ROLLBACK")
    other:close()
  end)

  it("lets prepared transactions be with notify = false", function()
    watched("CREATE TABLE two (id int PRIMARY KEY)", "two", { notify = false })
    local other = logs.connect(db)
    must(other, "SELECT pg_advisory_lock(" .. BELL .. ")")
    must(log, "BEGIN; INSERT INTO two VALUES (1); PREPARE TRANSACTION 'two'")
    must(log, "COMMIT PREPARED 'two'")
    assert.same({ "INSERT two 1 -" }, logged())
    assert.same({ true, true }, { log:watch("two") })
    must(log, "BEGIN; INSERT INTO two VALUES (2)")
    local rows, err = log:query("PREPARE TRANSACTION 'two'")
    assert.is_nil(rows)
    assert.equal("0A000", err.sqlstate)
    other:close()
  end)
end)

describe("capture by hand", function()
  local db, log
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
  end)
  after_each(function() log:close(); support.drop(db) end)

  it("takes a row trigger attached by hand, on any table", function()
    must(log, [[CREATE TABLE r (k text PRIMARY KEY DEFERRABLE, n numeric);
      CREATE TABLE nokey (n text);
      CREATE TABLE parts (a int, b int, PRIMARY KEY (a, b)) PARTITION BY LIST (b);
      CREATE TABLE part1 PARTITION OF parts DEFAULT]])
    for _, name in ipairs({ "r", "nokey", "parts" }) do
      must(log, ([[CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON %s
        FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]]):format(name))
    end
    must(log, [[
      INSERT INTO r VALUES ('a', 1); UPDATE r SET n = 1.0; UPDATE r SET n = 1.0;
      UPDATE r SET k = 'b'; DELETE FROM r;
      INSERT INTO nokey VALUES ('x'); UPDATE nokey SET n = NULL; DELETE FROM nokey;
      INSERT INTO parts VALUES (1, 2); DELETE FROM part1]])
    local seen = {}
    for change in log:drain() do
      seen[#seen + 1] = ("%s %s %s %s"):format(change.op, change.table_name, change.row_id or "-",
        change.changed_cols or "-")
    end
    assert.same({ "INSERT r a -", "UPDATE r a n", "UPDATE r a -", "DELETE r a -", "INSERT r b -",
      "DELETE r b -", "INSERT nokey - -", "UPDATE nokey - n", "DELETE nokey - -",
      'INSERT parts ["1", "2"] -', 'DELETE parts ["1", "2"] -' }, seen)
  end)
end)
