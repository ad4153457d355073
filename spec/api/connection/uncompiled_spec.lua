-- Statements about the catalog are not compiled to machine code, whatever their plans' estimates;
-- and nobody else's statements are run otherwise for that.
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"
local uncompiled = require "forgelog.connection.uncompiled"

local must = logs.must

local JIT = "SELECT current_setting('jit') AS jit"

-- Parameters of each kind, in places of several types.
local VALUES = [[SELECT $1::text AS text, $2::bigint AS big, $3::float8 AS float,
  $4::boolean AS yes, $5::text IS NULL AS none, $6 = 'x' AS known, $2::bigint + $7 AS sum,
  ARRAY[$8, 'b'] AS list, current_setting('jit') AS jit]]

local function values(conn)
  local rows, err = conn:query(VALUES, "it's \\ \"$1\" %1 \1 ü", 9007199254740992, 0.1, true, nil,
    "x", -5, "a,")
  return rows and rows[1], err
end

describe("a statement that only reads", function()
  local db, log
  setup(function()
    db = support.database()
    log = logs.connect(db)
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  it("is run without jit, with the same parameters, and the setting stays as it is", function()
    must(log, "SET jit = on")
    local conn = uncompiled(log.connection)
    local expected = values(log.connection)
    assert.equal("on", expected.jit)
    expected.jit = "off"
    for _, strings in ipairs({ "on", "off" }) do
      must(log, "SET escape_string_warning = off; SET standard_conforming_strings = " .. strings)
      assert.same(expected, values(conn))
    end
    must(log, "RESET standard_conforming_strings")
    assert.equal("on", must(log, JIT)[1].jit)
    assert.is_nil(conn:query("SELECT 1 / 0"))
    assert.equal("on", must(log, JIT)[1].jit)
    assert.is_false(log.connection:in_transaction())
  end)

  it("leaves a transaction that is open as it is, which may be read only", function()
    local conn = uncompiled(log.connection)
    for _, begin in ipairs({ "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY" }) do
      must(log, begin .. "; SET LOCAL jit = on; SET LOCAL work_mem = '7MB'")
      assert.equal("off", values(conn).jit)
      assert.is_nil(conn:query("SELECT 1 / 0"))
      assert.equal("on", must(log, JIT)[1].jit)
      assert.equal("7MB", must(log, "SHOW work_mem")[1].work_mem)
      must(log, "COMMIT")
    end
  end)

  it("leaves nothing to whoever has the server connection of a pooler next", function()
    local through = pooler.start(db)
    local one = through:connect()
    for _ = 1, 3 do
      assert.equal("off", assert(uncompiled(one.connection):query(JIT))[1].jit)
      assert.equal("on", must(one, "SELECT current_setting('jit') AS jit")[1].jit)
    end
    one:close()
    through:stop()
  end)
end)

describe("what forgelog asks a server", function()
  local server, log

  before_each(function()
    server = support.server({ "shared_preload_libraries=pg_stat_statements",
      "pg_stat_statements.track=all", "jit_above_cost=1500" })
    log = logs.connect(server.conninfo)
  end)
  after_each(function()
    log:close()
    server:stop()
  end)

  -- How many functions were compiled, by the beginning of the statement.
  local function compiled()
    local found = {}
    for _, row in ipairs(must(log, [[SELECT left(query, 200) AS query, jit_functions AS n
      FROM pg_stat_statements WHERE jit_functions > 0]])) do
      found[row.query] = row.n
    end
    must(log, "SELECT pg_stat_statements_reset()")
    return found
  end

  -- All that reads the catalog, and what is asked for with each drain and feed.
  local function ask_for_everything()
    assert(log:installed())
    assert(log:watch("t1"))
    assert(log:watched())
    assert(log:status())
    assert(log:diagnose())
    assert(log:horizon())
    assert(log:trim(0, { dry_run = true }))
    must(log, "INSERT INTO t1 DEFAULT VALUES")
    for _ in log:drain(0, { tables = { "public.T1", "parts" } }) do end
    local feed = log:follow(0, { tables = { "t1" } })
    assert(feed:next(5))
    feed:close()
    assert(log:unwatch("t1"))
  end

  it("is compiled nowhere, even where it costs a hundredth of what is compiled by default, "
    .. "in a database of many tables and sequences", function()
    local facts = must(log, [[SELECT current_setting('server_version_num')::int >= 150000
      AND pg_jit_available() AS tells]])[1]
    if not facts.tells then return support.note("this server does not tell what it compiles") end
    assert(log:install())
    must(log, [[CREATE EXTENSION pg_stat_statements;
      CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      DO $$ BEGIN
        FOR i IN 1..150 LOOP
          EXECUTE format('CREATE TABLE t%s (id bigserial PRIMARY KEY, a text, b text)', i);
          EXECUTE format('CREATE TABLE part%s PARTITION OF parts FOR VALUES FROM (%s) TO (%s)',
            i, i, i + 1);
        END LOOP;
      END $$]])
    assert(log:watch("parts"))
    for _, sql in ipairs({ "SELECT", "ANALYZE" }) do
      must(log, sql)
      compiled()
      ask_for_everything()
      assert.same({}, compiled())
    end
    must(log, "SELECT count(*) FROM pg_class a, pg_class b, pg_class c WHERE a.oid = b.oid")
    assert.is_not_nil(next(compiled()))
  end)
end)
