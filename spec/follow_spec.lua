-- The live feed under load: nothing lost, nothing twice, soon after its commit, whoever stays open.
local core = require "forgelog.core"
local feeds = require "support.feeds"
local load = require "support.load"
local support = require "support"

local must = load.must

-- A transaction that stays open for 5 seconds and writes as it goes.
local LONG = [[
BEGIN;
INSERT INTO item (n) VALUES (-1);
\sleep 2500 ms
INSERT INTO item (n) VALUES (-2);
\sleep 2500 ms
COMMIT;
]]

local PREPARED = [[
\set gid random(1, 1000000000)
\set pause random(1, 40)
BEGIN;
INSERT INTO ledger (n) VALUES (-3);
\sleep 5 ms
PREPARE TRANSACTION 'p:client_id:gid';
\sleep :pause ms
COMMIT PREPARED 'p:client_id:gid';
]]

describe("a feed under 8 short writers and two of 5 seconds", function()
  local server
  setup(function() server = support.server { "track_commit_timestamp=on" } end)
  teardown(function() server:stop() end)

  -- Milliseconds from each change's commit until it was handed out.
  local function latencies(log, seen, offset)
    local list = {}
    for _, row in ipairs(must(log, "SELECT seq, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed"
      .. " FROM forge_change_log")) do
      list[#list + 1] = (seen[row.seq] + offset - row.committed) * 1000
    end
    return feeds.percentile(list, 0.5), feeds.percentile(list, 0.99), list[#list]
  end

  -- Follows a load to its end, sure that nothing is lost; returns the latency's p99.
  local function follow_load()
    local db, log = load.installed(server.conninfo)
    must(log, "CREATE TABLE ledger (id bigserial PRIMARY KEY, n int)")
    assert(log:watch("ledger", { notify = false })) -- PREPARE TRANSACTION does not go with NOTIFY
    local follower = load.connect(db)
    local feed, offset, per_client = follower:follow(0), feeds.clock(log), support.scale(2900)
    -- as fast as 1,500 a second, so that it is the feed's latency that is measured rather than the wait for a processor
    local writers = { load.writers(db, { transactions = per_client, args = { "-R", "1500" } }),
      support.pgbench { conninfo = db, clients = 2, transactions = support.scale(3), script = LONG },
      support.pgbench { conninfo = db, clients = 1, transactions = support.scale(40), script = PREPARED } }
    local seqs, seen, over = {}, {}, support.path("over")
    support.wait_until(function() return load.under_way(log) end, "the writers")
    local started, watcher = core.now(), support.lua(feeds.WATCHER, db, over)
    feeds.take_while(feed, function()
      local file = io.open(over)
      return not file or not file:close()
    end, seqs, function(change) seen[change.seq] = core.now() end)
    local seconds = core.now() - started
    for _, each in ipairs(writers) do each:wait() end
    local _, held = select(2, watcher:wait()):gsub("held", "")
    os.remove(over)
    local commits, result = load.commits(log), feeds.compare(log, seqs)
    load.complete(result)
    local p50, p99, most = latencies(log, seen, offset)
    support.note("%d commits, %d changes in %.1f s: lost %d, twice %d; commit to handler p50 %.2f ms, p99 %.2f ms, most "
      .. "%.1f ms; the horizon was seen held by a writer open for over 1 s %d times", commits, result.written, seconds,
      result.lost, result.twice, p50, p99, most, held)
    assert.is_true(commits >= per_client * 8 * 0.86, "too few commits: " .. commits)
    assert.is_true(held > 3, "the horizon was never held")
    follower:close(); log:close()
    support.drop(db)
    return p99
  end

  -- Behind a writer of 5 seconds a feed that stalls is seconds late. How fast it is: bench/follow.lua.
  it("hands out every change once, and does not stall behind the long ones", function()
    local p99 = follow_load()
    assert.is_true(p99 < 500 or not load.measurable(), ("p99 is %.1f ms"):format(p99))
  end)
end)

describe("a feed", function()
  local db, log, feed, writer
  before_each(function()
    db, log = load.installed()
    writer = load.connect(db)
    feed = log:follow(0)
  end)
  after_each(function()
    feed:close(); log:close(); writer:close()
    support.drop(db)
  end)

  local function next_seqs(count)
    local list = {}
    for i = 1, count do list[i] = assert(feed:next(5)).seq end
    return list
  end

  it("hands out what is visible above an open writer, then what that writer commits", function()
    local long = load.connect(db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    load.fill(writer, 3)
    assert.same({ 2, 3, 4 }, next_seqs(3))
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:0:2%-4$", feed:position())
    must(long, "INSERT INTO item (n) VALUES (2); COMMIT")
    assert.same({ 1, 5 }, next_seqs(2))
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:5$", feed:position())
    long:close()
  end)

  it("keeps the order of each row", function()
    must(writer, "INSERT INTO item (n) SELECT 0 FROM generate_series(1, 5)")
    local before = {}
    local load_of_updates = support.pgbench { conninfo = db, clients = 6, transactions = support.scale(150), script = [[
      \set id random(1, 5)
      \set other random(1, 5)
      BEGIN;
      INSERT INTO item (n) VALUES (0);
      \sleep 1 ms
      UPDATE item SET n = n + 1 WHERE id = least(:id, :other);
      \sleep 1 ms
      UPDATE item SET n = n + 1 WHERE id = greatest(:id, :other);
      COMMIT;]] }
    local count, wrong, seqs = 0, 0, {}
    local busy = load.connect(db)
    feeds.take_while(feed, function() return load.under_way(busy) end, seqs, function(change)
      if tonumber(change.row_id) <= 5 then
        count = count + 1
        if change.seq < (before[change.row_id] or 0) then wrong = wrong + 1 end
        before[change.row_id] = change.seq
      end
    end)
    load_of_updates:wait()
    busy:close()
    assert.is_true(count >= support.scale(150) * 6)
    assert.equal(0, wrong)
    load.complete(feeds.compare(writer, seqs))
  end)

  it("hands out changes of some tables, and nothing for rolled back work", function()
    feed:close()
    must(writer, "CREATE TABLE other (id int PRIMARY KEY)")
    assert(writer:watch("other"))
    feed = log:follow(0, { tables = { "other", "it's \"x\"" } })
    must(writer, "INSERT INTO item (n) VALUES (1); INSERT INTO other VALUES (7)")
    must(writer, "BEGIN; INSERT INTO other VALUES (8); ROLLBACK")
    must(writer, "BEGIN; SAVEPOINT a; INSERT INTO other VALUES (9); ROLLBACK TO a; INSERT INTO other VALUES (10); COMMIT")
    assert.equal("7", assert(feed:next(5)).row_id)
    assert.equal("10", assert(feed:next(5)).row_id)
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:5$", feed:position())
  end)

  it("waits no longer than told, and not at all for 0", function()
    local before = core.now()
    local change, err = feed:next(0.3)
    assert.is_nil(change)
    assert.equal("timeout", err.kind)
    assert.is_true(err.retryable)
    local took = core.now() - before
    assert.is_true(took >= 0.3 and took < 2, tostring(took))
    must(writer, "INSERT INTO item (n) VALUES (1)")
    assert.equal(1, assert(feed:next(0)).seq)
    assert.equal("timeout", select(2, feed:next(0)).kind)
  end)

  it("hands out batches of at most max", function()
    load.fill(writer, 2500)
    local sizes = {}
    for i = 1, 3 do sizes[i] = #assert(feed:batch(i == 1 and 7 or nil, 5)) end
    assert.equal(7, sizes[1])
    assert.is_true(sizes[2] <= 1000 and sizes[3] <= 1000)
    local seqs = feeds.take_all(feed, {})
    assert.equal(2500, sizes[1] + sizes[2] + sizes[3] + #seqs)
  end)

  it("is an iterator, which raises errors", function()
    load.fill(writer, 3)
    local seqs = {}
    for change in feed do
      seqs[#seqs + 1] = change.seq
      if #seqs == 3 then break end
    end
    assert.same({ 1, 2, 3 }, seqs)
    feed:close()
    local ok, err = pcall(function() for _ in feed do error("a change after the end") end end)
    assert.is_false(ok)
    assert.equal("closed", err.kind)
  end)

  it("leaves its log usable: queries and drains between two changes, and after its end", function()
    load.fill(writer, 3)
    assert.equal(1, feed:next(5).seq)
    assert.same({ 1, 2, 3 }, load.drained(log))
    assert.equal(3, must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n)
    assert.same({ 2, 3 }, next_seqs(2))
    must(log, "BEGIN")
    assert.equal("query", select(2, feed:next(1)).kind)
    must(log, "COMMIT")
    load.fill(writer, 1)
    assert.same({ 4 }, next_seqs(1))
    feed:close()
    feed:close()
    assert.equal("closed", select(2, feed:next(1)).kind)
    feed = log:follow(3)
    assert.same({ 4 }, next_seqs(1))
  end)

  it("gathers what comes within linger", function()
    feed:close()
    feed = log:follow(0, { linger = 0.2 })
    assert.is_nil(feed:next(0.05))
    local script = "require('forgelog.core').poll(nil, '', 0.1) local log = require('forgelog').connect(...) "
      .. "for _ = 1, 4 do assert(log:query('INSERT INTO item (n) VALUES (1)')) end"
    local process = support.lua(script, db)
    assert.equal(4, #assert(feed:batch(10, 5)))
    assert(process:wait())
  end)

  it("refuses misuse by name", function()
    assert.error_matches(function() log:follow(0) end, "forgelog: follow: this log is followed already")
    assert.error_matches(function() feed:next("x") end, "forgelog: next: timeout must be a number of seconds")
    assert.error_matches(function() feed:batch(0) end, "forgelog: batch: max must be a whole number above zero")
    feed:close()
    assert.error_matches(function() log:follow("1:") end, "forgelog: follow: since is no position")
    assert.error_matches(function() log:follow(0, { pol = 1 }) end, "forgelog: follow: there is no option pol")
  end)
end)
