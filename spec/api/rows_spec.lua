-- What log:rows delivers of which tables, what it leaves as it was, and how it fails.
local forgelog = require "forgelog"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must

-- The changes of an iterator as a list.
local function list_of(iterator)
  local list = {}
  for change in iterator do list[#list + 1] = change end
  return list
end

-- Their row_ids as one text.
local function ids_of(iterator)
  local list = list_of(iterator)
  for i, change in ipairs(list) do list[i] = change.row_id or "-" end
  return table.concat(list, " ")
end

describe("rows", function()
  local db, log

  setup(function() db, log = logs.installed() end)
  teardown(function() log:close(); support.drop(db) end)
  before_each(function() must(log, "DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s") end)

  -- The error of the first step.
  local function failure(name, opts, of)
    local ok, err = pcall((of or log):rows(name, opts))
    assert.is_false(ok)
    assert.equal("table", type(err), tostring(err))
    return err
  end

  it("are changes like those of the log, without a seq", function()
    must(log, "TRUNCATE item; INSERT INTO item VALUES (3, 1), (1, 2), (-2, NULL)")
    local list = list_of(log:rows("item", { chunk = 2 }))
    assert.equal(3, #list)
    local now = must(log, "SELECT EXTRACT(epoch FROM now())::float8 AS now")[1].now
    for i, id in ipairs({ "-2", "1", "3" }) do
      assert.is_true(math.abs(now - list[i].created_at) < 60)
      list[i].created_at = nil
      assert.same({ op = "READ", table_name = "item", row_id = id }, list[i])
      assert.same({ id }, forgelog.key(list[i]))
    end
    assert.equal("1 3", ids_of(log:rows("item", { after = "-2" })))
    assert.equal("3", ids_of(log:rows("public.item", { after = { "2" } })))
    assert.equal("", ids_of(log:rows('"item"', { after = "3" })))
    must(log, "TRUNCATE item")
    assert.same({}, list_of(log:rows("item")))
  end)

  it("have keys of several columns as changes have them", function()
    must(log, [[CREATE TABLE s.t (b text, a bigint, n int, PRIMARY KEY (a, b) INCLUDE (n));
      INSERT INTO s.t VALUES ('say "x"\', 9007199254740993, 1), ('', 9007199254740993, 2),
        ('["a","b"]', -1, 3)]])
    assert(log:watch("s.t"))
    local position = assert(log:position())
    must(log, "UPDATE s.t SET n = n + 1")
    local captured = {}
    for change in log:drain(position) do captured[change.row_id] = change end
    local list, key = list_of(log:rows("s.t", { chunk = 1 })), nil
    assert.equal(3, #list)
    for i, change in ipairs(list) do
      assert.equal(captured[change.row_id].key_cols, change.key_cols)
      assert.equal(captured[change.row_id].table_name, change.table_name)
      local rest = list_of(log:rows("s.t", { after = key }))
      assert.equal(4 - i, #rest)
      assert.equal(change.row_id, rest[1].row_id)
      key = i == 1 and forgelog.key(change) or change.row_id
    end
    assert.same({ "9007199254740993", 'say "x"\\' }, forgelog.key(list[3]))
  end)

  it("are those of tables and columns of any name", function()
    local name = [["odd.Schema"."it's $1 @schema@ %s \ ""x"". ,"]]
    local column = name:match('".-"%.(.*)')
    must(log, 'CREATE SCHEMA "odd.Schema"; CREATE TABLE ' .. name .. " (" .. column
      .. ' int PRIMARY KEY, "a,b" text); INSERT INTO ' .. name .. " VALUES (7, 'x')")
    assert(log:watch(name))
    local position = assert(log:position())
    must(log, "UPDATE " .. name .. [[ SET "a,b" = 'y']])
    local logged = log:drain(position)()
    for _, called in ipairs({ name, logged.table_name }) do
      local change = log:rows(called, { keep = { "a,b" } })()
      assert.equal(logged.table_name, change.table_name)
      assert.equal(logged.row_id, change.row_id)
      assert.same({ ["a,b"] = "y" }, change.new)
    end
    must(log, 'DROP SCHEMA "odd.Schema" CASCADE')
  end)

  it("have the values of columns to keep, as captures keep them", function()
    must(log, [[CREATE TABLE s.t (id int PRIMARY KEY, a text, b bytea, "c""d" timestamptz,
        e text[]);
      INSERT INTO s.t VALUES (1, repeat('ä', 32768), '\x00ff', '2001-02-03 04:05+00', '{a,NULL}'),
        (2, repeat('ä', 32769), NULL, 'infinity', NULL), (3, '', repeat('x', 32768)::bytea, NULL,
        '{}')]])
    local keep = { "e", "a", 'c"d', "b", "id" }
    assert(log:watch("s.t", { keep = keep }))
    local peculiar = logs.connect(db)
    must(peculiar, "SET bytea_output = escape; SET DateStyle = German; SET TimeZone = 'Asia/Tokyo'")
    local position = assert(log:position())
    must(log, "UPDATE s.t SET id = id + 10")
    local captured = {}
    for change in log:drain(position) do captured[change.row_id] = change end
    local list = list_of(peculiar:rows("s.t", { keep = keep, chunk = 2 }))
    for i, change in ipairs(list) do
      assert.same(captured[tostring(10 + i)].new, change.new)
      assert.same(captured[tostring(10 + i)].omitted, change.omitted)
    end
    assert.same({ "a" }, list[2].omitted)
    assert.same({ "b" }, list[3].omitted)
    peculiar:close()
  end)

  it("of a table without a key are one change that names none: it is read whole", function()
    must(log, "CREATE TABLE s.t (id int UNIQUE); INSERT INTO s.t VALUES (1), (2)")
    local list = list_of(log:rows("s.t", { keep = { "id" } }))
    assert.equal("number", type(list[1].created_at))
    list[1].created_at = nil
    assert.same({ { op = "READ", table_name = "s.t" } }, list)
    assert.is_nil(forgelog.key(list[1]))
    assert.equal("bad_key", failure("s.t", { after = "1" }).code)
  end)

  it("of a partitioned table are those of all partitions, and of a partition its own", function()
    must(log, [[CREATE TABLE s.p (id int, n int, PRIMARY KEY (n, id)) PARTITION BY RANGE (id);
      CREATE TABLE s.p2 (gone int, n int NOT NULL, id int NOT NULL);
      ALTER TABLE s.p2 DROP gone;
      CREATE TABLE s.p1 PARTITION OF s.p FOR VALUES FROM (0) TO (10);
      ALTER TABLE s.p ATTACH PARTITION s.p2 FOR VALUES FROM (10) TO (20);
      INSERT INTO s.p SELECT id, id % 3 FROM generate_series(8, 12) id]])
    local function seen(name)
      local list = list_of(log:rows(name, { chunk = 1 }))
      for i, change in ipairs(list) do
        list[i] = change.table_name .. " " .. table.concat(forgelog.key(change), ".")
      end
      return table.concat(list, ", ")
    end
    assert.equal("s.p 0.9, s.p 0.12, s.p 1.10, s.p 2.8, s.p 2.11", seen("s.p"))
    assert.equal("s.p2 0.12, s.p2 1.10, s.p2 2.11", seen("s.p2"))
    assert(log:watch("s.p"))
    assert.equal("s.p 0.12, s.p 1.10, s.p 2.11", seen("s.p2"))
  end)

  it("of tables linked by inheritance are those of the one that is named", function()
    must(log, [[CREATE TABLE s.base (id int PRIMARY KEY); CREATE TABLE s.child (PRIMARY KEY (id))
      INHERITS (s.base); INSERT INTO s.base VALUES (1); INSERT INTO s.child VALUES (1), (2)]])
    assert.equal("1", ids_of(log:rows("s.base")))
    assert.equal("1 2", ids_of(log:rows("s.child")))
  end)

  it("that are there all the time come exactly once, whatever is written", function()
    must(log, [[CREATE TABLE s.t (id int PRIMARY KEY, n int);
      INSERT INTO s.t SELECT i * 10, 0 FROM generate_series(1, 60) i]])
    local seen, written = {}, 0
    for change in log:rows("s.t", { chunk = 7 }) do
      local id = tonumber(change.row_id)
      seen[id] = (seen[id] or 0) + 1
      if id % 10 == 0 then
        -- Another row goes from before this one to behind it, others come and go.
        must(log, "DELETE FROM s.t WHERE id = $1 AND id % 20 = 0", id)
        must(log, "INSERT INTO s.t VALUES ($1::int - 3), ($1::int + 1)", id)
        must(log, "UPDATE s.t SET id = $1::int + 4 WHERE id = $1::int - 3", id)
        must(log, "UPDATE s.t SET n = n + 1 WHERE id % 10 = 0")
        written = written + 1
      end
    end
    for id = 10, 600, 10 do assert.equal(1, seen[id], id) end
    for id, times in pairs(seen) do assert.equal(1, times, id) end
    assert.equal(60, written)
  end)

  it("and the changes since before are the table, and those since afterwards are not", function()
    must(log, [[TRUNCATE item; INSERT INTO item SELECT i, 0 FROM generate_series(1, 60) i;
      DROP TABLE IF EXISTS copy; CREATE TABLE copy (id int PRIMARY KEY, n int)]])
    local function copy(change)
      must(log, "DELETE FROM copy WHERE id = $1", change.row_id)
      must(log, "INSERT INTO copy SELECT id, n FROM item WHERE id = $1", change.row_id)
    end
    local other = logs.connect(db)
    must(other, "BEGIN; UPDATE item SET n = 1 WHERE id IN (5, 55)") -- open while both are read
    local before, written = assert(log:position()), 0
    for change in log:rows("item", { chunk = 7 }) do
      copy(change)
      written = written + 1
      must(log, "UPDATE item SET n = 2 WHERE id = $1 AND id % 50 <> 5", 61 - change.row_id)
      must(log, "DELETE FROM item WHERE id = $1::int - 1 AND id % 10 = 3", change.row_id)
    end
    must(other, "COMMIT")
    other:close()
    local function differ()
      return must(log, [[SELECT count(*) AS n FROM item FULL JOIN copy USING (id)
        WHERE item.n IS DISTINCT FROM copy.n]])[1].n
    end
    local after = assert(log:position())
    for change in log:drain(after) do copy(change) end
    assert.is_true(differ() > 20)
    for change in log:drain(before) do copy(change) end
    assert.equal(0, differ())
    must(log, "DROP TABLE copy")
  end)

  it("are read in an open transaction, whose settings stay, and which goes on", function()
    must(log, [[CREATE TABLE s.t (k timestamptz PRIMARY KEY);
      INSERT INTO s.t VALUES ('2001-02-03 04:05+00')]])
    local settings = [[SELECT string_agg(name || setting, ' ' ORDER BY name) AS all_of
      FROM pg_settings WHERE source = 'session']]
    must(log, "BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL TimeZone = 'Asia/Tokyo'; "
      .. "INSERT INTO s.t VALUES ('2001-02-03 04:06+00'); SET LOCAL search_path = s")
    local before = must(log, settings)[1].all_of
    local seen = {}
    for change in log:rows("t", { chunk = 1 }) do
      seen[#seen + 1] = change.row_id
      assert.equal(before, must(log, settings)[1].all_of)
    end
    assert.same({ "2001-02-03 04:05:00+00", "2001-02-03 04:06:00+00" }, seen)
    assert.equal("22007", failure("t", { after = "x" }).sqlstate)
    assert.equal(before, must(log, settings)[1].all_of)
    must(log, "COMMIT")
    assert.equal(2, #must(log, "SELECT FROM s.t"))
  end)

  it("are read through a pooler, and nobody else has their settings", function()
    must(log, "CREATE TABLE s.t (k timestamptz PRIMARY KEY); INSERT INTO s.t VALUES ('infinity')")
    local through = pooler.start(db)
    local one = through:connect()
    for _ = 1, 3 do
      assert.equal("infinity", ids_of(one:rows("s.t")))
      assert.equal("on", must(one, "SHOW enable_sort")[1].enable_sort)
    end
    one:close()
    through:stop()
  end)

  it("run no code of the table's owner", function()
    must(log, [[CREATE TABLE s.ran (); CREATE FUNCTION s.check(text) RETURNS boolean
        LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''checked''; END';
      CREATE FUNCTION s.op(int, int) RETURNS boolean LANGUAGE sql AS 'SELECT s.check(''x'')';
      CREATE OPERATOR s.> (LEFTARG = int, RIGHTARG = int, FUNCTION = s.op);
      CREATE DOMAIN s.word AS varchar(5); CREATE DOMAIN s.words AS s.word;
      CREATE TABLE s.t (k s.words, n int, PRIMARY KEY (k, n)); CREATE TABLE s.u (k s.word[]);
      CREATE TYPE s.pair AS (a int, b s.word); CREATE TABLE s.v (k s.pair PRIMARY KEY);
      INSERT INTO s.t VALUES ('a', 1), ('b', 1); INSERT INTO s.u VALUES ('{a}');
      ALTER TABLE s.u ADD PRIMARY KEY (k);
      ALTER DOMAIN s.word ADD CHECK (s.check(VALUE)) NOT VALID]])
    local guarded = logs.connect(db, { schema = "public" })
    must(guarded, "SET search_path = s, pg_catalog")
    assert.equal('["a", "1"] ["b", "1"]', ids_of(guarded:rows("s.t", { chunk = 1 })))
    assert.equal("unsafe_key", failure("s.u").code)
    assert.equal("unsafe_key", failure("s.v").code)
    guarded:close()
  end)

  it("are refused where the index of the key has no order", function()
    local later = must(log, "SELECT current_setting('server_version_num')::int >= 180000 AS is")
    if not later[1].is then return end
    must(log, [[CREATE EXTENSION btree_gist SCHEMA s; SET search_path = public, s;
      CREATE TABLE s.t (id int, during tstzrange, PRIMARY KEY (id, during WITHOUT OVERLAPS));
      INSERT INTO s.t VALUES (1, '[2001-02-03,2001-02-04)'), (1, '[2001-02-05,)')]])
    local err = failure("s.t", { chunk = 1 })
    assert.equal("unsafe_key", err.code)
    assert.equal("rows: the primary key of s.t has an index that is none of type btree, so that it "
      .. "has no order to read rows in", err.message)
  end)

  it("raise errors that say what is wrong", function()
    must(log, [[CREATE TABLE s.t (a int, b int, PRIMARY KEY (a, b)); INSERT INTO s.t VALUES (1, 2);
      CREATE VIEW s.w AS SELECT 1 AS a; CREATE MATERIALIZED VIEW s.m AS SELECT 1 AS a]])
    local err = failure("s.none")
    assert.same({ "schema", "no_table", "42P01" }, { err.kind, err.code, err.sqlstate })
    assert.equal("rows: there is no table s.none here", err.message)
    assert.equal("rows: there is no table items here; is item meant?", failure("items").message)
    assert.equal("not_a_table", failure("s.w").code)
    err = failure("s.m")
    assert.equal("rows: s.m is a materialized view; read the tables behind it", err.message)
    err = failure("s.t", { keep = { "a", "x" } })
    assert.same({ "no_column", "42703" }, { err.code, err.sqlstate })
    err = failure("s.t", { after = { "1" } })
    assert.equal("bad_key", err.code)
    assert.equal("rows: the key of s.t has the columns (a, b); {1} is none", err.message)
    err = failure("s.t", { after = "1" })
    assert.equal("rows: the key of s.t has the columns (a, b); 1 is none", err.message)
    assert.equal("22P02", failure("s.t", { after = { "1", "x" } }).sqlstate)
    local plain = logs.empty()
    local other = logs.connect(plain)
    assert.equal("no_log", failure("t", nil, other).code)
    other:close()
    support.drop(plain)
  end)

  it("raise misuse at once", function()
    assert.has_error(function() log:rows(7) end)
    for _, opts in ipairs({ { chunk = 0 }, { chunk = 1.5 }, { after = 7 }, { after = {} },
      { after = "a\0b" }, { after = { 1 } }, { keep = "n" }, { tables = {} } }) do
      local ok, err = pcall(log.rows, log, "item", opts)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("forgelog: rows: ", 1, true), tostring(err))
    end
    local closed = logs.connect(db)
    local iterator = closed:rows("item")
    closed:close()
    local _, err = pcall(iterator)
    assert.equal("closed", err.kind)
  end)
end)
