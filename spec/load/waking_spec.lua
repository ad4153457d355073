-- What a follower costs the server while it waits: statements and pages, counted by the server
-- itself (pg_stat_statements), never by a clock.
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a follower", function()
  local server, db, log, other, sleeper
  setup(function()
    server = support.server { "shared_preload_libraries=pg_stat_statements" }
    db, other = logs.installed(server.conninfo)
    must(other, "CREATE EXTENSION pg_stat_statements")
    logs.fill(other, 1000)
  end)
  teardown(function()
    other:close()
    server:stop()
  end)
  before_each(function() log = logs.connect(db) end)
  after_each(function()
    log:close()
    if sleeper then sleeper:kill("KILL"); sleeper:wait() end
    sleeper = nil
  end)

  -- What the server has counted of the statements of `run`.
  local function counted(what, run)
    must(other, "SELECT pg_stat_statements_reset()")
    run()
    return must(other, ("SELECT coalesce(sum(%s), 0)::bigint AS n FROM pg_stat_statements"
      .. " WHERE query NOT LIKE '%%pg_stat_statements%%'"):format(what))[1].n
  end

  local function nothing(feed, seconds)
    assert.equal("timeout", select(2, feed:next(seconds)).kind)
  end

  it("looks seldom beside an idle writer that shares the bell", function()
    local writer, feed = logs.connect(db), log:follow(log:position())
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local statements = counted("calls", function() nothing(feed, 2) end)
    support.note("%d statements in 2 seconds beside an idle writer", statements)
    assert.is_true(statements > 4 and statements <= 60, tostring(statements))
    nothing(feed, 0)
    assert.is_true(feed:timeout() >= 0.2)
    must(other, "INSERT INTO item (n) VALUES (2)")
    assert(feed:next(5))
    nothing(feed, 0)
    assert.is_true(feed:timeout() < 0.005)
    must(writer, "COMMIT")
    assert(feed:next(5))
    feed:close()
    writer:close()
  end)

  -- A fleet of followers does this all at once. Asking who writes is the dearest part, the more so
  -- the more sessions there are.
  it("asks twice who writes when a single change wakes it, and tries the bell once", function()
    local function counts()
      local row = must(other, [[SELECT coalesce(sum(calls), 0)::int AS all,
          coalesce(sum(calls) FILTER (WHERE query LIKE '%pg_locks%'), 0)::int AS locks,
          coalesce(sum(calls) FILTER (WHERE query LIKE '%pg_try_advisory%'), 0)::int AS tries
        FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'
          AND query NOT LIKE 'INSERT%']])[1]
      return { row.all, row.locks, row.tries }
    end
    local first = logs.connect(db)
    local owner = first:follow(first:position(), { poll = 60 })
    feeds.lies_down(owner, "owned")
    local feed = log:follow(log:position(), { poll = 60 })
    feeds.lies_down(feed, "armed")
    for _ = 1, 2 do -- the first time it does not expect that another one holds the bell
      logs.pause(0.1)
      must(other, "SELECT pg_stat_statements_reset()")
      must(other, "INSERT INTO item (n) VALUES (1)")
      assert(feed:next(5))
      feeds.lies_down(feed, "armed")
    end
    assert.same({ 6, 2, 1 }, counts()) -- UNLISTEN, tick, read, LISTEN, bell, tick
    assert(owner:next(5))
    owner:close(); feed:close(); first:close()
  end)

  it("sleeps while a writer goes on and on without committing", function()
    local writer, feed = logs.connect(db), log:follow(log:position(), { poll = 10 })
    must(writer, "BEGIN")
    support.wait_until(function()
      nothing(feed, 0.05)
      return feed:stats().state == "sleep"
    end, "the feed to sleep")
    local looks = 0
    local statements = counted("calls", function()
      for _ = 1, 20 do
        logs.fill(writer, 10)
        nothing(feed, 0.01)
        looks = looks + (feed:stats().state == "sleep" and 1 or 0)
      end
    end)
    assert.equal(20, looks)
    assert.is_true(statements <= 20 + 10, tostring(statements)) -- those of the writer
    must(writer, "ROLLBACK")
    feed:close()
    writer:close()
  end)

  local SLEEPER = [[
    local log = require("support.logs").connect(...)
    for _ in log:follow(log:position(), { channels = { "nothing" } }) do end
  ]]

  it("is not told of what others write while its handler works", function()
    local feed = log:follow(log:position(), { poll = 0.2 })
    sleeper = support.lua(SLEEPER, db)
    feeds.lies_down(feed, "owned")
    support.wait_until(function()
      return #must(other, "SELECT FROM pg_stat_activity WHERE query LIKE 'WITH newest%'"
        .. " AND datname = current_database() AND pid <> $1::int AND pid <> pg_backend_pid()",
        log.connection:fact("backend")) > 0
    end, "the sleeper")
    must(other, "INSERT INTO item (n) VALUES (3)")
    assert(feed:next(5))
    -- The handler works from here on.
    assert.same({}, must(log, "SELECT pg_listening_channels()"))
    local writers = support.pgbench({ conninfo = db, clients = 2, transactions = 1500,
      script = "BEGIN;\nINSERT INTO item (n) VALUES (4);\nNOTIFY forge_changes;\nCOMMIT;" })
    assert(writers:wait())
    local row = must(other, "SELECT state, wait_event FROM pg_stat_activity WHERE pid = $1::int",
      log.connection:fact("backend"))[1]
    assert.same({ "idle", "ClientRead" }, { row.state, row.wait_event })
    support.wait_until(function()
      return must(other, "SELECT pg_notification_queue_usage() AS share")[1].share == 0
    end, "the queue of notifications to be empty", 5)
    local seqs = feeds.take_all(feed, {}, 1)
    support.note("%d of 3000 changes came after the handler", #seqs)
    assert.equal(3000, #seqs)
    feed:close()
  end)

  it("listens again when it sleeps, and no more when it is closed", function()
    local feed = log:follow(log:position())
    feeds.lies_down(feed, "owned")
    assert.equal(1, #must(log, "SELECT pg_listening_channels()"))
    feed:close()
    assert.same({}, must(log, "SELECT pg_listening_channels()"))
    assert.equal(0, logs.advisory_locks(other))
  end)

  it("closed in a transaction of the user's changes nothing of how that one commits", function()
    local feed = log:follow(log:position())
    feeds.lies_down(feed, "owned")
    must(log, "BEGIN; INSERT INTO item (n) VALUES (5)")
    feed:close()
    assert.equal("on", must(log, "SHOW synchronous_commit")[1].synchronous_commit)
    must(log, "COMMIT")
    assert.equal(0, logs.advisory_locks(other))
    assert.same({}, must(log, "SELECT pg_listening_channels()"))
  end)

  it("closed before it knows whether the bell is its own gives it back", function()
    local feed = log:follow(log:position())
    local run = getmetatable(log.connection).__index.run
    local backend = must(log, "SELECT pg_backend_pid() AS pid")[1].pid
    function feed._conn.run(conn, name, ...)
      if name ~= "feed.arm" then return run(conn, name, ...) end
      assert(support.run("kill -STOP " .. backend)) -- so that no answer comes, however soon
      conn:wait_until(0)
      local rows, err = run(conn, name, ...)
      assert(support.run("kill -CONT " .. backend))
      return rows, err
    end
    assert.equal("no_answer", select(2, feed:next(0.2)).code)
    assert.equal("asked", feed:stats().bell)
    feed:close()
    assert.equal(0, logs.advisory_locks(other))
  end)
end)
