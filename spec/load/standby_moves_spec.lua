-- A reader of a hot standby when that is promoted, when it comes to another server, and where the
-- numbers of transactions wrap.
local feeds = require "support.feeds"
local logs = require "support.logs"
local make_replica = require "support.replica"
local support = require "support"

local must, add, take_all = logs.must, logs.add_items, feeds.take_all

local FEED = { poll = 0.05, backoff = 0.02, backoff_max = 0.1 }

-- Adds to a list what a feed hands out, until nothing comes for so many seconds.
local function take(feed, seqs, seconds)
  while true do
    local changes, err = feed:batch(1000, seconds)
    if not changes then
      assert.equal("timeout", err.kind, tostring(err))
      return seqs
    end
    for _, change in ipairs(changes) do seqs[#seqs + 1] = change.seq end
  end
end

local function complete(log, seqs)
  local result = logs.compare(log, seqs)
  result.disordered = 0
  logs.complete(result)
end

describe("a feed of a hot standby", function()
  local at
  before_each(function() at = make_replica() end)
  after_each(function() at:stop() end)

  it("goes on where that is promoted, without a loss, and nothing comes twice", function()
    local seqs = {}
    add(at.log, 2)
    local first = assert(at.log:position())
    add(at.log, 1)
    at:catch_up()
    local following = at:read()
    local feed = following:follow(first, FEED)
    local strict = at:read():follow(0, { poll = 0.05, failover = "gap" })
    take_all(feed, seqs)
    take_all(strict, {})
    local long, prepared = logs.connect(at.db), logs.connect(at.db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(prepared, "BEGIN; INSERT INTO item (n) VALUES (2); PREPARE TRANSACTION 'before'")
    add(at.log, 3)
    at:catch_up()
    take_all(feed, seqs)
    local before = feed:position()
    at:switch("kill")
    add(at.log, 2)
    take_all(feed, seqs)
    local drained = logs.drained(following, 0, { settle = 0.1 }) -- the prepared one is a writer
    assert.same({}, drained)
    must(at.log, "COMMIT PREPARED 'before'")
    take_all(feed, seqs)
    table.insert(seqs, 1, 2)
    table.insert(seqs, 1, 1)
    complete(at.log, seqs)
    assert.equal(0, feed:stats().reconnects)
    assert.matches("^1:", before)
    assert.equal("2:" .. at.log:max_seq(), feed:position():match("^[^!]*"))
    assert.equal("owned", feed:stats().bell) -- it LISTENs by now
    assert.equal(#seqs, #logs.drained(following))
    local none, err = strict:next(2) -- its program may have read rows of the old primary
    assert.is_nil(none)
    assert.equal("failover", err.reason)
    strict:close()
    feed:close()
    long:close()
    prepared:close()
  end)

  it("is told a gap where the promoted server lacks what its position has", function()
    add(at.log, 2)
    at:catch_up()
    at:cut()
    add(at.log, 100)
    local feed = at:read():follow(assert(at.log:position()), FEED)
    assert.same({}, take_all(feed, {}))
    at:switch("kill")
    add(at.log, 200)
    local none, err = feed:next(5)
    assert.is_nil(none)
    assert.same({ "gap", "failover" }, { err.kind, err.reason })
    assert.matches("which may lack what was handed out by then;", err.message, 1, true)
    local _, below = at:another(at.standby) -- of the server that was promoted
    none, err = at:read(below):follow(feed:position(), FEED):next(5)
    assert.is_nil(none)
    assert.same({ "gap", "failover" }, { err.kind, err.reason })
    feed:close()
  end)

  it("is told a gap where it comes to a promoted server that has less than it had", function()
    local second, second_db = at:another()
    add(at.log, 2)
    at:catch_up(second)
    at:cut(second)
    add(at.log, 100)
    at:catch_up()
    local feed = at:read(at.any(at.there, second_db)):follow(0, FEED)
    assert.equal(102, #take_all(feed, {}))
    at.log:close()
    at.primary:kill()
    second:promote()
    at.log = logs.connect(second_db)
    add(at.log, 200)
    at.standby:stop()
    local none, err = feed:next(5)
    assert.is_nil(none)
    assert.same({ "gap", "failover" }, { err.kind, err.reason })
    feed:close()
  end)

  it("comes to another standby that is behind, to the primary, and back, with all", function()
    local second, second_db = at:another()
    local anywhere = at.any(at.there, second_db, at.db)
    add(at.log, 3)
    at:catch_up(second)
    at:admin("SELECT pg_wal_replay_pause()", second)
    add(at.log, 6000)
    at:catch_up()
    local draining, seqs, drained = at:read(anywhere), {}, {}
    assert(draining:horizon())
    local long = logs.connect(at.db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    add(at.log, 2)
    at:catch_up()
    local feed = at:read(anywhere):follow(0, FEED)
    take_all(feed, seqs)
    assert.equal(6005, #seqs)
    local step = draining:drain(0, { settle = 0.1 })
    for i = 1, 100 do drained[i] = step().seq end
    at.standby:stop()
    take_all(feed, seqs) -- of the one that is behind
    assert(draining.connection:reconnect())
    local ok, err = pcall(function()
      for change in step do drained[#drained + 1] = change.seq end
    end)
    assert.is_false(ok) -- rather than pass over what is not here yet
    assert.same({ "behind", true }, { err.code, err.retryable })
    assert.same({}, logs.drained(draining, drained[#drained]))
    at:admin("SELECT pg_wal_replay_resume()", second)
    must(long, "COMMIT")
    at:catch_up(second)
    take_all(feed, seqs)
    for change in draining:drain(drained[#drained]) do drained[#drained + 1] = change.seq end
    complete(at.log, seqs)
    complete(at.log, drained)
    second:stop()
    add(at.log, 2)
    take_all(feed, seqs) -- of the primary
    assert.equal("owned", feed:stats().bell)
    assert.matches("^1:", feed:position())
    at.standby:start()
    at:catch_up()
    must(at.log, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
      .. "pg_backend_pid() AND datname = current_database()")
    add(at.log, 2)
    at:catch_up()
    take_all(feed, seqs)
    complete(at.log, seqs)
    assert.equal("off", feed:stats().bell)
    feed:close()
    long:close()
  end)

  it("reads one that follows a standby", function()
    at:stop()
    at = make_replica({ "full_page_writes=on" }) -- which it takes to copy a standby
    local _, second_db = at:another(at.standby)
    local seqs, below = {}, at:read(second_db)
    local feed = below:follow(0, FEED)
    add(at.log, 5)
    support.wait_until(function() return #take(feed, seqs, 0.1) == 5 end, "all to come")
    assert.equal(5, #logs.drained(below))
    at:switch("kill") -- the one above it, whose new timeline it follows
    add(at.log, 3)
    support.wait_until(function() return #take(feed, seqs, 0.1) == 8 end, "all to come")
    complete(at.log, seqs)
    assert.equal(8, #logs.drained(below))
    feed:close()
  end)

  it("goes on where statements conflict with what is replayed", function()
    support.psql("ALTER SYSTEM SET max_standby_streaming_delay = 0", at.there)
    at:admin("SELECT pg_reload_conf()")
    add(at.log, 5)
    at:catch_up()
    local reading = at:read()
    local conflicts = [[SELECT confl_lock + confl_snapshot AS n FROM pg_stat_database_conflicts
      WHERE datname = current_database()]]
    local errors, seqs = {}, {}
    local feed = reading:follow(0, { poll = 0.001, backoff = 0.001, backoff_max = 0.01,
      on_error = function(err) errors[#errors + 1] = err end })
    local load = support.pgbench({ conninfo = at.db, clients = 2, seconds = logs.at_most(4),
      scripts = { { weight = 4, text = "INSERT INTO item (n) VALUES (1);\n" },
        { weight = 1, text = "BEGIN;\nLOCK TABLE forge_change_log IN ACCESS EXCLUSIVE MODE;\n"
          .. "COMMIT;\n" } } })
    logs.wait_for_writes(at.log)
    local drained, last = {}, 0
    repeat
      take(feed, seqs, 0.001)
      local ok, err = pcall(function()
        for change in reading:drain(last, { settle = 0 }) do
          last = change.seq
          drained[#drained + 1] = last
        end
      end)
      if not ok then assert.is_true(err.retryable, tostring(err)) end
    until not logs.under_way(at.log)
    load:wait()
    at:catch_up()
    take_all(feed, seqs)
    complete(at.log, seqs)
    for change in reading:drain(last) do drained[#drained + 1] = change.seq end
    complete(at.log, drained)
    support.note("%d changes, %d conflicts, %d errors told", #seqs,
      must(reading, conflicts)[1].n, #errors)
    for _, err in ipairs(errors) do assert.is_true(err.retryable) end
    feed:close()
  end)
end)

-- A fresh server that goes on near the end of a range of transaction numbers.
for _, near in ipairs({ { "2^32", "4294967000" }, { "2^31", "2147483400" } }) do
  describe("where the numbers of transactions pass " .. near[1], function()
    it("a hot standby is read without a loss", function()
      local has_tool, at = pcall(function() return make_replica(nil, nil, near[2]) end)
      if not has_tool and tostring(at):find("there is no", 1, true) then
        return pending("this PostgreSQL comes without pg_resetwal")
      end
      assert(has_tool, tostring(at))
      local function xid()
        return tonumber(must(at.log, "SELECT pg_current_xact_id()::text AS xid")[1].xid)
      end
      local first, seqs, drained, last = xid(), {}, {}, 0
      local reading, draining = at:read(), at:read()
      local feed = reading:follow(0, FEED)
      local load = logs.writers(at.db, { transactions = support.scale(60) })
      local long = logs.connect(at.db)
      must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
      logs.wait_for_writes(at.log)
      local function pass()
        take(feed, seqs, 0.02)
        for change in draining:drain(last, { settle = 0.02 }) do
          last = change.seq
          drained[#drained + 1] = last
        end
      end
      repeat pass() until not logs.under_way(at.log)
      load:wait()
      must(long, "COMMIT")
      at:catch_up()
      pass()
      support.wait_until(function() pass() return last == at.log:max_seq() end, "all to settle")
      local border = tonumber(near[2]) > 2 ^ 31 and 2 ^ 32 or 2 ^ 31
      support.note("transactions %.0f to %.0f: %d changes, drained %d", first, xid(), #seqs,
        #drained)
      assert.is_true(first < border and xid() > border)
      complete(at.log, seqs)
      logs.complete(logs.compare(at.log, drained))
      feed:close()
      long:close()
      at:stop()
    end)
  end)
end
