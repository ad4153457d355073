-- Positions of a feed: saved and gone on from; and what a feed costs while nothing happens.
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must

describe("a feed's position", function()
  local db, log, writer
  before_each(function()
    db, log = logs.installed()
    writer = logs.connect(db)
  end)
  after_each(function()
    log:close(); writer:close()
    support.drop(db)
  end)

  -- What a feed on a new connection hands out from a position, and where it stands then.
  local function resumed(position)
    local again = logs.connect(db)
    local feed = again:follow(position)
    local seqs = feeds.take_all(feed, {}, 0.15)
    local reached = feed:position()
    again:close()
    table.sort(seqs)
    return seqs, reached
  end

  it("is what was given until something is known", function()
    local feed = log:follow("1:0")
    assert.equal("1:0", feed:position())
  end)

  it("goes on exactly there in the middle of a long transaction", function()
    local long, other = logs.connect(db), logs.connect(db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 3)
    must(other, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 2)
    local feed = log:follow(0)
    for _ = 1, 5 do assert(feed:next(5)) end
    local position = feed:position()
    assert.matches("^%d+:0:2%-4,6%-7$", position)
    assert.same({}, (resumed(position)))
    logs.fill(writer, 2)
    must(other, "COMMIT")
    assert.same({ 5, 8, 9 }, (resumed(position)))
    must(long, "INSERT INTO item (n) VALUES (2); COMMIT")
    local seqs, reached = resumed(position)
    assert.same({ 1, 5, 8, 9, 10 }, seqs)
    assert.matches("^%d+:10$", reached)
    long:close(); other:close()
  end)

  it("is good for a drain, too", function()
    local long = logs.connect(db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 3)
    local feed = log:follow(0)
    for _ = 1, 3 do assert(feed:next(5)) end
    must(long, "COMMIT")
    logs.fill(writer, 1)
    local drained = {}
    for change in logs.connect(db):drain(feed:position()) do drained[#drained + 1] = change.seq end
    assert.same({ 1, 5 }, drained)
    long:close()
  end)

  it("loses nothing and gives nothing twice through restarts at any place under load", function()
    -- At a rate that a feed keeps up with: far behind the writers no position has ranges.
    local short = support.pgbench { conninfo = db, clients = 8, seconds = 600,
      args = { "-R", "300" },
      script = "\\set pause random(0, 1500)\nBEGIN;\nINSERT INTO item (n) VALUES (1);\n\\sleep "
        .. ":pause us\nCOMMIT;" }
    local long = support.pgbench { conninfo = db, clients = 2, seconds = 600,
      script = "BEGIN;\nINSERT INTO item (n) VALUES (1);\n\\sleep 700 ms\nINSERT INTO item (n) "
        .. "VALUES (2);\nCOMMIT;" }
    logs.wait_for_writes(writer)
    math.randomseed(7)
    local seqs, position, lives, with_ranges = {}, "0", 0, 0
    local enough = support.scale(15)
    repeat
      local again = logs.connect(db)
      local feed = again:follow(position)
      for _ = 1, math.random(1, 12) do
        for _, change in ipairs(feed:batch(math.random(1, 40), 0.1)
          or {}) do seqs[#seqs + 1] = change.seq end
      end
      position = feed:position()
      lives = lives + 1
      if position:find(":.*:") then with_ranges = with_ranges + 1 end
      again:close()
    until lives >= enough and with_ranges >= enough / 3
    short:stop(); long:stop()
    support.wait_until(function() return not logs.under_way(writer) end, "the writers' end")
    local feed = log:follow(position)
    feeds.take_all(feed, seqs)
    local result = feeds.compare(writer, seqs)
    support.note("%d lives of a feed, %d with ranges in their position: %d changes, lost %d, "
      .. "twice %d", lives, with_ranges,
      result.written, result.lost, result.twice)
    logs.complete(result)
  end)

  -- Each change is of one table, and stands beside a seq that was rolled back.
  local function scatter(count, name)
    must(writer, ([[DO $$ BEGIN FOR i IN 1..%d LOOP
      INSERT INTO forge_change_log (table_name, op, created_at) VALUES ('%s', 'INSERT',
        clock_timestamp());
      PERFORM nextval('forge_change_log_seq_seq'); END LOOP; END $$]]):format(count, name))
  end

  it("catches up in a log to which nobody writes any more, and leaves no ranges", function()
    for _, wanted in ipairs { "x", "item" } do
      local feed = log:follow(log:max_seq(), { tables = { wanted } })
      for _ = 1, 4 do -- rows that it can name
        scatter(1, wanted)
        assert(feed:next(5))
      end
      local position = feed:position()
      assert.matches("[=~!]%d+%+", position)
      feed:close()
      scatter(600, "x")
      feed = log:follow(position, { tables = { wanted } })
      local count = 0
      while feed:next(0.05) do count = count + 1 end
      assert.equal(wanted == "x" and 600 or 0, count)
      assert.matches("^%d+:" .. log:max_seq(), feed:position())
      feed:close()
    end
  end)

  it("falls back to the horizon when it would name more than 4096 ranges: some come twice, none "
    .. "is lost", function()
    local long = logs.connect(db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(writer, [[DO $$ BEGIN FOR i IN 1..4098 LOOP
      INSERT INTO forge_change_log (table_name, op, created_at) VALUES ('x', 'INSERT',
        clock_timestamp());
      PERFORM nextval('forge_change_log_seq_seq'); END LOOP; END $$]])
    local feed = log:follow(0)
    for _ = 1, 4096 do assert(feed:next(5)) end
    local position = feed:position()
    assert.equal(4096, select(2, position:gsub(",", ",")) + 1)
    assert.equal(2, #resumed(position))
    for _ = 1, 2 do assert(feed:next(5)) end
    assert.equal("timeout", select(2, feed:next(0.05)).kind) -- in memory it knows them all
    position = feed:position()
    assert.matches("^%d+:0$", position)
    assert.equal(4098, #resumed(position))
    must(long, "COMMIT")
    assert.equal(1, assert(feed:next(5)).seq)
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:819[67]$", feed:position())
    long:close()
  end)
end)

describe("a feed's memory", function()
  local function resident()
    for line in io.lines("/proc/self/status") do
      local kilobytes = line:match("^VmRSS:%s+(%d+)")
      if kilobytes then return tonumber(kilobytes) end
    end
  end

  it("is flat over many changes, also while one writer stays open", function()
    local db, log = logs.installed()
    local writer, long, count = logs.connect(db), logs.connect(db), support.scale(50000)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local feed = log:follow(0)
    local first, handed = nil, 0
    for round = 1, 6 do
      logs.fill(writer, count)
      while handed < round * count do handed = handed + #assert(feed:batch(1000, 10)) end
      collectgarbage()
      if round == 2 then first = resident() end
    end
    local grown = resident() - first
    support.note("%d changes beside an open writer: %d KiB more than after %d", handed, grown,
      2 * count)
    must(long, "COMMIT")
    assert.equal(1, feed:next(10).seq)
    if logs.measurable() then assert.is_true(grown < 4096, grown .. " KiB") end
    log:close(); writer:close(); long:close()
    support.drop(db)
  end)
end)

describe("an idle feed", function()
  local server, db, log, writer, pool
  setup(function()
    server = support.server { "shared_preload_libraries=pg_stat_statements" }
    db, log = logs.installed(server.conninfo)
    writer = logs.connect(db)
    must(writer, "CREATE EXTENSION pg_stat_statements")
  end)
  teardown(function() log:close(); writer:close(); server:stop() end)
  after_each(function()
    if pool then pool:stop() end
  end)

  -- What the server was asked to do during a call, but for these two statements.
  local function statements(call)
    must(writer, "SELECT pg_stat_statements_reset()")
    call()
    return must(writer, "SELECT coalesce(sum(calls), 0)::int AS n FROM pg_stat_statements"
      .. " WHERE query NOT LIKE '%statements%'")[1].n
  end

  local function costs_one_a_poll(feed, poll, ask)
    feeds.take_all(feed, {}, 0.1)
    local started = core.now()
    local count = statements(ask)
    local polls = (core.now() - started) / poll
    assert.is_true(count >= polls * 0.5 and count <= polls + 1,
      ("%d statements in %.1f polls"):format(count, polls))
    feed:close()
  end

  it("sends one statement each poll", function()
    local feed = log:follow(0, { poll = 0.2 })
    costs_one_a_poll(feed, 0.2, function() assert.is_nil(feed:next(2)) end)
  end)

  it("sends no more when it is asked with shorter timeouts", function()
    local feed = log:follow(0, { poll = 0.4 })
    costs_one_a_poll(feed, 0.4, function()
      for _ = 1, 20 do assert.equal("timeout", select(2, feed:next(0.1)).kind) end
    end)
  end)

  it("sends one statement each poll without listening, too", function()
    local feed = log:follow(0, { poll = 0.2, listen = false })
    costs_one_a_poll(feed, 0.2, function() assert.is_nil(feed:next(2)) end)
  end)

  it("takes neither locks nor notifications behind a transaction-mode pooler", function()
    pool = pooler.start(db)
    local pooled = pool:connect()
    local feed = pooled:follow(log:position(), { poll = 0.05, listen = false })
    assert.is_nil(feed:next(0.2))
    local short = support.pgbench { conninfo = pool.conninfo, clients = 3,
      transactions = support.scale(100),
      script = "INSERT INTO item (n) VALUES (1);" }
    local seqs, locks = {}, {}
    feeds.take_while(feed, function()
      local held = must(writer, "SELECT DISTINCT mode FROM pg_locks WHERE locktype = 'advisory'")
      for _, row in ipairs(held) do
        locks[row.mode] = true
      end
      return support.alive(short.process)
    end, seqs)
    short:wait()
    locks.ShareLock = nil -- the writers'
    assert.same({}, locks)
    assert.same({}, must(log, "SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> "
      .. "pg_backend_pid()"))
    logs.complete(feeds.compare(writer, seqs))
    pooled:close()
  end)

  it("learns that the server behind its pooler failed over: goes on, or says gap", function()
    pool = pooler.start(db)
    local pooled, other = pool:connect(), pool:connect()
    local before = log:max_seq()
    local function follow(by, failover)
      return by:follow(log:position(),
        { poll = 0.05, listen = false, backoff = 0.02, failover = failover })
    end
    local feed, going = follow(pooled, "gap"), follow(other)
    assert.is_nil(feed:next(0.2))
    assert.is_nil(going:next(0.2))
    local standby = server:standby()
    pool:command("PAUSE")
    local written = must(log, "SELECT pg_current_wal_insert_lsn()::text AS lsn")[1].lsn
    support.wait_until(function()
      return support.psql(("SELECT pg_last_wal_replay_lsn() >= '%s'"):format(written),
        standby.conninfo) == "t"
    end, "the standby")
    standby:promote()
    pool:point(standby.conninfo)
    pool:command("RELOAD")
    pool:command("RESUME")
    local promoted = logs.connect((standby.conninfo:gsub("dbname=%S+", db:match("dbname=%S+"))))
    local _, err = nil, nil
    support.wait_until(function()
      must(promoted, "INSERT INTO item (n) VALUES (1)")
      _, err = feed:next(1)
      return err and err.kind ~= "timeout"
    end, "the gap", 10)
    assert.equal("gap", err.kind)
    assert.equal("failover", err.reason)
    local seqs = feeds.take_all(going, {})
    assert.same(logs.drained(promoted, before), seqs)
    assert.is_true(#seqs > 0)
    assert.matches("^2:", going:position())
    promoted:close(); pooled:close(); other:close()
    standby:stop()
  end)
end)
