-- Reading a hot standby, case by case: what is settled there, what it says of itself, what it
-- refuses, and where a reader goes on when servers come and go.
local command = require "support.command"
local consumer = require "forgelog.consumer"
local exposed = require "support.exposed"
local logs = require "support.logs"
local make_replica = require "support.replica"
local support = require "support"

local must, add = logs.must, logs.add_items

local function seqs_of(changes)
  local seqs = {}
  for i, change in ipairs(changes or {}) do seqs[i] = change.seq end
  return seqs
end

-- All that a feed hands out until nothing comes for a moment.
local function taken(feed, seconds)
  local seqs = {}
  while true do
    local changes, err = feed:batch(1000, seconds or 0.2)
    if not changes then
      assert.equal("timeout", err.kind, tostring(err))
      return seqs
    end
    for _, seq in ipairs(seqs_of(changes)) do seqs[#seqs + 1] = seq end
  end
end

local FEED = { poll = 0.05, backoff = 0.02, backoff_max = 0.1 }

describe("a hot standby", function()
  local at, log, there
  setup(function()
    at = make_replica()
    log = at.log
    there = at:read()
  end)
  teardown(function() at:stop() end)

  local open = {}
  after_each(function()
    for _, each in ipairs(open) do each:close() end
    open = {}
    at:admin("SELECT pg_wal_replay_resume()")
  end)

  -- To be closed behind the test, whatever becomes of it.
  local function closing(one)
    open[#open + 1] = one
    return one
  end
  local function connected(conninfo) return closing(logs.connect(conninfo or at.db)) end
  local function follow(from, on) return closing((on or there):follow("1:" .. from, FEED)) end

  local function max_seq() return log:max_seq() or 0 end

  -- The seq up to which nothing can still appear, which is the last one.
  local function settled()
    at:catch_up()
    support.wait_until(function() return there:horizon() >= (there:max_seq() or 0) end, "the rest")
    return there:horizon()
  end

  it("settles what is there at once where nothing is under way", function()
    add(log, 3)
    at:catch_up()
    local fresh, began = at:read(), logs.now()
    assert.equal(3, #logs.drained(fresh))
    assert.equal("1:3", fresh:position())
    assert.is_true(logs.now() - began < logs.at_most(1))
  end)

  it("waits for who has its xid before a tick; a reader by xmax does not", function()
    local early, late = connected(), connected()
    local before = settled()
    must(early, "BEGIN; SELECT pg_current_xact_id()")
    must(late, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(early, "INSERT INTO item (n) VALUES (2); COMMIT")
    at:catch_up()
    local seen = must(there, [[SELECT max(seq) AS seq,
      pg_snapshot_xmin(pg_current_snapshot()) = pg_snapshot_xmax(pg_current_snapshot()) AS by_xmax
      FROM forge_change_log]])[1]
    assert.same({ before + 2, true }, { seen.seq, seen.by_xmax }) -- such a reader takes it
    assert.same({}, logs.drained(there, before, { settle = 0.1 }))
    local fresh = at:read()
    assert.same({}, logs.drained(fresh, before, { settle = 0.1 }))
    local none, err = fresh:position({ settle = 0 })
    assert.is_nil(none)
    assert.equal("unknown_writers", err.code)
    assert.matches("primary", err.message)
    must(late, "COMMIT")
    at:catch_up()
    assert.same({ before + 1, before + 2 }, logs.drained(there, before))
    assert.same({ before + 1, before + 2 }, logs.drained(fresh, before))
  end)

  it("knows of a program that writes to the log itself, where that says so first", function()
    add(log)
    local before, own = settled(), connected()
    local pid = logs.backend(own)
    must(own, "BEGIN; SELECT pg_logical_emit_message(true, 'forgelog', '')")
    local sql = [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
      VALUES ('channel', 'INSERT', pg_sleep(2)::text, now()); COMMIT]]
    assert(own.connection._state.handle:query(sql)) -- it takes its seq, and sleeps
    support.wait_until(function()
      own.connection._state.handle:step()
      return must(log, "SELECT last_value > $1 AS yes FROM forge_change_log_seq_seq", before)[1].yes
    end, "its seq")
    add(log)
    at:catch_up()
    assert.same({}, logs.drained(there, before, { settle = 0.05 }))
    assert.same({}, logs.drained(at:read(), before, { settle = 0.05 }))
    must(log, "SELECT pg_terminate_backend($1, 10000)", pid)
  end)

  it("hands a feed what others commit beside one that stays open or is prepared", function()
    local long = connected()
    local before = settled()
    local feed = follow(before)
    must(long, [[BEGIN; DO $$ BEGIN FOR i IN 1..100 LOOP BEGIN
      INSERT INTO item (n) VALUES (i); EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP;
      END $$]]) -- its subtransactions are more than a snapshot shows
    add(log, 2)
    at:catch_up()
    assert.same({ before + 101, before + 102 }, taken(feed))
    assert.equal(("1:%d:%d-%d"):format(before, before + 101, before + 102), feed:position())
    must(long, "INSERT INTO item (n) VALUES (101); PREPARE TRANSACTION 'kept'")
    add(log)
    at:catch_up()
    assert.same({ before + 104 }, taken(feed))
    assert.equal(before, there:horizon())
    must(log, "COMMIT PREPARED 'kept'")
    at:catch_up()
    local last = taken(feed)
    assert.equal(101, #last)
    assert.equal(before + 103, last[101])
    taken(feed)
    assert.equal("1:" .. before + 104, feed:position())
  end)

  it("hands out only what is wanted, and notes what it has passed", function()
    must(log, "CREATE TABLE noise (id bigserial PRIMARY KEY, n int)")
    assert(log:watch("noise"))
    local noise = "INSERT INTO noise (n) SELECT generate_series(1, $1::int)"
    local long, before = connected(), settled()
    local feed = closing(there:follow("1:" .. before, { poll = 0.05, tables = { "item" } }))
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1); INSERT INTO noise (n) VALUES (1)")
    must(log, noise, 700)
    add(log, 2)
    must(log, noise, 300)
    at:catch_up()
    assert.same({ before + 703, before + 704 }, taken(feed))
    assert.equal(("1:%d:%d-%d"):format(before, before + 3, before + 1004), feed:position())
    must(log, "DELETE FROM forge_change_log WHERE seq > $1", before + 2) -- it has all of that
    must(long, "COMMIT")
    at:catch_up()
    assert.same({ before + 1 }, taken(feed))
  end)

  it("finds what was committed within the bounds of a snapshot", function()
    local oldest, middle = connected(), connected()
    local before = settled()
    local feed = follow(before)
    must(oldest, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(middle, "BEGIN; INSERT INTO item (n) VALUES (2)")
    add(log)
    at:catch_up()
    assert.same({ before + 3 }, taken(feed))
    must(middle, "COMMIT") -- neither xmin nor xmax nor the largest seq moves
    assert.same({ before + 2 }, seqs_of(feed:batch(10, 5)))
    must(oldest, "COMMIT")
    assert.same({ before + 1 }, seqs_of(feed:batch(10, 5)))
  end)

  it("takes positions of the primary, ahead of it too, and gives such to it", function()
    local before = settled()
    at:admin("SELECT pg_wal_replay_pause()")
    add(log, 5)
    local ahead = assert(log:position())
    add(log, 2)
    local feed = closing(there:follow(ahead, FEED))
    assert.same({}, taken(feed))
    assert.is_false(there:gap(ahead))
    assert.same({}, logs.drained(there, ahead))
    local status = assert(there:status())
    assert.same({ true, true }, { status.standby, status.replay.paused })
    assert.is_true(status.replay.bytes >= 0)
    local found
    for _, finding in ipairs(assert(there:diagnose())) do
      found = found or finding.code == "replay_paused" and finding.severity
    end
    assert.equal("warning", found)
    at:admin("SELECT pg_wal_replay_resume()")
    assert.same({ before + 6, before + 7 }, seqs_of(feed:batch(10, 5)))
    local behind = feed:position()
    at:catch_up()
    add(log)
    assert.same({ max_seq() }, logs.drained(log, behind))
    assert.is_false(assert(there:status()).replay.paused)
  end)

  it("tells a gap where changes were trimmed that a reader has not had", function()
    local before = settled()
    local feed, lagging, long = follow(before), follow(before, at:read()), connected()
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    add(log, 3)
    at:catch_up()
    assert.equal(3, #taken(feed))
    must(log, "DELETE FROM forge_change_log WHERE seq > $1", before)
    must(long, "COMMIT")
    add(log)
    at:catch_up()
    assert.same({ before + 1, before + 5 }, taken(feed))
    local none, err = lagging:next(1)
    assert.is_nil(none)
    assert.equal("trimmed", err.reason)
    assert.equal("trimmed", (there:gap("1:" .. before)))
    assert.equal("trimmed", logs.drain_error(there, before).reason)
  end)

  it("refuses plainly what needs the primary", function()
    must(log, "CREATE TABLE unwatched (id int PRIMARY KEY)")
    add(log)
    at:catch_up()
    local function refuses(ok, err)
      assert.is_nil(ok)
      assert.same({ "query", "standby", "25006" }, { err.kind, err.code, err.sqlstate })
      assert.matches("hot standby", err.message)
      assert.matches("target_session_attrs", err.message)
    end
    refuses(there:trim(os.time() + 10, { min_rows = 0 }))
    refuses(there:watch("unwatched"))
    refuses(there:unwatch("item"))
    refuses(there:touch("item"))
    refuses(there:query("DELETE FROM item"))
    refuses(consumer.pause(there, "nobody"))
    assert.is_true(there:trim(os.time() + 10, { min_rows = 0, dry_run = true }) > 0)
    assert.is_truthy(there:installed())
    must(there, "BEGIN")
    local err = logs.drain_error(there)
    assert.equal("standby_transaction", err.code)
    must(there, "ROLLBACK")
  end)

  it("gives rows, positions of a time and its status to a role with few rights", function()
    local role, drop = logs.role(log, "GRANT SELECT ON forge_change_log, forge_change_log_state, "
      .. "item TO %s")
    add(log)
    at:catch_up()
    local own = at:read((at.there:gsub("user=%S+", "user=" .. role)))
    local status = assert(own:status())
    assert.is_true(status.standby)
    assert.is_nil(status.replay.primary)
    local told = {}
    for _, finding in ipairs(assert(own:diagnose())) do
      if finding.code then told[finding.code] = finding.advice end
    end
    assert.matches("^GRANT pg_read_all_stats TO " .. role, told.may_not_see_timeline)
    assert.is_false(status.replay.paused)
    assert.is_nil(status.horizon_error)
    assert.equal(max_seq(), status.horizon)
    assert.is_truthy(own:position({ at = os.time() - 3600 }))
    local rows = 0
    for row in there:rows("item") do rows = rows + (row.op == "READ" and 1 or 0) end
    assert.equal(must(log, "SELECT count(*) AS n FROM item")[1].n, rows)
    assert.matches("port=", at.there)
    assert.is_truthy(assert(there:status()).replay.primary)
    own:close()
    must(log, "REVOKE EXECUTE ON FUNCTION pg_stat_get_wal_receiver() FROM PUBLIC")
    local ready = settled() -- and the standby has taken the right away, too
    for _, db in ipairs { at.db, at.there } do
      own = at:read((db:gsub("user=%S+", "user=" .. role)))
      assert.equal("1:" .. ready, own:position())
      own:close()
    end
    must(log, "GRANT EXECUTE ON FUNCTION pg_stat_get_wal_receiver() TO PUBLIC")
    must(log, "REVOKE EXECUTE ON FUNCTION pg_last_wal_replay_lsn() FROM PUBLIC")
    local before = settled()
    own = at:read((at.there:gsub("user=%S+", "user=" .. role)))
    local feed = follow(before, own)
    add(log, 2)
    assert.equal(2, #(feed:batch(10, 5)))
    assert.same({}, assert(own:status()).replay)
    must(log, "GRANT EXECUTE ON FUNCTION pg_last_wal_replay_lsn() TO PUBLIC")
    own:close()
    drop()
  end)

  it("is not read in a serializable session, which it refuses itself", function()
    local none, err = logs.connect(at.there .. " options='-c default_transaction_isolation="
      .. "serializable'"):position()
    assert.is_nil(none)
    assert.equal("0A000", err.sqlstate)
    local repeatable = at:read(at.there .. " options='-c default_transaction_isolation="
      .. "repeatable\\\\ read'")
    at:catch_up()
    assert.equal("1:" .. max_seq(), repeatable:position())
  end)

  it("is read by the command, whose --name needs the primary", function()
    settled()
    local kept = support.path("kept")
    local ended, output, wrong = command.run(at.there, "drain --position-file " .. kept)
    assert.equal(0, ended, wrong)
    assert.matches("INSERT", output)
    assert.equal("1:" .. max_seq(), (support.read(kept):match("^[^@%s]+")))
    ended, output, wrong = command.run(at.there, "drain --name shell")
    assert.same({ 1, "" }, { ended, output })
    assert.matches("needs the primary, and this server is a hot standby", wrong, 1, true)
    ended, output, wrong = command.run(at.there, "follow --name shell")
    assert.same({ 1, "" }, { ended, output })
    assert.matches("or keep the position by --position-file\n", wrong, 1, true)
    ended, output = command.run(at.there, "status")
    assert.equal(0, ended)
    assert.matches("hot standby", output)
    assert.matches("0 B to replay, last replayed commit", output, 1, true)
    ended, output = command.run(at.there, "") -- offers only what can be done here
    assert.equal(0, ended)
    assert.matches("PostgreSQL %S+ %(hot standby%), as role", output)
    assert.matches("Next:.*\n   forgelog follow %-%-since now ", output)
    assert.is_nil(output:find("forgelog trim", 1, true) or output:find("--name", 1, true))
  end)

  it("shows that a consumer of the primary runs, and does not claim that one does not", function()
    local one = closing(consumer.new({ conninfo = at.db, name = "beyond",
      position = consumer.table(), on_changes = function() end }))
    local function seen(on)
      for _, each in ipairs(assert(on:status()).consumers) do
        if each.name == "beyond" then return each end
      end
    end
    assert(one:step(1))
    at:catch_up()
    assert.is_true(seen(there).running)
    assert.equal(1, exposed.look(there):value("forgelog_consumer_running", { consumer = "beyond" }))
    one:close()
    at:catch_up()
    assert.is_false(seen(log).running)
    assert.is_nil(seen(there).running)
    exposed.lacks(exposed.look(there), { "consumer_running" })
    local _, output = command.run(at.there, "status")
    assert.matches("whether it runs is seen on the primary only, saved", output, 1, true)
  end)

  describe("feeds a consumer", function()
    local function handed(one, seen, n)
      support.wait_until(function()
        one:step(0.2)
        return #seen >= n
      end, n .. " changes")
    end

    local function make(name, options)
      local seen, all = {}, { conninfo = at.there, name = name, poll = 0.05, backoff = 0.02,
        backoff_max = 0.1, start = "now" }
      function all.on_changes(changes)
        for _, seq in ipairs(seqs_of(changes)) do seen[#seen + 1] = seq end
      end
      for option, value in pairs(options) do all[option] = value end
      return closing(consumer.new(all)), seen
    end

    it("that keeps its position in a file", function()
      local path = support.path("position")
      local one, seen = make("filed", { position = consumer.file(path) })
      settled()
      one:step(2)
      add(log, 3)
      handed(one, seen, 3)
      one:close()
      add(log, 2)
      at:catch_up()
      one, seen = make("filed", { position = consumer.file(path) })
      handed(one, seen, 2)
      assert.equal(2, #seen)
      local second = make("filed", { position = consumer.file(path), exclusive = "refuse" })
      local none, err = second:step(2)
      assert.is_nil(none)
      assert.equal("name_taken", err.code) -- of those on this server
      second:close()
      one:close()
    end)

    it("not with the table store, unless that is told the primary", function()
      local one = make("tabled", { position = consumer.table() })
      local none, err = one:step(2)
      assert.is_nil(none)
      assert.equal("standby", err.code)
      assert.matches("consumer.table{ conninfo", err.message, 1, true)
      one:close()
      settled()
      must(log, "CREATE TABLE IF NOT EXISTS effect (seq bigint)")
      local seen
      one, seen = make("tabled", { position = consumer.table { conninfo = at.db },
        transaction = true, on_changes = function(changes, own)
          for _, change in ipairs(changes) do
            must(own, "INSERT INTO effect VALUES ($1)", change.seq)
          end
        end })
      local _ = seen
      one:step(2)
      local before = max_seq()
      add(log, 3)
      support.wait_until(function()
        one:step(0.2)
        return must(log, "SELECT count(*) AS n FROM effect WHERE seq > $1", before)[1].n == 3
      end, "the effects")
      local second = make("tabled", { conninfo = at.db, position = consumer.table(),
        exclusive = "refuse" })
      none, err = second:step(2)
      assert.is_nil(none)
      assert.equal("name_taken", err.code)
      second:close()
      add(log, 2)
      must(log, "SELECT pg_terminate_backend(pid) FROM forge_change_log_consumers WHERE name = $1",
        "tabled")
      support.wait_until(function()
        one:step(0.2)
        return must(log, "SELECT count(*) AS n FROM effect WHERE seq > $1", before)[1].n == 5
      end, "the effects after its session on the primary was ended")
      one:close()
      assert.same({ { n = 5, different = 5 } }, must(log, "SELECT count(*) AS n, "
        .. "count(DISTINCT seq) AS different FROM effect WHERE seq > $1", before))
      at:catch_up()
      assert(there:caught_up("tabled", 5))
    end)

    it("that handles several at a time, or has a handler of its own server", function()
      settled()
      local servers = {}
      local one, seen = make("beside", { position = consumer.table { conninfo = at.db },
        on_changes = function(changes, own)
          servers[#servers + 1] = must(own, "SELECT pg_is_in_recovery() AS yes")[1].yes
          assert(#changes > 0)
        end })
      one:step(2)
      add(log)
      support.wait_until(function()
        one:step(0.2)
        return servers[1] ~= nil
      end, "the handler")
      assert.is_true(servers[1])
      assert.same({}, seen)
      one:close()
    end)
  end)
end)
