-- An UPDATE of nothing but ignored columns is not logged; one of anything else is, however alike
-- the values look, and whatever has become of the ignored column.
local captured = require "support.captured"
local logs = require "support.logs"
local support = require "support"

-- Pairs of values that are not the same, as SQL.
local ALIKE = {
  { "json", "NULL", "'null'" }, { "jsonb", "NULL", "'null'" }, { "jsonb", "'1'", "'\"1\"'" },
  { "json", "'1'", "'1 '" }, { "json", "'{\"a\":1}'", "'{\"a\": 1}'" },
  { "jsonb", "'1.0'", "'1.00'" },
  { "float8", "'0'", "'-0'" }, { "float4", "'0'", "'-0'" },
  { "float8", "0.1", "0.1::float8 + 1.4e-17" },
  { "float8", "1", "1.0000000000000002" }, { "float8[]", "'{0}'", "'{-0}'" },
  { "numeric", "1.0", "1.00" }, { "numeric", "NULL", "'NaN'" }, { "numeric(9,2)", "1", "1.01" },
  { "int[]", "'{1,2}'", "'[0:1]={1,2}'" }, { "int[]", "'{}'", "'{NULL}'" },
  { "int[]", "'{{1,2}}'", "'{1,2}'" }, { "text[]", "'{NULL}'", "'{\"NULL\"}'" },
  { "text", "NULL", "''" }, { "text", "'a'", "'a '" }, { "text", "'ä'", "'a\204\136'" },
  { "citext", "'a'", "'A'" }, { "hstore", "'a=>NULL'", "'a=>\"NULL\"'" },
  { "varchar(5)", "'a'", "'a '" }, { "interval", "'1 mon'", "'30 days'" },
  { "interval", "'1 day'", "'24 hours'" }, { "timetz", "'00:00+00'", "'01:00+01'" },
  { "point", "'(0,0)'", "'(0,1e-9)'" }, { "box", "'(1,1),(0,0)'", "'(2,0.5),(0,0)'" },
  { "circle", "'<(0,0),1>'", "'<(5,5),1>'" }, { "bit varying", "B'0'", "B'00'" },
  { "pair", "'(,)'", "NULL" }, { "pair", "'(0,)'", "'(-0,)'" }, { "named", "'a'", "'A'" },
  { "loose", "'a'", "'A'" }, { "inet", "'10.0.0.1'", "'10.0.0.1/8'" },
  { "xml", "'<a/>'", "'<a></a>'" },
  { "numrange", "'[1,2)'", "'[1.0,2)'" }, { "\"char\"", "''", "NULL" },
  { "timestamptz", "'2001-01-01 00:00:00.000001+00'", "'2001-01-01+00'" },
}

describe("of ignored columns", function()
  local db, log, seen

  setup(function()
    db, log = logs.empty()
    logs.must(log, [[CREATE EXTENSION hstore; CREATE EXTENSION citext;
      CREATE TYPE pair AS (f float8, t text); CREATE DOMAIN named AS citext;
      CREATE COLLATION any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE DOMAIN loose AS text COLLATE any_case]])
    assert(log:install())
    seen = captured.new(log)
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- A table %s, watched with its column h ignored, of which the columns v are logged.
  local WAYS = {
    { "s" }, { "r", "; CREATE TABLE %s_child () INHERITS (%s)" },
    { "a", after = "ALTER TABLE %s ADD late point" },
  }

  it("and others that look alike an UPDATE is logged", function()
    for _, way in ipairs(WAYS) do
      local columns, firsts, seconds, names = {}, {}, {}, {}
      for i, pair in ipairs(ALIKE) do
        columns[i] = ("v%d %s"):format(i, pair[1])
        firsts[i] = pair[2]
        local text = "UPDATE %s SET v%d = %s, h = h + 1; UPDATE %s SET v%d = v%d, h = h + 1"
        seconds[i] = text:format(way[1], i, pair[3], way[1], i, i)
        names[i] = ("UPDATE %s 1 v%d,h"):format(way[1], i)
      end
      seen:watch(("CREATE TABLE %s (id int PRIMARY KEY, h int, %s)"):format(way[1],
        table.concat(columns, ", ")) .. (way[2] or ""):gsub("%%s", way[1]), way[1],
        { ignore = { "h" } })
      if way.after then logs.must(log, way.after:format(way[1])) end
      firsts = table.concat(firsts, ", ")
      logs.must(log, ("INSERT INTO %s VALUES (1, 0, %s)"):format(way[1], firsts))
      seen:list()
      for i, sql in ipairs(seconds) do
        local line = names[i]:gsub("(v%d+),h", "h,%1")
        assert.equal(line, seen:of(log, sql), ALIKE[i][1] .. " " .. ALIKE[i][2])
      end
    end
  end)

  it("alone one that looks alike is not logged, nor one of nothing but them", function()
    for _, way in ipairs(WAYS) do
      local columns, firsts, keep = {}, {}, {}
      local name = way[1] .. "_all"
      for i, pair in ipairs(ALIKE) do
        columns[i], firsts[i], keep[i] = ("v%d %s"):format(i, pair[1]), pair[2], "v" .. i
      end
      columns = table.concat(columns, ", ")
      local after = (way[2] or ""):gsub("%%s", name)
      seen:watch(("CREATE TABLE %s (id int PRIMARY KEY, %s)"):format(name, columns) .. after, name,
        { ignore = keep })
      if way.after then logs.must(log, way.after:format(name)) end
      logs.must(log, ("INSERT INTO %s VALUES (1, %s)"):format(name, table.concat(firsts, ", ")))
      seen:list()
      for i, pair in ipairs(ALIKE) do
        assert.equal("", seen:of(log, ("UPDATE %s SET v%d = %s"):format(name, i, pair[3])))
      end
      assert.equal(("UPDATE %s 1 -"):format(name),
        seen:of(log, ("UPDATE %s SET id = 1"):format(name)))
      assert.equal(("DELETE %s 1 -; INSERT %s 2 -"):format(name, name),
        seen:of(log, ("UPDATE %s SET id = 2, v1 = NULL"):format(name)))
    end
  end)

  it("only what has their number and name is one", function()
    for _, case in ipairs({
      { "ALTER TABLE %s RENAME h TO g", "UPDATE %s SET g = 1", "g" },
      { "ALTER TABLE %s RENAME h TO g; ALTER TABLE %s RENAME v TO h", "UPDATE %s SET h = 1", "h" },
      { "ALTER TABLE %s DROP h, ADD h int", "UPDATE %s SET h = 1", "h" },
      { "ALTER TABLE %s DROP h; ALTER TABLE %s ADD h int", "UPDATE %s SET h = 1", "h" },
      { "ALTER TABLE %s ADD x int", "UPDATE %s SET x = 1", "x" },
      { "ALTER TABLE %s ALTER h TYPE text", "UPDATE %s SET h = '1'" },
    }) do
      for i, way in ipairs({ "", "; CREATE TABLE %s_child () INHERITS (%s)" }) do
        local name = "renamed" .. i
        local function fill(text) return (text:gsub("%%s", name)) end
        seen:watch(fill("CREATE TABLE %s (id int PRIMARY KEY, h int, v int)" .. way), name,
          { ignore = { "h" } })
        logs.must(log, fill("INSERT INTO %s VALUES (1); UPDATE %s SET h = 5; " .. case[1]))
        seen:list()
        assert.equal(case[3] and ("UPDATE %s 1 %s"):format(name, case[3]) or "",
          seen:of(log, fill(case[2])), case[1])
        logs.must(log, fill("DROP TABLE %s CASCADE"))
      end
    end
  end)
end)
