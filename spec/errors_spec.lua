-- Each failure has its kind, says what to do, and leaves the log usable or closed.
local forgelog = require "forgelog"
local load = require "support.load"
local support = require "support"

local must = load.must

-- An error as every failure at run time has it.
local function check_error(err, kind, sqlstate, retryable, text)
  assert.is_table(err)
  assert.equal(kind, err.kind)
  assert.equal(sqlstate, err.sqlstate)
  assert.equal(retryable, err.retryable)
  assert.matches(text, err.message, 1, true)
  assert.matches("forgelog: " .. kind .. ": ", tostring(err), 1, true)
  assert.matches(err.message, tostring(err), 1, true)
  if sqlstate then assert.matches(sqlstate, tostring(err), 1, true) end
end

local function usable(log) assert.equal(1, must(log, "SELECT 1 AS n")[1].n) end

-- What each operation returns or raises at run time.
local function failure(log, name)
  if name == "drain" then return (load.drain_error(log, 0)) end
  local result, err = log[name](log, name == "trim" and 0 or name == "gap" and 1 or nil)
  assert.is_nil(result)
  return err
end

local OPERATIONS = { "drain", "min_seq", "max_seq", "gap", "horizon", "trim" }

describe("a database without a log", function()
  local db, log
  setup(function() db = support.database(); log = load.connect(db) end)
  teardown(function() log:close(); support.drop(db) end)

  for _, name in ipairs(OPERATIONS) do
    it("is told by " .. name, function()
      check_error(failure(log, name), "schema", "42P01", false, "install")
      usable(log)
    end)
  end

  it("is told when the log is looked for in another schema", function()
    local other = load.connect(db, { schema = 'no "such" one' })
    check_error(failure(other, "drain"), "schema", "42P01", false, 'no ""such"" one')
    usable(other)
    other:close()
  end)
end)

describe("a role without the rights", function()
  local db, owner, log
  setup(function()
    db, owner = load.framework()
    must(owner, "INSERT INTO item (n) VALUES (1), (2); DROP ROLE IF EXISTS forgelog_nobody; CREATE ROLE forgelog_nobody LOGIN")
    log = load.connect((db:gsub("user=%S+", "user=forgelog_nobody")))
  end)
  teardown(function()
    log:close()
    must(owner, "DROP OWNED BY forgelog_nobody; DROP ROLE forgelog_nobody")
    owner:close()
    support.drop(db)
  end)

  for _, name in ipairs(OPERATIONS) do
    it("is told by " .. name, function()
      check_error(failure(log, name), "query", "42501", false, "forge_change_log")
      usable(log)
    end)
  end

  it("may do all but trim with SELECT on a plain log", function()
    must(owner, "GRANT SELECT ON forge_change_log TO forgelog_nobody")
    assert.same({ 1, 2 }, load.drained(log))
    assert.same({ 1, 2 }, { log:min_seq(), log:max_seq() })
    assert.equal(2, (log:horizon()))
    assert.is_false(log:gap(1))
    local _, err = log:trim(os.time() + 10, { min_rows = 0 })
    check_error(err, "query", "42501", false, "forge_change_log")
    assert.equal(0, err.deleted)
    assert.equal(0, must(owner, "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'")[1].n)
    must(owner, "DELETE FROM forge_change_log WHERE seq = 1")
    assert.equal("trimmed", (log:gap(0)))
    must(owner, "REVOKE ALL ON forge_change_log FROM forgelog_nobody")
  end)

  it("is told of a schema it may not use", function()
    must(owner, "CREATE SCHEMA closed; CREATE TABLE closed.forge_change_log ()")
    local other = load.connect((db:gsub("user=%S+", "user=forgelog_nobody")), { schema = "closed" })
    check_error(failure(other, "drain"), "query", "42501", false, "closed")
    usable(other)
    other:close()
  end)
end)

describe("a log whose sequence does not ascend one by one", function()
  local db, log
  before_each(function()
    db, log = load.installed()
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
  end)
  after_each(function() log:close(); support.drop(db) end)

  for _, change in ipairs({ "CACHE 10", "INCREMENT 2" }) do
    it("is refused: " .. change, function()
      must(log, "ALTER SEQUENCE forge_change_log_seq_seq " .. change)
      for _, name in ipairs({ "drain", "horizon" }) do
        check_error(failure(log, name), "schema", nil, false, change:match("%a+ %d+"))
        assert.matches("ALTER SEQUENCE", failure(log, name).message)
      end
      must(log, "ALTER SEQUENCE forge_change_log_seq_seq CACHE 1 INCREMENT 1")
      assert.same({ 1, 2 }, load.drained(log))
    end)
  end

  it("is refused without a sequence", function()
    must(log, "ALTER TABLE forge_change_log ALTER seq DROP DEFAULT; ALTER SEQUENCE forge_change_log_seq_seq OWNED BY NONE")
    check_error(failure(log, "drain"), "schema", nil, false, "sequence")
    usable(log)
  end)
end)

describe("a statement that does not come to its end", function()
  local db, log, other
  before_each(function()
    db, log = load.installed()
    other = load.connect(db)
    load.fill(log, 3000)
  end)
  after_each(function() other:close(); log:close(); support.drop(db) end)

  -- Cancels what the log's connection runs as soon as it waits for a lock.
  local function cancel_soon()
    local pid = must(log, "SELECT pg_backend_pid() AS pid")[1].pid
    return support.lua([[
      local conninfo, pid = ...
      local support, log = require "support", require("support.load").connect(conninfo)
      local cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'"
      support.wait_until(function()
        return log:query(cancel, pid)[1]
      end, "the statement")
    ]], db, pid)
  end

  it("was cancelled: a query, a drain", function()
    must(other, "BEGIN; LOCK forge_change_log IN ACCESS EXCLUSIVE MODE")
    local canceller = cancel_soon()
    local rows, err = log:query("SELECT count(*) FROM forge_change_log")
    assert.is_nil(rows)
    check_error(err, "query", "57014", true, "cancel")
    assert.is_true(canceller:wait())
    canceller = cancel_soon()
    check_error(load.drain_error(log), "query", "57014", true, "cancel")
    assert.is_true(canceller:wait())
    must(other, "COMMIT")
    assert.equal(3000, #load.drained(log))
  end)

  it("took longer than the timeout: a query, a drain before and in its loop", function()
    log:close()
    log = load.connect(db, { timeout = 0.2 })
    local started = load.now()
    local rows, err = log:query("SELECT pg_sleep(20)")
    assert.is_nil(rows)
    check_error(err, "timeout", "57014", true, "0.2 seconds")
    usable(log)
    must(other, "BEGIN; LOCK forge_change_log IN ACCESS EXCLUSIVE MODE")
    check_error(load.drain_error(log), "timeout", "57014", true, "0.2 seconds")
    usable(log)
    must(other, "COMMIT")
    local seqs = {}
    local ok, why = pcall(function()
      for change in log:drain() do
        seqs[#seqs + 1] = change.seq
        if #seqs == 100 then must(other, "BEGIN; LOCK forge_change_log IN ACCESS EXCLUSIVE MODE") end
      end
    end)
    assert.is_false(ok)
    check_error(why, "timeout", "57014", true, "0.2 seconds")
    must(other, "COMMIT")
    assert.equal(3000 - #seqs, #load.drained(log, seqs[#seqs]))
    assert.is_true(load.now() - started < load.at_most(10))
  end)

  it("lost its connection: pg_terminate_backend in the middle of a drain", function()
    local pid, n = must(log, "SELECT pg_backend_pid() AS pid")[1].pid, 0
    load.fill(other, 20000)
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
    for _, name in ipairs(OPERATIONS) do check_error(failure(log, name), "lost", nil, true, "connect again") end
    local rows
    rows, err = log:query("SELECT 1")
    assert.is_nil(rows)
    check_error(err, "lost", nil, true, "connect again")
    log:close()
    log = load.connect(db)
    assert.equal(23000 - n, #load.drained(log, n))
  end)

  it("said nothing on stderr but to the program", function()
    local ok, output, errors = support.lua([[
      local log = require("support.load").connect((...))
      assert(log:query("DO $$ BEGIN RAISE NOTICE 'noise'; RAISE WARNING 'noise'; END $$; DROP TABLE IF EXISTS none"))
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
    local waiter = { now = load.now, wait = function(...) return coroutine.yield(...) end }
    local run = coroutine.wrap(function()
      local log = assert(forgelog.connect(db, { wait = waiter }))
      coroutine.yield(log)
      return must(log, "SELECT pg_sleep(0.05), 7 AS n")[1]
    end)
    local poll = require("forgelog.wait.poll")
    local function on(...)
      if type((...)) ~= "number" then return ... end
      poll.wait(...)
      return on(run(true))
    end
    local log = on(run())
    local fd, events, seconds = run()
    local rows, err = log:query("SELECT 1")
    assert.is_nil(rows)
    check_error(err, "query", nil, false, "coroutine")
    poll.wait(fd, events, seconds)
    assert.equal(7, on(run(true)).n)
    log:close()
    support.drop(db)
  end)
end)
