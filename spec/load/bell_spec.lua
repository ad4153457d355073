-- The bell: every order in which the statements of one writer and one or two followers can meet.
-- Each follower is the real feed, stopped before every statement it sends and whenever it waits;
-- its clock stands still, so that whoever sleeps is woken by a notification or never. In no order
-- may a committed change be left to the poll.
local explore = require "support.interleave"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local RING = [[DO $$ BEGIN
  IF NOT pg_try_advisory_xact_lock_shared(77306496745662) THEN PERFORM pg_notify('forge_changes',
    ''); END IF;
END $$]] -- as the triggers do
local ROW = "INSERT INTO forge_change_log (table_name, op, created_at) VALUES ('x', 'INSERT', "
  .. "clock_timestamp())"

describe("the bell", function()
  local db, log
  setup(function() db, log = logs.installed() end)
  teardown(function() log:close(); support.drop(db) end)

  local function never_stranded(followers, writer, more)
    local found = explore(db,
      { followers = followers, writers = { writer }, start = more and more.start,
      polls = more and more.polls, closes = more and more.closes })
    support.note("%d followers, %s: %d states, %d steps between them, %s interleavings; stranded "
      .. "%d", followers,
      more and more.name or "a writer", found.states, found.steps, found.orders, found.stranded)
    assert.equal(0, found.stranded, found.example)
    assert.is_true(found.states > 10 and found.rested > 0, "nothing was explored")
    assert.is_true(found.woken > 0, "nobody was woken by a notification")
    return found
  end

  it("wakes one follower, wherever the writer's statements fall", function()
    never_stranded(1, { "BEGIN", ROW, RING, "COMMIT" })
  end)

  it("wakes one follower of a writer that writes twice, and takes back a part of it", function()
    never_stranded(1, { "BEGIN; SAVEPOINT a; " .. ROW, RING, "ROLLBACK TO a", ROW, RING, "COMMIT" },
      { name = "a savepoint rolled back" })
  end)

  it("wakes one follower that polls meanwhile", function()
    never_stranded(1, { "BEGIN; " .. ROW, RING, "COMMIT" },
      { polls = 2, name = "a follower that polls twice" })
  end)

  it("wakes two followers, wherever the writer's statements fall", function()
    never_stranded(2, { "BEGIN; " .. ROW, RING, "COMMIT" },
      { start = { "asleep", "arm" }, name = "one asleep, one about to lie down" })
  end)

  it("wakes two followers of a table with the real trigger", function()
    never_stranded(2, { "BEGIN; INSERT INTO item (n) VALUES (1)", "COMMIT" },
      { start = { "asleep", "asleep" }, name = "the trigger" })
  end)

  it("wakes the other follower when one leaves, whenever it does", function()
    never_stranded(2, { "BEGIN; " .. ROW, RING, "COMMIT" },
      { start = { "asleep", "asleep" }, closes = true, name = "one follower closes" })
  end)

  it("is what wakes: without it followers are stranded, and this spec sees it", function()
    local found = explore(db, { followers = 1, writers = { { "BEGIN; " .. ROW, "COMMIT" } } })
    assert.is_true(found.stranded > 0)
  end)

  it("leaves a change to the poll when the follower that held it died", function()
    local dying, living, writer = logs.connect(db), logs.connect(db), logs.connect(db)
    local first = dying:follow(dying:position())
    local second = living:follow(living:position(), { poll = 0.5 })
    feeds.lies_down(first, "owned")
    feeds.lies_down(second, "armed")
    must(writer, "SELECT pg_terminate_backend($1::int)", dying.connection:fact("backend"))
    support.wait_until(function()
      return must(writer,
        "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'")[1].n == 0
    end, "the bell's release")
    must(writer, "INSERT INTO item (n) VALUES (1)")
    local before = logs.now()
    assert(second:next(5))
    assert.is_true(logs.now() - before < 3)
    feeds.lies_down(second, "owned") -- from now on it has the bell itself
    dying:close(); living:close(); writer:close()
  end)
end)

describe("writers under a steady load", function()
  local db, log
  setup(function() db, log = logs.installed() end)
  teardown(function() log:close(); support.drop(db) end)

  -- Each transaction stays open for a moment, so that at any time some are.
  local STEADY = "BEGIN;\nINSERT INTO item (n) VALUES (1);\n\\sleep 8 ms\nCOMMIT;"

  it("send no notification at all while a follower keeps up with them", function()
    local watching, counter = logs.connect(db), logs.connect(db)
    local feed = assert(log:follow(0))
    assert.is_nil(feed:next(0.05))
    local writers = support.pgbench { conninfo = db, clients = 8,
      transactions = support.scale(250), script = STEADY }
    local changes, rang = 0, 0
    assert(feed:next(10)) -- the first one wakes it
    support.wait_until(function()
      return must(watching,
        "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'pgbench'")[1].n == 8
    end, "the writers")
    for _ = 1, 100 do assert(feed:next(10)) end
    must(counter, "LISTEN forge_changes")
    for _ = 1, support.scale(1500) do
      assert(feed:next(10))
      changes = changes + 1
    end
    must(counter, "SELECT 1")
    while counter.connection:notified() do rang = rang + 1 end
    local usage = must(watching, "SELECT pg_notification_queue_usage() AS share")[1].share
    support.note("%d changes, 8 steady writers: %d notifications, %.3f of the queue in use",
      changes, rang, usage)
    assert.equal(0, rang)
    assert.equal(0, usage)
    feed:close()
    writers:wait()
    watching:close(); counter:close()
  end)
end)
