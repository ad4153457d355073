-- Keys of all types are read in the order of their index, under any settings of the session, and
-- named as captures name them.
local logs = require "support.logs"
local rows = require "forgelog.rows"
local source = require "forgelog.rows.source"
local statement = require "forgelog.rows.statement"
local support = require "support"
local types = require "support.property.types"

local must = logs.must

-- Settings of a session that change how values are printed and read.
local PECULIAR = [[SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY';
  SET IntervalStyle = 'sql_standard'; SET bytea_output = 'escape'; SET extra_float_digits = -15;
  SET search_path = other; SET lc_monetary = 'C.UTF-8'; SET quote_all_identifiers = on;
  SET array_nulls = off; SET standard_conforming_strings = off; SET escape_string_warning = off;
  SET default_transaction_isolation = serializable; SET enable_indexscan = off]]

-- Further types of keys, with values as SQL.
local FURTHER = {
  { sql = "regclass", values = { "'other.thing'", "'pg_catalog.pg_class'" } },
  { sql = "oidvector", values = { "'1 2'", "''" } },
  { sql = "public.hstore", values = { [['"a"=>NULL, "b"=>"1, 2"']], "'a=>1'", "''" } },
  { sql = "public.citext", values = { "'Ab'", "'aB'", "'b'", "'it''s'" } },
  { sql = "public.moods", values = { "'ok'", "'sad'" } },
  { sql = "public.words", values = { "'{a,B}'", "'{a}'" } },
  { sql = "public.spans", values = { "'[1,2)'", "'empty'" } },
  { sql = "public.sums", values = { "'(1,2)'", "'(1,3)'" } },
  { sql = "public.fixed", values = { "'a'", "'ab'", "'abc'" } },
  { sql = "public.nocase", values = { "'a'", "'A'", "'b'" } },
  { sql = "bit(4)", values = { "B'0101'", "B'0001'" } },
  { sql = "datemultirange", values = { "'{[2001-02-03,2001-02-05)}'", "'{}'" } },
}

describe("the rows of a table", function()
  local db, log, peculiar, all

  setup(function()
    db, log = logs.empty()
    must(log, types.PREPARE .. [[
      CREATE SCHEMA other; CREATE TABLE other.thing (); CREATE EXTENSION hstore;
      CREATE EXTENSION citext;
      CREATE COLLATION public.spec_nocase (provider = icu, locale = 'und-u-ks-level2',
        deterministic = false);
      CREATE DOMAIN moods AS spec_mood; CREATE DOMAIN words AS text[] COLLATE "C";
      CREATE DOMAIN spans AS int4range; CREATE DOMAIN sums AS spec_pair;
      CREATE DOMAIN fixed AS char(3); CREATE DOMAIN nocase AS text COLLATE public.spec_nocase]])
    assert(log:install())
    all = {}
    for _, one in ipairs(types.list(function(sql) return log:query(sql) ~= nil end)) do
      if one.key then all[#all + 1] = one end
    end
    for _, one in ipairs(FURTHER) do all[#all + 1] = one end
    peculiar = logs.connect(db, { schema = "public" })
    must(peculiar, PECULIAR)
  end)
  teardown(function()
    log:close()
    peculiar:close()
    support.drop(db)
  end)

  local function add(list, changes, columns)
    for _, change in ipairs(changes) do
      assert.equal(columns, change.key_cols or 1)
      list[#list + 1] = change.row_id
    end
    assert(#list <= 300, "there is no end: " .. tostring(list[#list]))
  end

  -- All row_ids behind a key, chunk by chunk.
  local function ids(s, after, most, columns)
    local list = {}
    while true do
      local changes, key, over = rows.chunk(peculiar.connection, s, after, most)
      add(list, assert(changes, key), columns)
      if over then return list end
      after = key
    end
  end

  -- Compares the rows of tables: chunk by chunk, as one, and from the middle on, with what was
  -- captured.
  local function check(names, columns, inserts)
    for _, name in ipairs(names) do assert(log:watch(name)) end
    local position = assert(log:position())
    must(log, table.concat(inserts, ";\n"))
    local captured, count = {}, 0
    for change in log:drain(position) do
      local of_table = captured[change.table_name] or {}
      captured[change.table_name], of_table[change.row_id], count = of_table, true, count + 1
    end
    for _, name in ipairs(names) do
      local s = assert(rows.source(peculiar.connection, "spec", name))
      local whole, found = ids(s, nil, 1000, columns), {}
      for _, id in ipairs(whole) do found[id] = true end
      assert.same(captured[name], found)
      assert.same(whole, ids(s, nil, 1, columns))
      local middle = math.ceil(#whole / 2)
      local rest = ids(s, assert(rows.key(s, whole[middle])), 7, columns)
      assert.equal(#whole - middle, #rest)
      for i, id in ipairs(rest) do assert.equal(whole[middle + i], id) end
    end
    return count
  end

  it("come in the order of a key of any type", function()
    local names, inserts = {}, {}
    for i, one in ipairs(all) do
      names[i] = "one" .. i
      must(log, ("CREATE TABLE one%d (k %s PRIMARY KEY)"):format(i, one.sql))
      inserts[i] = ("INSERT INTO one%d SELECT v::%s FROM unnest(ARRAY[%s]::text[]) v "
        .. "ON CONFLICT DO NOTHING"):format(i, one.cast or one.sql, table.concat(one.values, ", "))
    end
    local count = check(names, 1, inserts)
    support.note("%d types, %d keys", #all, count)
    assert.is_true(#all > 50 and count > 150)
  end)

  it("come in the order of a key of four columns of any types", function()
    local names, inserts = {}, {}
    for i = 1, #all, 4 do
      local name, columns, parts = "four" .. i, {}, {}
      for j = 1, 4 do
        local one = all[(i + j) % #all + 1]
        columns[j] = ("k%d %s"):format(j, one.sql)
        parts[j] = ("(SELECT v::%s AS k%d FROM unnest(ARRAY[%s]::text[]) v) s%d"):format(
          one.cast or one.sql, j, table.concat(one.values, ", ", 1, math.min(3, #one.values)), j)
      end
      must(log, ("CREATE TABLE %s (n int, %s, PRIMARY KEY (k3, k1, k4, k2))"):format(name,
        table.concat(columns, ", ")))
      names[#names + 1] = name
      inserts[#inserts + 1] = ("INSERT INTO %s (k1, k2, k3, k4) SELECT k1, k2, k3, k4 FROM %s "
        .. "ON CONFLICT DO NOTHING"):format(name, table.concat(parts, ", "))
    end
    check(names, 4, inserts)
  end)

  -- The plan of the statement that reads behind a key.
  local function plan(name, key)
    local s = assert(source.find(peculiar.connection, "rows", name))
    local lines = {}
    for _, row in ipairs(assert(source.pinned(peculiar.connection):query("EXPLAIN (COSTS off) "
      .. statement.of(s, key, 10)))) do
      lines[#lines + 1] = row["QUERY PLAN"]
    end
    return (table.concat(lines, "\n"):gsub("OPERATOR%(pg_catalog%.(.-)%)", "%1"))
  end

  -- That the index gives rows in their order from the key on, whatever the planner knows.
  local function check_plan(name, key, condition)
    local text = plan(name, key)
    assert.truthy(text:find("Index Only Scan using", 1, true), text)
    assert.truthy(text:find("Index Cond: " .. condition, 1, true), text)
    assert.is_nil(text:find("->  [%w ]*Sort"), text)
    assert.is_nil(text:match("Seq Scan on [^p]"), text)
  end

  it("are found by the index of the key, also where nothing is known of the table", function()
    must(peculiar, "RESET enable_indexscan")
    must(log, [[CREATE TABLE i1 (id bigint PRIMARY KEY);
      CREATE TABLE i2 (b varchar(9), a numeric, n int, PRIMARY KEY (a, b) INCLUDE (n));
      CREATE TABLE i3 (a citext, b int, PRIMARY KEY (a, b));
      CREATE TABLE i4 (a moods PRIMARY KEY); CREATE TABLE i5 (a spec_pair PRIMARY KEY);
      CREATE TABLE i6 (a words, b fixed, PRIMARY KEY (a, b));
      CREATE TABLE i7 (a text COLLATE spec_nocase PRIMARY KEY);
      CREATE TABLE i8 (a int, b char(4), PRIMARY KEY (a, b)) PARTITION BY HASH (a);
      CREATE TABLE i8a PARTITION OF i8 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE i8b PARTITION OF i8 FOR VALUES WITH (MODULUS 2, REMAINDER 1)]])
    check_plan("i1", { "7" }, "(id > '7'::bigint)")
    check_plan("i2", { "7", "x" }, "(ROW(a, b) > ROW('7'::numeric, 'x'::text))")
    check_plan("i3", { "x", "7" }, "((a OPERATOR(public.=) 'x'::public.citext) AND (b > 7))")
    check_plan("i3", { "x", "7" }, "(a OPERATOR(public.>) 'x'::public.citext)")
    check_plan("i4", { "ok" }, "(a > 'ok'::public.spec_mood)")
    check_plan("i5", { "(1,a)" }, "(a > '(1,a)'::public.spec_pair)")
    check_plan("i6", { "{a}", "b" }, "(ROW(a, b) > ROW(")
    check_plan("i7", { "x" }, "(a > 'x'::text COLLATE public.spec_nocase)")
    check_plan("i8", { "7", "x" }, "(ROW(a, b) > ROW(7, 'x'::bpchar))")
  end)
end)
