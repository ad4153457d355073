-- Retention: by age, with a floor of rows, one trimmer at a time, in nobody's way. Two trimmers
-- under a load of writers are in spec/load/trim_spec.
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must
local now, aged, rows, TRIMMER = logs.server_time, logs.aged, logs.rows, logs.TRIMMER

local function trims(name, make)
  describe("trim on " .. name, function()
    local db, log, other
    before_each(function()
      db, log = make()
      other = logs.connect(db)
    end)
    after_each(function()
      other:close()
      log:close()
      support.drop(db)
    end)

    it("deletes what is older, oldest first", function()
      aged(log, 100)
      assert.equal(70, log:trim(now(log) - 30.5, { min_rows = 0 }))
      assert.equal(71, log:min_seq())
      assert.equal(100, log:max_seq())
      assert.equal(0, log:trim(now(log) - 60, { min_rows = 0 }))
      assert.equal("trimmed", (log:gap(60)))
      assert.is_false(log:gap(70))
    end)

    it("keeps the newest rows whatever their age: 1000 unless told otherwise", function()
      aged(log, 1500)
      assert.equal(500, log:trim(now(log)))
      assert.equal(501, log:min_seq())
      assert.equal(0, log:trim(now(log)))
      assert.equal(990, log:trim(now(log), { min_rows = 10 }))
      assert.equal(1491, log:min_seq())
      assert.equal(0, log:trim(now(log), { min_rows = 11 }))
    end)

    it("counts rows for its floor, not numbers", function()
      aged(log, 100)
      must(log, "DELETE FROM forge_change_log WHERE seq % 2 = 0")
      assert.equal(40, log:trim(now(log), { min_rows = 10 }))
      assert.equal(10, rows(log))
      assert.equal(81, log:min_seq())
    end)

    it("deletes nothing when there are no more rows than the floor", function()
      assert.equal(0, log:trim(now(log), { min_rows = 0 }))
      aged(log, 10)
      assert.equal(0, log:trim(now(log), { min_rows = 10 }))
      assert.equal(0, log:trim(now(log)))
      assert.equal(0, log:trim(0, { min_rows = 0 }))
      assert.equal(10, rows(log))
    end)

    it("empties the log with a time in the future and no floor", function()
      aged(log, 100)
      assert.equal(100, log:trim(now(log) + 3600, { min_rows = 0 }))
      assert.is_nil(log:min_seq())
      assert.is_nil(log:max_seq())
      assert.equal("trimmed", (log:gap(99)))
      assert.is_false(log:gap(100))
    end)

    it("takes a batch of any size, and deletes in several transactions", function()
      for _, batch in ipairs({ 1, 7, 10000000 }) do
        aged(log, 100)
        assert.equal(100, log:trim(now(log) + 10, { min_rows = 0, batch = batch }))
        assert.equal(0, rows(log))
      end
      must(log, [[CREATE TABLE deletes (at timestamptz DEFAULT now(), n int);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN INSERT INTO deletes SELECT now(), count(*) FROM gone; RETURN NULL; END $$;
        CREATE TRIGGER note AFTER DELETE ON forge_change_log REFERENCING OLD TABLE AS gone
          FOR EACH STATEMENT EXECUTE FUNCTION note()]])
      aged(log, 1000)
      assert.equal(1000, log:trim(now(log) + 10, { min_rows = 0, batch = 100 }))
      local noted = must(log, [[SELECT count(DISTINCT at) AS n, max(n) AS most,
        sum(n)::int AS total FROM deletes]])[1]
      assert.equal(1000, noted.total)
      assert.is_true(noted.most <= 100 and noted.n >= 10,
        noted.most .. " rows at most in " .. noted.n)
    end)

    it("says busy while another session trims", function()
      aged(log, 10)
      for _, lock in ipairs({ "SELECT pg_advisory_lock(" .. TRIMMER .. ")",
        "BEGIN; SELECT pg_advisory_xact_lock(" .. TRIMMER .. ")" }) do
        must(other, lock)
        assert.same({ 0, "busy" }, { log:trim(now(log), { min_rows = 0 }) })
        must(other, "ROLLBACK; SELECT pg_advisory_unlock_all()")
      end
      assert.same({ 10 }, { log:trim(now(log), { min_rows = 0 }) })
      aged(log, 10)
      -- nothing of the lock was left behind
      assert.same({ 10 }, { other:trim(now(log), { min_rows = 0 }) })
    end)

    it("does not wait for writers, and leaves readers alone", function()
      aged(log, 100)
      must(other, "BEGIN; INSERT INTO item (n) VALUES (1); SELECT * FROM forge_change_log")
      log:close()
      log = logs.connect(db, { timeout = 5 })
      assert.equal(100, log:trim(now(log) + 10, { min_rows = 0 }))
      assert.equal(0, #must(other, "SELECT seq FROM forge_change_log WHERE seq <= 100"))
      must(other, "COMMIT")
    end)
  end)
end

-- How far the beginning of the log goes, where clocks and sessions are not what one would wish.
local function prefixes(name, make)
  describe("trim by prefix on " .. name, function()
    local db, log
    before_each(function() db, log = make() end)
    after_each(function()
      log:close()
      support.drop(db)
    end)

    -- Writes changes of these ages in seconds, in this order.
    local function write(...)
      for _, age in ipairs({ ... }) do
        must(log, [[INSERT INTO forge_change_log (table_name, op, created_at)
          VALUES ('item', 'INSERT', clock_timestamp() - make_interval(secs => $1::float8))]], age)
      end
    end

    local function trim(opts)
      opts = opts or {}
      opts.min_rows = 0
      return log:trim(now(log) - 50, opts)
    end

    it("stops before the first change that is not old", function()
      write(100, 90, 10, 80, 70)
      assert.equal(2, trim({ dry_run = true }))
      assert.equal(2, trim())
      assert.equal(3, log:min_seq())
      must(log, "UPDATE forge_change_log SET created_at = created_at - interval '1 minute'")
      assert.equal(3, trim())
    end)

    it("is not stopped by a clock that was ahead", function()
      write(100, -86400 * 365, 90, -3600, 10, 5, -1000)
      must(log, "UPDATE forge_change_log SET created_at = 'infinity' WHERE seq = 2")
      assert.equal(3, trim({ dry_run = true }))
      assert.equal(3, trim({ batch = 1 }))
      assert.equal(4, log:min_seq())
    end)

    if name == "our log" then
      it("is the same for forge_trim_change_log()", function()
        write(100, -3600, 90, -3600, 10, 80, 5, -1000)
        assert.equal(3, must(log, "SELECT forge_trim_change_log('50 seconds') AS n")[1].n)
        assert.equal(0, must(log, "SELECT forge_trim_change_log('50 seconds') AS n")[1].n)
        assert.equal(5, must(log, "SELECT forge_trim_change_log('1 second') AS n")[1].n
          + must(log, "SELECT forge_trim_change_log('-2 hours') AS n")[1].n)
      end)
    end

    it("leaves nothing out by how a session prints and reads times", function()
      must(log, "SET DateStyle = 'SQL, DMY'; SET TimeZone = 'Europe/Dublin'")
      for _, at in ipairs({ "2024-10-27 00:30+00", "2024-10-27 01:30+00", "2024-11-05 00:30+00",
        "2024-12-13 00:30+00" }) do
        must(log, [[INSERT INTO forge_change_log (table_name, op, created_at)
          SELECT 'item', 'INSERT', $1::timestamptz FROM generate_series(1, 200)]], at)
      end
      assert.equal(800, log:trim(now(log), { min_rows = 0, batch = 100 }))
      assert.equal(0, rows(log))
    end)

    it("finds again what a foreign trimmer has left, and what was committed late", function()
      local writer = logs.connect(db)
      write(100)
      must(writer, "BEGIN")
      must(writer, [[INSERT INTO forge_change_log (table_name, op, created_at)
        VALUES ('item', 'INSERT', clock_timestamp() - interval '80 seconds')]])
      write(90, 80, 70, 60)
      must(log, "DELETE FROM forge_change_log WHERE seq IN (4, 6)")
      assert.equal(3, trim())
      must(writer, "COMMIT")
      assert.equal(2, log:min_seq())
      assert.equal(1, trim())
      assert.is_nil(log:min_seq())
      writer:close()
    end)
  end)
end

prefixes("our log", logs.installed)
prefixes("the framework's plain log", logs.framework)

trims("our log", logs.installed)
trims("our log, in sessions of other settings", logs.peculiar)
trims("the framework's plain log", logs.framework)

-- A pooler gives every transaction another server connection: a session's lock would stay behind.
describe("trim through a transaction-mode pooler", function()
  local db, direct, pool
  setup(function()
    db, direct = logs.installed()
    pool = pooler.start(db)
  end)
  teardown(function()
    pool:stop()
    direct:close()
    support.drop(db)
  end)

  it("trims, leaves no lock behind, and still yields to others", function()
    local log = pool:connect()
    for _ = 1, 10 do
      aged(direct, 200)
      assert.same({ 200 }, { log:trim(now(direct) + 10, { min_rows = 0, batch = 50 }) })
      assert.equal(0, logs.advisory_locks(direct))
    end
    aged(direct, 10)
    must(direct, "SELECT pg_advisory_lock(" .. TRIMMER .. ")")
    assert.same({ 0, "busy" }, { log:trim(now(direct) + 10, { min_rows = 0 }) })
    must(direct, "SELECT pg_advisory_unlock(" .. TRIMMER .. ")")
    assert.equal(10, log:trim(now(direct) + 10, { min_rows = 0 }))
    log:close()
  end)
end)
