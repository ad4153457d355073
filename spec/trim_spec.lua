-- Retention: by age, with a floor of rows, one trimmer at a time, in nobody's way.
local load = require "support.load"
local support = require "support"

local must = load.must

local TRIMMER = "77306496745475"

local function now(log) return must(log, "SELECT EXTRACT(epoch FROM clock_timestamp())::float8 AS now")[1].now end
local function rows(log) return must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n end

-- `count` changes, one a second, the newest a second old.
local function aged(log, count)
  must(log, "INSERT INTO forge_change_log (table_name, op, created_at) SELECT 'item', 'INSERT', "
    .. "clock_timestamp() - make_interval(secs => $1::int - g + 1) FROM generate_series(1, $1::int) g", count)
end

local function trims(name, make)
  describe("trim on " .. name, function()
    local db, log, other
    before_each(function()
      db, log = make()
      other = load.connect(db)
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
      must(log, "CREATE TABLE deletes (at timestamptz DEFAULT now(), n int);"
        .. "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        .. "INSERT INTO deletes SELECT now(), count(*) FROM gone; RETURN NULL; END $$;"
        .. "CREATE TRIGGER note AFTER DELETE ON forge_change_log REFERENCING OLD TABLE AS gone "
        .. "FOR EACH STATEMENT EXECUTE FUNCTION note()")
      aged(log, 1000)
      assert.equal(1000, log:trim(now(log) + 10, { min_rows = 0, batch = 100 }))
      local noted = must(log, "SELECT count(DISTINCT at) AS n, max(n) AS most, sum(n)::int AS total FROM deletes")[1]
      assert.equal(1000, noted.total)
      assert.is_true(noted.most <= 100 and noted.n >= 10, noted.most .. " rows at most in " .. noted.n)
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
      assert.same({ 10 }, { other:trim(now(log), { min_rows = 0 }) }) -- nothing of the lock is left behind
    end)

    it("does not wait for writers, and leaves readers alone", function()
      aged(log, 100)
      must(other, "BEGIN; INSERT INTO item (n) VALUES (1); SELECT * FROM forge_change_log")
      log:close()
      log = load.connect(db, { timeout = 5 })
      assert.equal(100, log:trim(now(log) + 10, { min_rows = 0 }))
      assert.equal(0, #must(other, "SELECT seq FROM forge_change_log WHERE seq <= 100"))
      must(other, "COMMIT")
    end)

    it("deletes each row once with two trimmers and a load of writers", function()
      aged(log, 100)
      local writers = load.writers(db, { clients = 4, transactions = support.scale(150) })
      local script = [[
        local load = require "support.load"
        local log, total, busy, passes = load.connect((...)), 0, 0, 0
        repeat
          local count, why = log:trim(os.time() + 10, { min_rows = 0, batch = 50 })
          total, passes = total + assert(count, why), passes + 1
          if why == "busy" then busy = busy + 1 end
        until not load.under_way(log) and passes > 20
        print(("%d %d"):format(total, busy))
      ]]
      local one, two = support.lua(script, db), support.lua(script, db)
      local commits = writers:wait()
      local deleted, busy = 0, 0
      for _, trimmer in ipairs({ one, two }) do
        local ok, output, errors = trimmer:wait()
        assert.is_true(ok, errors)
        local count, times = output:match("(%d+) (%d+)")
        deleted, busy = deleted + tonumber(count), busy + tonumber(times)
      end
      local left, written = rows(log), must(log, "SELECT count(*) AS n FROM item")[1].n
      support.note("%s: %d transactions, two trimmers deleted %d changes, %d times busy", name, commits, deleted, busy)
      assert.is_true(commits > 0 and deleted > 100)
      assert.equal(100 + written, deleted + left)
    end)
  end)
end

trims("our log", load.installed)
trims("the framework's plain log", load.framework)

-- A pooler gives every transaction another server connection: a session's lock would stay behind.
describe("trim through a transaction-mode pooler", function()
  local db, direct, pooler, pooled
  setup(function()
    db, direct = load.installed()
    local port = 30000 + math.floor(load.now() * 1000) % 2000
    local dir = support.path("pooler")
    local config = ("[databases]\n* = host=%s port=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"
      .. "unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\nlogfile = %s/log\n"):format(
      db:match("host=(%S+)"), db:match("port=(%S+)"), port, dir)
    config = config:gsub("%* = host=%S+", function(word) return word .. " user=postgres" end)
    assert(support.run(("mkdir '%s' && printf '%%s' '%s' > '%s/ini' && chmod -R a+rwX '%s'"):format(dir, config, dir, dir)))
    local as = io.popen("id -u"):read("*l") == "0" and "setpriv --reuid postgres --regid postgres --clear-groups " or ""
    pooler = support.start("exec " .. as .. "pgbouncer -q " .. dir .. "/ini")
    pooled = db:gsub("host=%S+", "host=127.0.0.1"):gsub("port=%S+", "port=" .. port)
    support.wait_until(function()
      local log = require("forgelog").connect(pooled)
      if log then log:close() end
      return log
    end, "pgbouncer", 10)
  end)
  teardown(function()
    pooler:kill()
    pooler:wait()
    direct:close()
    support.drop(db)
  end)

  it("trims, leaves no lock behind, and still yields to others", function()
    local log = load.connect(pooled)
    for _ = 1, 10 do
      aged(direct, 200)
      assert.same({ 200 }, { log:trim(now(direct) + 10, { min_rows = 0, batch = 50 }) })
      assert.equal(0, must(direct, "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'")[1].n)
    end
    aged(direct, 10)
    must(direct, "SELECT pg_advisory_lock(" .. TRIMMER .. ")")
    assert.same({ 0, "busy" }, { log:trim(now(direct) + 10, { min_rows = 0 }) })
    must(direct, "SELECT pg_advisory_unlock(" .. TRIMMER .. ")")
    assert.equal(10, log:trim(now(direct) + 10, { min_rows = 0 }))
    log:close()
  end)
end)
