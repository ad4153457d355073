-- A connection that is made when a statement needs it, and made again only where nothing of what
-- was begun on it can go on.
local forgelog = require "forgelog"
local logs = require "support.logs"
local relay = require "support.relay"
local support = require "support"

local must = logs.must

describe("a connection on demand", function()
  local db, watcher, log

  setup(function()
    db, watcher = logs.installed()
    must(watcher, "CREATE TABLE effect (n int)")
  end)
  teardown(function()
    watcher:close()
    support.drop(db)
  end)
  after_each(function()
    if log then log:close() end
    log = nil
  end)

  local function make(conninfo, seconds)
    log = forgelog.unconnected((conninfo or db) .. " application_name=demand", nil, seconds or 10)
  end

  local function sessions() return #relay.sessions(watcher, "demand") end

  local function terminate()
    must(watcher, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      .. "WHERE application_name = 'demand'")
    support.wait_until(function() return sessions() == 0 end, "the session's end")
  end

  local function effects() return must(watcher, "SELECT count(*) AS n FROM effect")[1].n end

  it("is made by the first statement, and by no other call", function()
    make()
    log.connection:may_connect()
    assert.is_false(log.connection:in_transaction())
    assert.equal("forgelog: forge_change_log (closed)", tostring(log))
    assert.equal(0, sessions())
    assert.equal(7, must(log, "SELECT 7 AS n")[1].n)
    must(log, "SELECT 8 AS n")
    assert.equal(1, sessions())
  end)

  it("serves all that a log does", function()
    make()
    must(watcher, "INSERT INTO item (n) VALUES (1)")
    assert.is_true(#logs.drained(log, 0) > 0)
    log:close()
    make()
    assert.is_string(log:position())
    log:close()
    assert.has_error(function() log:query("SELECT 1") end)
  end)

  it("is made again where it was lost between two tasks", function()
    make()
    for _ = 1, 3 do
      must(log, "SELECT 1")
      terminate()
      log.connection:may_connect()
    end
    must(log, "SELECT 1")
    assert.equal(1, sessions())
  end)

  it("is not made again before its user says that nothing goes on", function()
    make()
    must(log, "BEGIN; INSERT INTO effect VALUES (1)")
    terminate()
    for _ = 1, 2 do
      local rows, err = log:query("INSERT INTO effect VALUES (2)")
      assert.is_nil(rows)
      assert.equal("lost", err.kind)
    end
    assert.equal(0, sessions())
    assert.equal(0, effects())
    log.connection:may_connect()
    must(log, "INSERT INTO effect VALUES (3)")
    assert.equal(1, effects())
  end)

  it("is made again where a network has dropped it without a word", function()
    local between = relay.start(db)
    make(between.conninfo, 0.5)
    must(log, "SELECT 1")
    between:drop()
    log.connection:may_connect()
    logs.pause(1.1)
    local started = logs.now()
    must(log, "SELECT 1")
    assert.is_true(logs.now() - started < 2)
    between:stop()
  end)

  it("says so where no server can be reached, and tries again", function()
    make("host=127.0.0.1 port=1 dbname=x user=x")
    for _ = 1, 2 do
      local rows, err = log:query("SELECT 1")
      assert.is_nil(rows)
      assert.same({ "connect", true }, { err.kind, err.retryable })
    end
  end)
end)
