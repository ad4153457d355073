-- The live feed under load: nothing lost, nothing twice, soon after its commit, whoever stays open.
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

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

  -- Milliseconds from each change's commit until it was delivered: p50, p99, the longest.
  local function latencies(log, seen, offset)
    local list = {}
    for _, row in ipairs(must(log, [[
      SELECT seq, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed
        FROM forge_change_log]])) do
      list[#list + 1] = (seen[row.seq] + offset - row.committed) * 1000
    end
    return feeds.percentile(list, 0.5), feeds.percentile(list, 0.99), list[#list]
  end

  -- Follows a load to its end, sure that nothing is lost; returns the latency's p99.
  local function follow_load()
    local db, log = logs.installed(server.conninfo)
    must(log, "CREATE TABLE ledger (id bigserial PRIMARY KEY, n int)")
    assert(log:watch("ledger", { notify = false })) -- PREPARE TRANSACTION does not go with NOTIFY
    local follower = logs.connect(db)
    local feed, offset, per_client = follower:follow(0), feeds.clock(log), support.scale(1500)
    -- at most 1,500 a second, so that the latency is that of the feed, not the wait for a processor
    local writers = { logs.writers(db, { transactions = per_client, args = { "-R", "1500" } }),
      support.pgbench { conninfo = db, clients = 2, transactions = support.scale(2),
        script = LONG },
      support.pgbench { conninfo = db, clients = 1, transactions = support.scale(20),
        script = PREPARED } }
    local seqs, seen, over = {}, {}, support.path("over")
    logs.wait_for_writes(log)
    local started, watcher = logs.now(), support.lua(feeds.WATCHER, db, over)
    feeds.take_while(feed, function() return not support.read(over) end, seqs, function(change)
      seen[change.seq] = logs.now()
    end)
    local seconds = logs.now() - started
    for _, each in ipairs(writers) do each:wait() end
    local _, held = select(2, watcher:wait()):gsub("held", "")
    os.remove(over)
    local commits, result = logs.commits(log), feeds.compare(log, seqs)
    logs.complete(result)
    local p50, p99, most = latencies(log, seen, offset)
    support.note("%d commits, %d changes in %.1f s: lost %d, twice %d; commit to handler p50 "
      .. "%.2f ms, p99 %.2f ms, most %.1f ms; the horizon was seen held by a writer open for over "
      .. "1 s %d times",
      commits, result.written, seconds, result.lost, result.twice, p50, p99, most, held)
    assert.is_true(commits >= per_client * 8 * 0.86, "too few commits: " .. commits)
    assert.is_true(held > 3, "the horizon was never held")
    follower:close(); log:close()
    support.drop(db)
    return p99
  end

  -- A feed that stalls behind a writer of 5 seconds is seconds late. bench/follow.lua measures how
  -- fast it is.
  it("delivers every change once, and does not stall behind the long ones", function()
    local p99 = follow_load()
    assert.is_true(p99 < 500 or not logs.measurable(), ("p99 is %.1f ms"):format(p99))
  end)
end)

-- Two rows of five in one transaction, always in the same order, so that none waits for ever.
local UPDATES = [[
\set id random(1, 5)
\set other random(1, 5)
BEGIN;
INSERT INTO item (n) VALUES (0);
\sleep 1 ms
UPDATE item SET n = n + 1 WHERE id = least(:id, :other);
\sleep 1 ms
UPDATE item SET n = n + 1 WHERE id = greatest(:id, :other);
COMMIT;
]]

describe("a feed under writers of the same rows", function()
  local db, log, feed, writer
  before_each(function()
    db, log = logs.installed()
    writer = logs.connect(db)
    feed = log:follow(0)
  end)
  after_each(function()
    feed:close(); log:close(); writer:close()
    support.drop(db)
  end)

  it("keeps the order of a writer that commits between its look and its read", function()
    must(writer, "INSERT INTO item (n) VALUES (0)")
    local row = assert(feed:next(5)).row_id
    local own = logs.connect(db)
    must(own, "BEGIN")
    must(own, "UPDATE item SET n = 1 WHERE id = $1", row)
    must(writer, "INSERT INTO item (n) VALUES (0)")
    assert(feed:next(5)) -- it has passed the first UPDATE now
    must(own, "UPDATE item SET n = 2 WHERE id = $1", row)
    must(writer, "INSERT INTO item (n) VALUES (0)")
    local conn, committed = feed._conn, false
    function conn.fetch(...)
      if not committed then must(own, "COMMIT") end
      committed = true
      return getmetatable(conn).__index.fetch(...)
    end
    local seqs = {}
    for _ = 1, 3 do
      local change = assert(feed:next(5))
      if change.row_id == row then seqs[#seqs + 1] = change.seq end
    end
    assert.is_true(committed)
    assert.equal(2, #seqs)
    assert.is_true(seqs[1] < seqs[2], "the second UPDATE came first")
    own:close()
  end)

  it("keeps the order of each row", function()
    must(writer, "INSERT INTO item (n) SELECT 0 FROM generate_series(1, 5)")
    local before = {}
    local updates = support.pgbench { conninfo = db, clients = 6,
      transactions = support.scale(150), script = UPDATES }
    local count, wrong, seqs = 0, 0, {}
    feeds.take_while(feed, function()
      return support.alive(updates.process)
    end, seqs, function(change)
      if tonumber(change.row_id) <= 5 then
        count = count + 1
        if change.seq < (before[change.row_id] or 0) then wrong = wrong + 1 end
        before[change.row_id] = change.seq
      end
    end)
    updates:wait()
    assert.is_true(count >= support.scale(150) * 6)
    assert.equal(0, wrong)
    logs.complete(feeds.compare(writer, seqs))
  end)
end)
