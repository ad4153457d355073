-- row_id is the key's value as its type prints it, the same in every session, and `WHERE key = $1`
-- finds the row by it; keys of several columns come back exactly.
local captured = require "support.captured"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local must = logs.must
local unpack = table.unpack or unpack -- luacheck: ignore 143

-- Settings of a session that change how values are printed.
local SESSIONS = {
  "SELECT 1",
  [[SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'SQL, DMY'; SET IntervalStyle = 'sql_standard';
    SET bytea_output = 'escape'; SET extra_float_digits = -15; SET search_path = other, public;
    SET lc_monetary = 'C.UTF-8'; SET quote_all_identifiers = on; SET array_nulls = off]],
  [[SET TimeZone = 'America/New_York'; SET DateStyle = 'German'; SET search_path = '';
    SET IntervalStyle = 'iso_8601'; SET xmlbinary = hex; SET extra_float_digits = 0]],
}

-- Types of keys, a value of each as SQL, and what is in the log.
local TYPES = {
  { "timestamptz", "timestamptz '2001-02-03 04:05:06.789+00'", "2001-02-03 04:05:06.789+00" },
  { "timestamptz", "timestamptz 'infinity'", "infinity" },
  { "timestamp", "timestamp '2001-02-03 04:05'", "2001-02-03 04:05:00" },
  { "date", "date '2001-02-03'", "2001-02-03" },
  { "timetz", "timetz '04:05:06+02'", "04:05:06+02" },
  { "interval", "interval '1 year -2 days +03:04:05'", "1 year -2 days +03:04:05" },
  { "bytea", [[bytea '\x00ff5c']], [[\x00ff5c]] },
  { "float8", "0.1::float8 + 0.2::float8", "0.30000000000000004" },
  { "float4", "0.1::float4", "0.1" },
  { "numeric", "1.50", "1.50" },
  { "money", "1234.5::numeric::money", "$1,234.50" },
  { "boolean", "true", "t" },
  { "uuid", "uuid '6D1F5A4E-0000-4000-8000-000000000001'", "6d1f5a4e-0000-4000-8000-000000000001" },
  { "name", "name 'a b'", "a b" },
  { '"char"', [["char" 'x']], "x" },
  { "char(5)", "'ab'", "ab   " },
  { "varchar(9)", "' a '", " a " },
  { "text", [['a"b\,{}']], [[a"b\,{}]] },
  { "bit(4)", "B'0101'", "0101" },
  { "varbit", "B'01'", "01" },
  { "inet", "inet '10.0.0.1/8'", "10.0.0.1/8" },
  { "macaddr", "macaddr '08:00:2b:01:02:03'", "08:00:2b:01:02:03" },
  { "oid", "oid '4294967295'", "4294967295" },
  { "oidvector", "oidvector '1 2'", "1 2" },
  { "regclass", "'other.thing'::regclass", "other.thing" },
  { "pg_lsn", "pg_lsn '16/B374D848'", "16/B374D848" },
  { "tsvector", "tsvector 'b a'", "'a' 'b'" },
  { "jsonb", [[jsonb '"1"']], [["1"]] },
  { "jsonb", "jsonb '1'", "1" },
  { "jsonb", "jsonb 'null'", "null" },
  { "int[]", "ARRAY[1,NULL,3]", "{1,NULL,3}" },
  { "int[]", "'[0:1]={1,2}'::int[]", "[0:1]={1,2}" },
  { "timestamptz[]", "ARRAY[timestamptz '2001-02-03 04:05:06+00']",
    [[{"2001-02-03 04:05:06+00"}]] },
  { "text[]", [[ARRAY['a,b', 'c"d', 'NULL', '']] .. "]", [[{"a,b","c\"d","NULL",""}]] },
  { "tstzrange", "tstzrange('2001-02-03 04:05:06+00', NULL)", [=[["2001-02-03 04:05:06+00",)]=] },
  { "datemultirange", "'{[2001-02-03,2001-02-05)}'::datemultirange", "{[2001-02-03,2001-02-05)}" },
  { "pair", "ROW(1.5, timestamptz '2001-02-03 04:05:06+00', interval '1 mon')::pair",
    [[(1.5,"2001-02-03 04:05:06+00","1 mon")]] },
  { "moment", "timestamptz '2001-02-03 04:05:06+00'", "2001-02-03 04:05:06+00" },
  { "mood", "'so so'::mood", "so so" },
  { "bigint", "9223372036854775807", "9223372036854775807" },
  { "hstore", [[hstore('a', NULL) || 'b=>"1, 2"']], [["a"=>NULL, "b"=>"1, 2"]] },
  { "citext", "citext 'Ab'", "Ab" },
}

describe("row_id", function()
  local db, log, seen

  setup(function()
    db, log = logs.empty()
    must(log, [[CREATE SCHEMA other; CREATE TABLE other.thing (); CREATE EXTENSION hstore;
      CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('so so');
      CREATE TYPE pair AS (f float8, t timestamptz, i interval);
      CREATE DOMAIN moment AS timestamptz]])
    assert(log:install())
    seen = captured.new(log)
  end)
  before_each(function() seen:list() end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- What sessions of all kinds log for rows of these tables; each row is found by what is logged.
  local function check(tables, sessions)
    local expected = {}
    for _, key in ipairs(tables) do
      local lines = "INSERT %s %s -; UPDATE %s %s n; DELETE %s %s -"
      expected[#expected + 1] = lines:format(key.name, key[3], key.name, key[3], key.name, key[3])
    end
    for _, settings in ipairs(sessions or SESSIONS) do
      local session = logs.connect(db)
      must(session, settings)
      for i, key in ipairs(tables) do
        local values = key[2]
        if key[1] == "hstore" or key[1] == "citext" or key[1] == "mood" or key[1] == "pair" then
          must(session, "SET LOCAL search_path = public") -- has no effect outside of a transaction
          values = "(SELECT v FROM public.values_" .. i .. ")"
        end
        must(session, ("INSERT INTO public.%s (k) VALUES (%s)"):format(key.name, values))
        must(session, ("UPDATE public.%s SET n = 1; DELETE FROM public.%s"):format(key.name,
          key.name))
      end
      session:close()
      local lines = seen:list()
      for i = 1, #tables do
        assert.equal(expected[i], table.concat(lines, "; ", 3 * i - 2, 3 * i), tables[i][1])
      end
      assert.equal(3 * #tables, #lines)
    end
    must(log, "RESET ALL; SET client_min_messages = warning")
    for _, key in ipairs(tables) do
      must(log, ("INSERT INTO %s (k) VALUES (%s)"):format(key.name, key[2]))
      -- PostgreSQL takes these for an oid and a record of no type, unless their type is named.
      local of_type = (key[1] == "regclass" or key[1] == "pair") and "::" .. key[1] or ""
      local rows = must(log, ("SELECT n FROM %s WHERE k = $1%s"):format(key.name, of_type), key[3])
      assert.equal(1, #rows, key[1])
    end
    seen:list()
  end

  local function tables_of(prefix, statement)
    local tables = {}
    for i, key in ipairs(TYPES) do
      local name = prefix .. i
      must(log, ((statement:gsub("%%s", name):gsub("%%t", (key[1]:gsub("%%", "%%%%"))))))
      must(log, ("CREATE TABLE IF NOT EXISTS values_%d AS SELECT %s AS v"):format(i, key[2]))
      tables[i] = { name = name, key[1], key[2], key[3] }
    end
    return tables
  end

  it("is the same in every session, and finds the row", function()
    local tables = tables_of("s", "CREATE TABLE %s (k %t PRIMARY KEY, n int)")
    for _, key in ipairs(tables) do assert(log:watch(key.name)) end
    check(tables)
    -- The same made anew for each statement.
    for _, key in ipairs(tables) do
      must(log, ("TRUNCATE %s; ALTER TABLE %s ADD z json"):format(key.name, key.name))
    end
    seen:list()
    check(tables)
  end)

  it("is the same from a trigger for rows, and from one attached by hand", function()
    local hand = tables_of("h", "CREATE TABLE %s (k %t PRIMARY KEY, n int); CREATE TRIGGER x AFTER "
      .. "INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION forge_notify_change()")
    check(hand, { SESSIONS[2] })
    local base = tables_of("b", "CREATE TABLE %s (k %t PRIMARY KEY, n int); "
      .. "CREATE TABLE %s_1 () INHERITS (%s)")
    for _, key in ipairs(base) do assert(log:watch(key.name)) end
    check(base, { SESSIONS[3] })
  end)

  it("is the same where the type came later, and the session keeps its settings", function()
    seen:watch("CREATE TABLE late (id text PRIMARY KEY, n int)", "late")
    must(log, "ALTER TABLE late ALTER id TYPE timestamptz USING NULL")
    local session = logs.connect(db)
    must(session, SESSIONS[2])
    must(session, "SET TimeZone = '<-03:30>+03:30'")
    local function settings()
      return must(session, [[SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) AS all_of
        FROM pg_settings WHERE name ~ 'DateStyle|IntervalStyle|TimeZone|bytea_output|lc_|float'
          OR name IN ('search_path', 'jit', 'quote_all_identifiers')]])[1].all_of
    end
    local before = settings()
    must(session, "BEGIN; INSERT INTO late VALUES ('2001-02-03 04:05:06+00')")
    assert.equal(before, settings())
    must(session, "UPDATE late SET n = 1; COMMIT")
    assert.equal(before, settings())
    assert.equal("INSERT late 2001-02-03 04:05:06+00 -; UPDATE late 2001-02-03 04:05:06+00 n",
      seen:text())
    session:close()
  end)

  it("of several columns is a list of texts, exact in every Lua", function()
    local big = { "9007199254740993", "0.1000000000000000055", 'a"b', "\\", "é\n", "{1,2}",
      "2001-02-03 04:05:06+00" }
    seen:watch([[CREATE TABLE several (n int, a bigint, b numeric, c text, d text, e text, f int[],
      g timestamptz, PRIMARY KEY (a, b, c, d, e, f, g) INCLUDE (n))]], "several")
    for _, settings in ipairs(SESSIONS) do
      local session = logs.connect(db)
      must(session, settings)
      must(session, [[INSERT INTO public.several VALUES (1, $1, $2, $3, $4, $5, $6, $7)]],
        unpack(big))
      must(session, "DELETE FROM public.several")
      session:close()
    end
    seen:list()
    local found = 0
    for change in log:drain(0, { tables = { "several" } }) do
      assert.same(big, forgelog.key(change))
      found = found + 1
    end
    assert.equal(6, found)
    local columns, values, key = {}, {}, {}
    for i = 1, 32 do
      columns[i], values[i], key[i] = ('"c,%d" int'):format(i), i, ('"c,%d"'):format(33 - i)
    end
    seen:watch(("CREATE TABLE most (%s, PRIMARY KEY (%s))"):format(table.concat(columns, ", "),
      table.concat(key, ", ")), "most")
    must(log, ("INSERT INTO most VALUES (%s); ALTER TABLE most DROP \"c,1\", ADD z point; "
      .. "INSERT INTO most VALUES (%s)"):format(table.concat(values, ", "),
      table.concat(values, ", ", 2)))
    local lists = {}
    for change in log:drain(0, { tables = { "most" } }) do
      lists[#lists + 1] = table.concat(forgelog.key(change) or {}, " ")
    end
    table.sort(values, function(a, b) return a > b end)
    assert.same({ table.concat(values, " "), "" }, lists)
  end)

  it("is of the primary key alone", function()
    for i, case in ipairs({
      { "id int UNIQUE, n int", "-" },
      { "id int NOT NULL, n int, UNIQUE (id)", "-",
        "ALTER TABLE %s REPLICA IDENTITY USING INDEX %s_id_key" },
      { "id int PRIMARY KEY, n int UNIQUE NOT NULL DEFAULT 7", "1",
        "ALTER TABLE %s REPLICA IDENTITY USING INDEX %s_n_key" },
      { "id int PRIMARY KEY, n int", "1", "ALTER TABLE %s REPLICA IDENTITY FULL" },
      { "id int PRIMARY KEY, n int", "1", "ALTER TABLE %s REPLICA IDENTITY NOTHING" },
      { "id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, n int", "1" },
      { "id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int", "1" },
      { "gone int, id int DEFAULT 1 PRIMARY KEY, gone2 text, n int", "1",
        "ALTER TABLE %s DROP gone, DROP gone2" },
      { "a int DEFAULT 1, id int GENERATED ALWAYS AS (a) STORED PRIMARY KEY, n int", "1" },
    }) do
      local name = "key" .. i
      local after = (case[3] or ""):gsub("%%s", name)
      must(log, ("CREATE TABLE %s (%s); %s"):format(name, case[1], after))
      assert(log:watch(name))
      local column = case[1]:find("GENERATED") and "n" or case[1]:find("gone") and "n" or "id"
      must(log, ("INSERT INTO %s (%s) VALUES (1); UPDATE %s SET n = 5; DELETE FROM %s"):format(name,
        column, name, name))
      local lines = "INSERT %s %s -; UPDATE %s %s n; DELETE %s %s -"
      assert.equal(lines:format(name, case[2], name, case[2], name, case[2]), seen:text())
    end
  end)

  it("belongs to one table, however names print", function()
    must(log, [[CREATE SCHEMA sales; CREATE SCHEMA "a.b";
      CREATE TABLE sales.orders (id int PRIMARY KEY);
      CREATE TABLE "sales.orders" (id int PRIMARY KEY); CREATE TABLE "a.b".c (id int PRIMARY KEY);
      CREATE SCHEMA a; CREATE TABLE a."b.c" (id int PRIMARY KEY)]])
    local names = { "sales.orders", [["sales.orders"]], [["a.b".c]], [[a."b.c"]] }
    for _, name in ipairs(names) do
      assert.same({ true, true }, { log:watch(name) })
      assert.equal(("INSERT %s 1 -"):format(name),
        seen:of(log, ("INSERT INTO %s VALUES (1)"):format(name)))
    end
    local listed, about = log:watched()
    local has = {}
    for _, name in ipairs(listed) do has[name] = about[name].schema end
    assert.same({ "sales", "public", "a.b", "a" }, { has[names[1]], has[names[2]], has[names[3]],
      has[names[4]] })
    for _, name in ipairs(names) do
      assert.same({ true, true }, { log:unwatch(name) })
      assert.equal("", seen:of(log, ("INSERT INTO %s VALUES (2)"):format(name)))
    end
  end)
end)
