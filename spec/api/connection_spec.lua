-- The connection of a log: all the ways libpq has to say where to connect to, any SQL on it, and
-- what happens to a statement that does not come to its end.
local connections = require "support.connections"
local failures = require "support.failures"
local forgelog = require "forgelog"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local must, check = logs.must, failures.check
local type_of_number = rawget(math, "type") -- a Lua with integers has it

describe("connect", function()
  local whoami, whoami_with = connections.whoami, connections.whoami_with
  local base, host, port, odd, plain, drop_plain, log

  setup(function()
    base = support.conninfo()
    host, port = base:match("host=(%S+)"), base:match("port=(%S+)")
    odd = "odd 'name' \\ = " .. process.unique()
    log = logs.connect(base)
    must(log, 'CREATE DATABASE "' .. odd .. '"')
    plain, drop_plain = logs.role(log)
  end)
  teardown(function()
    must(log, 'DROP DATABASE "' .. odd .. '"')
    drop_plain()
    log:close()
  end)

  it("takes a string of keywords and values", function()
    local who, application = whoami(base)
    assert.equal("postgres postgres", who)
    assert.equal("forgelog", application)
    local other = base:gsub("user=postgres", "user=" .. plain) .. " application_name='my program'"
    assert.same({ plain .. " postgres", "my program" }, { whoami(other) })
  end)

  it("takes a URI", function()
    local quoted = host:gsub("/", "%%2F")
    local uri = ("postgresql://%s@%s:%s/postgres"):format(plain, quoted, port)
    assert.equal(plain .. " postgres", (whoami(uri)))
    local escaped = odd:gsub("[^%w_]", function(char) return ("%%%02X"):format(char:byte()) end)
    uri = ("postgres://postgres@127.0.0.1:%s/%s"):format(port, escaped)
    assert.equal("postgres " .. odd, (whoami(uri)))
  end)

  it("takes a table of keywords, whatever is in its values", function()
    assert.same({ "postgres " .. odd, "it's \\ a 'test'" }, { whoami({ host = host, port = port,
      user = "postgres", dbname = odd, application_name = "it's \\ a 'test'" }) })
    assert.equal(plain .. " postgres", (whoami({ host = "127.0.0.1", port = tonumber(port),
      user = plain, dbname = "postgres", options = "" })))
  end)

  it("takes nothing, and then the environment", function()
    local environment = ("PGHOST='%s' PGPORT=%s PGUSER=%s PGDATABASE=postgres"):format(host, port,
      plain)
    for _, conninfo in ipairs({ "nil", "''", "{}" }) do
      assert.equal(plain .. " postgres", whoami_with(environment, conninfo))
    end
    assert.equal("postgres postgres", whoami_with(environment, "'user=postgres'"))
  end)

  it("tries one host after another", function()
    local two = ("host=127.0.0.1,%s port=1,%s user=%s dbname=postgres"):format(host, port, plain)
    assert.equal(plain .. " postgres", (whoami(two)))
    two = ("postgres://%s@127.0.0.1:1,127.0.0.1:%s/postgres"):format(plain, port)
    assert.equal(plain .. " postgres", (whoami(two)))
    local none, err = forgelog.connect(base .. " target_session_attrs=standby")
    assert.is_nil(none)
    assert.equal("connect", err.kind)
  end)

  it("finds the log by the search path, or in the schema it is told", function()
    local db = support.database()
    local own = logs.connect(db)
    must(own, 'CREATE SCHEMA "Odd ""one"; CREATE SCHEMA other')
    assert(own:install({ schema = 'Odd "one' }))
    assert(own:install({ schema = "other" }))
    must(own, [[
      INSERT INTO other.forge_change_log (table_name, op) VALUES ('o', 'INSERT');
      INSERT INTO "Odd ""one".forge_change_log (table_name, op)
        VALUES ('a', 'INSERT'), ('b', 'INSERT')]])
    assert.equal("schema", logs.drain_error(own).kind)
    must(own, "SET search_path = other")
    assert.same({ "o" }, logs.drained(own, 0, nil, "table_name"))
    -- another log has another history: what was known of the horizon is not carried over
    must(own, [[SET search_path = "Odd ""one"]])
    assert.same({ "a", "b" }, logs.drained(own, 0, nil, "table_name"))
    own:close()
    own = logs.connect(db, { schema = 'Odd "one' })
    assert.equal(2, own:max_seq())
    assert.same({ "a", "b" }, logs.drained(own, 0, nil, "table_name"))
    own:close()
    support.drop(db)
  end)

  local function fails(conninfo, sqlstate, retryable, text)
    local none, err = forgelog.connect(conninfo)
    assert.is_nil(none)
    check(err, "connect", sqlstate, retryable, text)
  end

  it("says what failed", function()
    fails("host=127.0.0.1 port=1 user=plain", nil, true, "refused")
    fails("host=/nonexistent user=plain", nil, true, "/nonexistent")
    fails(base .. " dbname=nowhere", "3D000", false, "nowhere")
    fails(base .. " user=stranger", "28000", false, "stranger")
    fails(base .. " host=127.0.0.1 sslmode=require", nil, true, "SSL")
  end)

  it("says what is wrong with a conninfo", function()
    for _, conninfo in ipairs({ "nonsense", "host", "hots=x", "postgres://[", "port=x host=y",
      "sslmode=maybe host=y" }) do
      local none, err = forgelog.connect(conninfo)
      assert.is_nil(none)
      assert.equal("connect", err.kind)
      assert.is_true(#err.message > 5)
    end
    local none, err = forgelog.connect({ hots = "x" })
    assert.is_nil(none)
    assert.matches("hots", err.message)
  end)

  it("gives its connection back: close, and collection", function()
    local counted = "counted " .. process.unique()
    local conninfo = ("%s application_name='%s'"):format(base, counted)
    local function count()
      return must(log, "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1",
        counted)[1].n
    end
    local own = logs.connect(conninfo)
    assert.equal(1, count())
    own:close()
    support.wait_until(function() return count() == 0 end, "the close", 5)
    for _ = 1, 20 do logs.connect(conninfo) end
    collectgarbage() collectgarbage()
    support.wait_until(function() return count() == 0 end, "the collection", 5)
  end)
end)

describe("query", function()
  local db, log
  setup(function() db = support.database(); log = logs.connect(db) end)
  teardown(function() log:close(); support.drop(db) end)

  local function value(sql, ...) return must(log, "SELECT " .. sql .. " AS value", ...)[1].value end

  it("gives numbers and booleans as such, NULL as nil, all else as text", function()
    local row = must(log, [[
      SELECT 1::int2 AS a, -2 AS b, 3::int8 AS c, 4::oid AS d, 0.5::float4 AS e, 0.1::float8 AS f,
             true AS g, false AS h, NULL::int AS i, NULL AS j, 1.50::numeric AS k,
             'x'::varchar AS l, '{1,2}'::int[] AS m, '2001-02-03'::date AS n,
             '{"a": 1}'::jsonb AS o, ''::text AS p, 'f'::text AS q, '\x00ff'::bytea AS r]])[1]
    assert.same({ a = 1, b = -2, c = 3, d = 4, e = 0.5, f = 0.1, g = true, h = false,
      k = "1.50", l = "x", m = "{1,2}", n = "2001-02-03", o = '{"a": 1}', p = "", q = "f",
      r = "\\x00ff" }, row)
    if type_of_number then
      assert.equal("integer", type_of_number(row.c))
      assert.equal("float", type_of_number(row.f))
      assert.equal("float", type_of_number(value("1::float8")))
    end
  end)

  it("gives big integers exactly: as integers, or as text where they would be rounded", function()
    assert.equal(9007199254740992, value("9007199254740992"))
    for _, digits in ipairs({ "9007199254740993", "-9007199254740993", "9223372036854775807",
      "-9223372036854775808" }) do
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
    for _, number in ipairs({ 1 / 0, -1 / 0, 0.1, 1 / 3, 1e300, -5e-324, 1e15, 123456789012, 2 ^ 53,
      2 ^ 63, 0.1 + 0.2 }) do
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

  it("returns the rows, and how many were written", function()
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
    local rows, err = log:query([[CREATE TABLE half (id int); INSERT INTO half VALUES (1);
      SELECT 1/0; SELECT 5]])
    assert.is_nil(rows)
    assert.equal("22012", err.sqlstate)
    assert.equal("none", value("coalesce(to_regclass('half')::text, 'none')"))
    rows, err = log:query("SELECT $1::int; SELECT 2", 1)
    assert.is_nil(rows)
    assert.equal("42601", err.sqlstate)
  end)

  it("refuses COPY, and goes on", function()
    must(log, "CREATE TABLE copied (id int); INSERT INTO copied SELECT generate_series(1, 50000)")
    for _, sql in ipairs({ "COPY copied TO STDOUT", "COPY copied FROM STDIN",
      "SELECT 1; COPY copied TO STDOUT; SELECT 2" }) do
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

  it("returns the first error, with its hint, and goes on", function()
    local rows, err = log:query("SELECT lenght('x')")
    assert.is_nil(rows)
    assert.equal("query", err.kind)
    assert.equal("42883", err.sqlstate)
    assert.is_false(err.retryable)
    assert.matches("lenght", err.message)
    assert.matches("hint", err.message)
    assert.equal(1, value("1"))
  end)

  it("reports a conflict as retryable", function()
    local other = logs.connect(db)
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
    must(log, [[SET application_name = 'kept'; CREATE TEMP TABLE own (id int);
      PREPARE p AS SELECT 8 AS n]])
    assert.equal("kept", value("current_setting('application_name')"))
    assert.equal(8, must(log, "EXECUTE p")[1].n)
    assert.equal(0, #must(log, "SELECT * FROM own"))
  end)
end)

-- What makes every operation of another connection wait.
local LOCK = "BEGIN; LOCK forge_change_log IN ACCESS EXCLUSIVE MODE"

describe("a statement that does not come to its end", function()
  local db, log, other
  before_each(function()
    db, log = logs.installed()
    other = logs.connect(db)
    logs.fill(log, 3000)
  end)
  after_each(function() other:close(); log:close(); support.drop(db) end)

  -- Cancels what the log's connection runs as soon as it waits for a lock.
  local function cancel_soon()
    local pid = logs.backend(log)
    return support.lua([[
      local conninfo, pid = ...
      local log = require("support.logs").connect(conninfo)
      require("support").wait_until(function()
        return log:query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
          .. "WHERE pid = $1 AND wait_event_type = 'Lock'", pid)[1]
      end, "the statement")
    ]], db, pid)
  end

  it("was cancelled: a query, a drain", function()
    must(other, LOCK)
    local canceller = cancel_soon()
    local rows, err = log:query("SELECT count(*) FROM forge_change_log")
    assert.is_nil(rows)
    check(err, "query", "57014", true, "cancel")
    assert.is_true(canceller:wait())
    canceller = cancel_soon()
    check(logs.drain_error(log), "query", "57014", true, "cancel")
    assert.is_true(canceller:wait())
    must(other, "COMMIT")
    assert.equal(3000, #logs.drained(log))
  end)

  it("took longer than the timeout: a query, a drain before and in its loop", function()
    log:close()
    log = logs.connect_slowly(db, 0.2)
    local started = logs.now()
    local rows, err = log:query("SELECT pg_sleep(20)")
    assert.is_nil(rows)
    check(err, "timeout", "57014", true, "0.2 s;")
    failures.usable(log)
    must(other, LOCK)
    check(logs.drain_error(log), "timeout", "57014", true, "0.2 s;")
    failures.usable(log)
    must(other, "COMMIT")
    local seqs = {}
    local ok, why = pcall(function()
      for change in log:drain() do
        seqs[#seqs + 1] = change.seq
        if #seqs == 100 then must(other, LOCK) end
      end
    end)
    assert.is_false(ok)
    check(why, "timeout", "57014", true, "0.2 s;")
    must(other, "COMMIT")
    assert.equal(3000 - #seqs, #logs.drained(log, seqs[#seqs]))
    assert.is_true(logs.now() - started < logs.at_most(10))
  end)

  it("lost its connection: pg_terminate_backend in the middle of a drain", function()
    local pid, n = logs.backend(log), 0
    logs.fill(other, 20000)
    local ok, err = pcall(function()
      for _ in log:drain() do
        n = n + 1
        if n == 1000 then must(other, "SELECT pg_terminate_backend($1, 5000)", pid) end
      end
    end)
    assert.is_false(ok)
    assert.is_true(n >= 1000 and n < 23000)
    assert.equal("lost", err.kind)
    assert.is_true(err.retryable)
    for _, name in ipairs(failures.OPERATIONS) do
      check(failures.of(log, name), "lost", nil, true, "connect again")
    end
    local rows
    rows, err = log:query("SELECT 1")
    assert.is_nil(rows)
    check(err, "lost", nil, true, "connect again")
    log:close()
    log = logs.connect(db)
    assert.equal(23000 - n, #logs.drained(log, n))
  end)

  it("says nothing on stderr", function()
    local ok, output, errors = support.lua([[
      local log = require("support.logs").connect((...))
      assert(log:query("DO $$ BEGIN RAISE NOTICE 'noise'; RAISE WARNING 'noise'; END $$; "
        .. "DROP TABLE IF EXISTS none"))
      assert(not log:query("SELECT 1/0"))
      assert(not require("forgelog").connect("host=127.0.0.1 port=1"))
      print("end")
    ]], db):wait()
    assert.is_true(ok)
    assert.equal("end\n", output)
    assert.equal("", errors)
  end)
end)

describe("an operation while another one is under way", function()
  it("is refused, as by a coroutine of its own", function()
    local db = support.database()
    local waiter = { now = logs.now, wait = function(...) return coroutine.yield(...) end }
    local run = coroutine.wrap(function()
      local log = assert(forgelog.connect(db, { wait = waiter }))
      coroutine.yield(log)
      return must(log, "SELECT pg_sleep(0.05), 7 AS n")[1]
    end)
    local poll = require("forgelog.wait.poll")
    -- Goes on until it returns something else than what it waits for.
    local function on(...)
      if type((...)) ~= "number" then return ... end
      poll.wait(...)
      return on(run(true))
    end
    local log = on(run())
    local fd, events, seconds = run()
    local rows, err = log:query("SELECT 1")
    assert.is_nil(rows)
    check(err, "query", nil, false, "coroutine")
    poll.wait(fd, events, seconds)
    assert.equal(7, on(run(true)).n)
    log:close()
    support.drop(db)
  end)
end)
