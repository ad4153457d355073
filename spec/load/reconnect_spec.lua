-- Whatever happens to its connection, a feed goes on by itself from where it was, or says that it
-- cannot.
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- A feed that notes what it went on after.
local function followed(conninfo, opts)
  local errors = {}
  local options = { backoff = 0.02, backoff_max = 0.5, poll = 0.3, silence = 1,
    on_error = function(err, attempt) errors[#errors + 1] = { err = err, attempt = attempt,
      at = core.now() } end }
  for name, value in pairs(opts or {}) do options[name] = value end
  local log = logs.connect(conninfo)
  return log:follow(0, options), errors, log
end

local function add(writer) must(writer, "INSERT INTO item (n) VALUES (1)") end
describe("a feed", function()
  local db, log, writer
  before_each(function()
    db, log = logs.installed()
    writer = logs.connect(db)
  end)
  after_each(function()
    log:close(); writer:close()
    support.drop(db)
  end)

  it("goes on when its backend is ended while it sleeps, and between two calls", function()
    local feed, errors, own = followed(db)
    add(writer)
    assert.equal(1, feed:next(5).seq)
    for round = 1, 3 do
      assert.is_nil(feed:next(0.05))
      feeds.terminate(writer, own.connection:fact("backend"))
      add(writer)
      assert.equal(round + 1, feed:next(5).seq)
      assert.equal("lost", errors[round].err.kind)
      assert.equal(1, errors[round].attempt)
    end
    assert.equal(3, feed:stats().reconnects)
    assert.is_true(feed:stats().connected)
    own:close()
  end)

  it("goes on in the middle of what it reads, and loses and repeats nothing", function()
    local feed, errors, own = followed(db)
    logs.fill(writer, 5000)
    local seqs = {}
    for round = 1, 5 do
      for _ = 1, 700 do seqs[#seqs + 1] = assert(feed:next(5)).seq end
      if round < 5 then feeds.terminate(writer, own.connection:fact("backend")) end
    end
    feeds.take_all(feed, seqs)
    assert.is_true(#errors >= 1)
    logs.complete(logs.compare(writer, seqs))
    own:close()
  end)

  it("hands out what a long transaction commits while it is away", function()
    local feed, _, own = followed(db)
    local long = logs.connect(db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    add(writer)
    assert.equal(2, feed:next(5).seq)
    feeds.terminate(writer, own.connection:fact("backend"))
    must(long, "COMMIT")
    add(writer)
    assert.equal(1, feed:next(5).seq)
    assert.equal(3, feed:next(5).seq)
    own:close(); long:close()
  end)

  it("says gap when the log was trimmed, emptied or made anew while it was away", function()
    for reason, sql in pairs {
      trimmed = "INSERT INTO item (n) VALUES (1), (2), (3); DELETE FROM forge_change_log WHERE "
        .. "seq < 4",
      reset = "DROP TABLE forge_change_log, forge_change_log_state CASCADE",
    } do
      local feed, _, own = followed(db)
      add(writer)
      assert(feed:next(5))
      feeds.take_all(feed, {}, 0.05)
      feeds.terminate(writer, own.connection:fact("backend"))
      must(writer, sql)
      if reason == "reset" then assert(writer:install()) end
      for _ = 1, 2 do
        local _, err = feed:next(5)
        assert.equal("gap", err.kind)
        assert.equal(reason, err.reason)
        assert.is_false(err.retryable)
      end
      own:close()
    end
  end)

  it("tells at once what does not pass by itself", function()
    local feed, errors, own = followed(db)
    assert.is_nil(feed:next(0.05))
    must(writer, "ALTER TABLE forge_change_log RENAME TO elsewhere")
    feeds.terminate(writer, own.connection:fact("backend"))
    assert.equal("schema", select(2, feed:next(5)).kind)
    must(writer, "ALTER TABLE elsewhere RENAME TO forge_change_log")
    add(writer)
    assert.equal(1, feed:next(5).seq)
    assert.equal(1, #errors)
    own:close()
  end)

  it("gives the bell back when a look of its own was cancelled", function()
    local feed, errors, own = followed(db)
    feeds.lies_down(feed, "owned")
    must(writer, "BEGIN; LOCK TABLE forge_change_log")
    local cancel = support.lua([[
      local log = require("forgelog").connect(...)
      repeat
        local rows = log:query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
          .. " WHERE wait_event_type = 'Lock' AND datname = current_database()"
          .. " AND pid = $1::int", (select(2, ...)))
      until #rows > 0]], db, tostring(own.connection:fact("backend")))
    assert.is_nil(feed:next(1.5))
    cancel:wait()
    must(writer, "COMMIT")
    assert.is_true(#errors > 0)
    assert.is_nil(feed:next(1.2))
    assert.equal("owned", feed:stats().bell)
    must(own, "SELECT pg_advisory_unlock(77306496745662)") -- once is enough
    assert.same({}, must(own, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = "
      .. "pg_backend_pid()"))
    own:close()
  end)
end)

describe("a feed of a server of its own", function()
  local server, db, writer
  setup(function()
    server = support.server()
    local log
    db, log = logs.installed(server.conninfo)
    log:close()
  end)
  teardown(function() server:stop() end)
  before_each(function() writer = logs.connect(db) end)
  after_each(function() writer:close() end)

  local function caught_up(opts)
    local feed, errors, own = followed(db, opts)
    feeds.take_all(feed, {}, 0.1)
    return feed, errors, own
  end

  -- What comes next is this change, and nothing else.
  local function hands_out_next(feed, timeout)
    writer:close()
    writer = logs.connect(db)
    local before = must(writer, "SELECT coalesce(max(seq), 0) AS n FROM forge_change_log")[1].n
    add(writer)
    local change = assert(feed:next(timeout or 10))
    assert.is_true(change.seq > before)
    assert.is_nil(feed:next(0.05))
  end

  it("goes on after a restart and after kill -9, waiting longer each time while nobody answers",
    function()
    local feed, errors, own = caught_up()
    server:stop()
    local _, err = feed:next(2)
    assert.equal("timeout", err.kind)
    assert.matches("not connected: ", err.message, 1, true)
    assert.is_true(#errors >= 5 and #errors < 20, #errors .. " tries")
    assert.is_false(feed:stats().connected)
    for i = 2, #errors do
      assert.equal(i, errors[i].attempt)
      assert.equal("connect", errors[i].err.kind)
    end
    -- half to all of 0.02, 0.04, 0.08 ... 0.5 seconds
    assert.is_true(errors[5].at - errors[4].at > 0.079)
    assert.is_true(errors[#errors].at - errors[#errors - 1].at > 0.24)
    server:start()
    hands_out_next(feed)
    server:kill()
    server:start()
    hands_out_next(feed)
    assert.equal(2, feed:stats().reconnects)
    own:close()
  end)

  it("counts a server that does not answer as gone after poll + silence", function()
    local feed, errors, own = caught_up { poll = 0.3, silence = 0.7 }
    local backend, started = own.connection:fact("backend"), core.now()
    assert(support.run("kill -STOP " .. backend))
    assert.equal("timeout", select(2, feed:next(2)).kind)
    assert(support.run("kill -CONT " .. backend))
    assert.equal("timeout", errors[1].err.kind)
    local took = errors[1].at - started
    support.note("a silent connection was given up after %.2f s (poll 0.3, silence 0.7, and 0.1 s "
      .. "for a cancel)", took)
    assert.is_true(took >= 0.7 and took < logs.at_most(0.3 + 0.7 + 0.2), tostring(took))
    hands_out_next(feed)
    own:close()
  end)

  it("goes on when nothing of the server answered for a while", function()
    local feed, errors, own = caught_up { silence = 0.5 }
    local postmaster = select(2,
      support.run("head -n 1 " .. server.dir .. "/data/postmaster.pid")):match("%d+")
    local everybody = select(2, support.run("ps -o pid= --ppid " .. postmaster)):gsub("%s+", " ")
      .. postmaster
    assert(support.run("kill -STOP " .. everybody))
    assert.equal("timeout", select(2, feed:next(5)).kind)
    assert.is_true(#errors >= 2)
    support.run("kill -CONT " .. everybody)
    hands_out_next(feed)
    own:close()
  end)

  it("goes on when its password was changed, and changed back", function()
    must(writer, "CREATE ROLE reader LOGIN SUPERUSER PASSWORD 'one'")
    server:hba("local all reader scram-sha-256")
    local feed, errors, own = followed(db:gsub("user=%S+", "user=reader") .. " password=one")
    feeds.take_all(feed, {}, 0.1)
    must(writer, "ALTER ROLE reader PASSWORD 'two'")
    feeds.terminate(writer, own.connection:fact("backend"))
    assert.equal("timeout", select(2, feed:next(1)).kind)
    assert.equal("28P01", errors[#errors].err.sqlstate)
    must(writer, "ALTER ROLE reader PASSWORD 'one'")
    hands_out_next(feed)
    own:close()
  end)

  it("says gap (failover) on a promoted standby, even if it lacks nothing", function()
    local standby = server:standby()
    local both = ("host=%s,%s port=%s,%s target_session_attrs=read-write %s"):format(
      db:match("host=(%S+)"),
      standby.conninfo:match("host=(%S+)"), db:match("port=(%S+)"), standby.conninfo:match(
        "port=(%S+)"), db:match("user=.*"))
    add(writer)
    local feed, errors, own = followed(both)
    assert.is_true(#feeds.take_all(feed, {}) > 0)
    local position = feed:position()
    server:kill()
    standby:promote()
    assert.equal("failover", select(2, feed:next(20)).reason)
    assert.is_true(#errors >= 1)
    own:close()
    own = logs.connect(both)
    assert.equal("failover", (own:gap(position)))
    feed = own:follow(own:position()) -- as after a resync
    add(own)
    assert(feed:next(5))
    own:close()
    standby:stop()
    server:start()
  end)
end)
