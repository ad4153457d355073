-- Any SQL on the log's own connection.
local load = require "support.load"
local support = require "support"

local must = load.must
local type_of_number = rawget(math, "type") -- a Lua with integers has it

describe("query", function()
  local db, log
  setup(function() db = support.database(); log = load.connect(db) end)
  teardown(function() log:close(); support.drop(db) end)

  local function value(sql, ...) return must(log, "SELECT " .. sql .. " AS value", ...)[1].value end

  it("gives numbers and booleans as such, NULL as nil, all else as text", function()
    local row = must(log, [[SELECT 1::int2 AS a, -2 AS b, 3::int8 AS c, 4::oid AS d, 0.5::float4 AS e, 0.1::float8 AS f,
      true AS g, false AS h, NULL::int AS i, NULL AS j, 1.50::numeric AS k, 'x'::varchar AS l, '{1,2}'::int[] AS m,
      '2001-02-03'::date AS n, '{"a": 1}'::jsonb AS o, ''::text AS p, 'f'::text AS q, '\x00ff'::bytea AS r]])[1]
    assert.same({ a = 1, b = -2, c = 3, d = 4, e = 0.5, f = 0.1, g = true, h = false, k = "1.50", l = "x", m = "{1,2}",
      n = "2001-02-03", o = '{"a": 1}', p = "", q = "f", r = "\\x00ff" }, row)
    if type_of_number then
      assert.equal("integer", type_of_number(row.c))
      assert.equal("float", type_of_number(row.f))
      assert.equal("float", type_of_number(value("1::float8")))
    end
  end)

  it("gives big integers exactly: as integers, or as text where they would be rounded", function()
    assert.equal(9007199254740992, value("9007199254740992"))
    for _, digits in ipairs({ "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808" }) do
      local got = value("'" .. digits .. "'::bigint")
      assert.equal(digits, type_of_number and ("%d"):format(got) or got)
      assert.equal(type_of_number and "number" or "string", type(got))
    end
  end)

  it("brings floats there and back: infinities, NaN, the smallest difference", function()
    assert.equal(1 / 0, value("'inf'::float8"))
    assert.equal(-1 / 0, value("'-inf'::float4"))
    local nan = value("'nan'::float8")
    assert.is_true(nan ~= nan)
    nan = value("$1::float8", 0 / 0)
    assert.is_true(nan ~= nan)
    for _, number in ipairs({ 1 / 0, -1 / 0, 0.1, 1 / 3, 1e300, -5e-324, 1e15, 123456789012, 2 ^ 53, 2 ^ 63, 0.1 + 0.2 }) do
      assert.equal(number, value("$1::float8", number))
    end
  end)

  it("takes nil, booleans, numbers and strings as parameters", function()
    assert.equal("t", value("$1::text", true))
    assert.is_false(value("$1::boolean", false))
    assert.equal(42, value("$1::int", 42))
    assert.equal(43, value("$1::int", 43.0))
    assert.equal(9007199254740992, value("$1::bigint", 2 ^ 53))
    assert.equal("it's \"ä\" \\ $1", value("$1::text", "it's \"ä\" \\ $1"))
    assert.equal("", value("$1::text", ""))
    assert.is_true(value("$1::int IS NULL", nil))
    assert.equal("x", value("coalesce($1, $2, $3)", nil, "x", nil))
    local long = ("x"):rep(1000000)
    assert.is_true(value("$1::text", long) == long)
  end)

  it("counts nil parameters at the end", function()
    local rows, affected = must(log, "SELECT $1::int AS a, $2::int AS b, $3::int AS c", 1, nil, nil)
    assert.same({ { a = 1 } }, rows)
    assert.equal(1, affected)
    local none, err = log:query("SELECT $1::int, $2::int", 1)
    assert.is_nil(none)
    assert.equal("08P01", err.sqlstate)
  end)

  it("tells the rows, and how many were written", function()
    local rows, affected = must(log, "CREATE TABLE t (id int, name text)")
    assert.same({}, rows)
    assert.is_nil(affected)
    rows, affected = must(log, "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 1000) g")
    assert.same({}, rows)
    assert.equal(1000, affected)
    rows, affected = must(log, "DELETE FROM t WHERE id > $1 RETURNING id", 998)
    assert.same({ { id = 999 }, { id = 1000 } }, rows)
    assert.equal(2, affected)
    assert.equal(998, #must(log, "SELECT * FROM t"))
    assert.equal(0, (select(2, must(log, "UPDATE t SET id = 1 WHERE false"))))
    assert.same({}, must(log, "SELECT * FROM t WHERE false"))
    assert.same({}, must(log, ""))
  end)

  it("runs several statements as one transaction, and gives the last one's rows", function()
    assert.same({ { b = 2 } }, must(log, "SELECT 1 AS a; SELECT 2 AS b"))
    local rows, err = log:query("CREATE TABLE half (id int); INSERT INTO half VALUES (1); SELECT 1/0; SELECT 5")
    assert.is_nil(rows)
    assert.equal("22012", err.sqlstate)
    assert.equal("none", value("coalesce(to_regclass('half')::text, 'none')"))
    rows, err = log:query("SELECT $1::int; SELECT 2", 1)
    assert.is_nil(rows)
    assert.equal("42601", err.sqlstate)
  end)

  it("refuses COPY, and goes on", function()
    must(log, "CREATE TABLE copied (id int); INSERT INTO copied SELECT generate_series(1, 50000)")
    for _, sql in ipairs({ "COPY copied TO STDOUT", "COPY copied FROM STDIN", "SELECT 1; COPY copied TO STDOUT; SELECT 2" }) do
      for _ = 1, 3 do
        local rows, err = log:query(sql)
        assert.is_nil(rows)
        assert.equal("query", err.kind)
        assert.matches("COPY", err.message)
        assert.equal(1, value("1"))
      end
    end
    assert.equal(50000, value("(SELECT count(*) FROM copied)"))
  end)

  it("tells the first error, with its hint, and goes on", function()
    local rows, err = log:query("SELECT lenght('x')")
    assert.is_nil(rows)
    assert.equal("query", err.kind)
    assert.equal("42883", err.sqlstate)
    assert.is_false(err.retryable)
    assert.matches("lenght", err.message)
    assert.matches("hint", err.message)
    assert.equal(1, value("1"))
  end)

  it("tells a conflict as retryable", function()
    local other = load.connect(db)
    must(log, "CREATE TABLE conflict AS SELECT 1 AS n")
    must(other, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM conflict")
    must(log, "UPDATE conflict SET n = 2")
    local rows, err = other:query("UPDATE conflict SET n = 3")
    assert.is_nil(rows)
    assert.equal("40001", err.sqlstate)
    assert.is_true(err.retryable)
    must(other, "ROLLBACK; SET lock_timeout = '50ms'")
    must(log, "BEGIN; LOCK conflict")
    rows, err = other:query("SELECT * FROM conflict")
    assert.is_nil(rows)
    assert.equal("55P03", err.sqlstate)
    assert.is_true(err.retryable)
    must(log, "ROLLBACK")
    other:close()
  end)

  it("leaves a failed transaction as it is until ROLLBACK", function()
    must(log, "BEGIN; CREATE TABLE gone (id int)")
    assert.is_nil((log:query("SELECT 1/0")))
    local rows, err = log:query("SELECT 1")
    assert.is_nil(rows)
    assert.equal("25P02", err.sqlstate)
    must(log, "ROLLBACK")
    assert.equal("none", value("coalesce(to_regclass('gone')::text, 'none')"))
  end)

  it("takes names and texts of any kind, and many rows and columns", function()
    assert.equal(1, must(log, 'SELECT 1 AS "a b""c ä"')[1]['a b"c ä'])
    assert.equal(100000, #must(log, "SELECT g FROM generate_series(1, 100000) g"))
    local columns = {}
    for i = 1, 1000 do columns[i] = i .. " AS c" .. i end
    local row = must(log, "SELECT " .. table.concat(columns, ", "))[1]
    assert.equal(1000, row.c1000)
    assert.equal(1, row.c1)
  end)

  it("keeps the session: settings, temporary tables, prepared statements", function()
    must(log, "SET application_name = 'kept'; CREATE TEMP TABLE own (id int); PREPARE p AS SELECT 8 AS n")
    assert.equal("kept", value("current_setting('application_name')"))
    assert.equal(8, must(log, "EXECUTE p")[1].n)
    assert.equal(0, #must(log, "SELECT * FROM own"))
  end)
end)
