-- A statement over its time is cancelled on the server, and only that statement.
local command = require "support.command"
local failures = require "support.failures"
local logs = require "support.logs"
local outage = require "support.outage"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must

describe("a statement over its time", function()
  local db, watcher
  setup(function()
    db = support.database()
    watcher = logs.connect(db)
  end)
  teardown(function()
    watcher:close()
    support.drop(db)
  end)

  local function running(text)
    return must(watcher, "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active'"
      .. " AND pid <> pg_backend_pid() AND strpos(query, $1) > 0", text)[1].n
  end

  it("ends on the server too", function()
    local log = logs.connect_slowly(db, 0.2)
    local rows, err = log:query("SELECT pg_sleep(30) /* mine */")
    assert.is_nil(rows)
    assert.equal("timeout", err.kind)
    assert.equal("57014", err.sqlstate)
    assert.equal(0, running("/* mine */"))
    failures.usable(log:limited(5))
    log:close()
  end)

  it("ends nothing else of its connection", function()
    local log = logs.connect_slowly(db, 0.05)
    local cancelled, done = 0, 0
    for i = 1, 60 do -- some end at about their time, so that cancelling comes too late
      local rows, err = log:query(("SELECT pg_sleep(%f)"):format(0.02 + i % 20 * 0.004))
      if not rows then
        assert.equal("timeout", err.kind)
        cancelled = cancelled + 1
      else
        done = done + 1
      end
      rows, err = log:limited(5):query("SELECT 1 AS n, pg_sleep(0.005)")
      assert(rows, tostring(err))
    end
    support.note("%d cancelled, %d done", cancelled, done)
    assert.is_true(cancelled > 0 and done > 0)
    log:close()
  end)

  it("that has failed by itself says why", function()
    local log = logs.connect(db):limited(0.3)
    must(log:limited(5), "CREATE TEMP TABLE once (id int PRIMARY KEY)")
    must(log:limited(5), "INSERT INTO once VALUES (1)")
    -- Its error is on the way when the time is over.
    local waits = log.connection._state.waiter
    local slow = setmetatable({}, { __index = waits })
    function slow.wait() waits.wait(nil, "", 0.4) end
    log.connection._state.waiter = slow
    local _, err = log:query("INSERT INTO once SELECT 1 FROM pg_sleep(0.2)")
    log.connection._state.waiter = waits
    assert.equal("23505", err.sqlstate)
    assert.is_false(err.retryable)
    log:close()
  end)

  it("ends on the server behind a pooler, where its process is another one", function()
    local pool = pooler.start(db)
    local took = logs.soon(0.3, function()
      local log = logs.connect(pool.conninfo):limited(0.2)
      local started = logs.now()
      local rows, err = log:query("SELECT pg_sleep(30) /* pooled */")
      local passed = logs.now() - started
      assert.is_nil(rows)
      assert.equal("timeout", err.kind)
      support.wait_until(function() return running("/* pooled */") == 0 end, "its end")
      log:close()
      return passed
    end)
    assert.is_true(took < logs.at_most(0.3), took)
    pool:stop()
  end)
end)

describe("a time limit on a server that has died", function()
  local server, db, log
  before_each(function()
    server = support.server()
    db, log = logs.installed(server.conninfo)
    log:close()
  end)
  after_each(function()
    log:close()
    server:stop()
  end)

  it("holds: a statement, a drain, a trim, a feed, each in the middle", function()
    local late = {}
    local function check(what, seconds, call)
      local took = logs.soon(seconds + 0.1, function()
        if log then log:close() end
        log = logs.connect(db):limited(seconds)
        local resume, err = call(log), nil
        local passed = outage.during(server, function() err = resume() end)
        assert.equal("timeout", err.kind, what)
        return passed
      end)
      if took < seconds or took > logs.at_most(seconds + 0.1) then
        late[#late + 1] = ("%s: %.3f s instead of %.3f"):format(what, took, seconds)
      end
      log:close()
    end
    check("a statement", 0.3, function()
      return function() return select(2, log:query("SELECT 1")) end
    end)
    check("a drain", 0.3, function()
      return function() return logs.drain_error(log) end
    end)
    check("a trim", 0.3, function()
      return function() return select(2, log:trim(os.time())) end
    end)
    check("a feed", 0.4, function()
      local feed = log:follow(0, { silence = 5 })
      assert.equal("timeout", select(2, feed:next(0)).kind)
      return function() return select(2, feed:next(0.4)) end
    end)
    assert.same({}, late)
  end)

  -- Seconds that the command takes to end after a signal.
  local function ends_after(program, what)
    local started = logs.now()
    program:kill("INT")
    program:wait()
    local took = logs.now() - started
    support.note("%s ended %.3f s after the signal", what, took)
    return took
  end

  -- Signals a command that connects and one that follows, on a server that has died.
  local function signalled()
    local following = support.start("exec " .. command.line(db, "follow"))
    support.wait_until(function()
      return must(log, "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'ClientRead'"
        .. " AND application_name = 'forgelog' AND pid <> pg_backend_pid()")[1].n > 0
    end, "the follower")
    outage.begin(server)
    local connecting = support.start("exec " .. command.line(db, "drain"))
    support.wait_until(function()
      return (support.run(("ls -l /proc/%s/fd | grep -q socket"):format(connecting.pid)))
    end, "the socket of the drain")
    local slower = math.max(ends_after(connecting, "a drain that connects"),
      ends_after(following, "a follow"))
    outage.finish(server)
    return slower
  end

  it("holds for a signal to the command, while it connects and while it follows", function()
    log = logs.connect(db)
    -- 0.1 seconds more are for the end of the process.
    local took = logs.soon(0.2, function() return signalled() end)
    assert.is_true(took < logs.at_most(0.2), took)
  end)
end)
