-- log:diagnose() on what goes on: settings, writers, poolers, trims, consumers, servers of their own.
local consumer = require "forgelog.consumer"
local findings = require "support.findings"
local load = require "support.load"
local pooler = require "support.pooler"
local support = require "support"

local must, connect = load.must, load.connect
local fine, finds, breaks, wrong, role = findings.fine, findings.finds, findings.breaks, findings.wrong, findings.role

describe("diagnose", function()
  local db, log

  before_each(function()
    db, log = load.installed()
    must(log, "SET client_min_messages = warning")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("finds settings that let changes go missing", function()
    local name, gone = role(log)
    local dbname = db:match("dbname=(%S+)")
    breaks(log, "synchronous_commit", "warning", ("ALTER DATABASE %s SET synchronous_commit = off"):format(dbname),
      "database " .. dbname)
    breaks(log, "synchronous_commit", "warning", ("ALTER ROLE %s SET synchronous_commit = off"):format(name), "role " .. name)
    local replica = ("ALTER ROLE %s IN DATABASE %s SET session_replication_role = replica"):format(name, dbname)
    fine(log, "replication_role")
    must(log, replica)
    must(log, finds(log, "replication_role", "error", ("role %s in database %s"):format(name, dbname)).advice:match("^[^;]+"))
    fine(log, "replication_role")
    must(log, replica)
    for _, row in ipairs(must(log, "SELECT tgrelid::regclass AS t, tgname AS name FROM pg_trigger WHERE NOT tgisinternal")) do
      must(log, ("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s"):format(row.t, row.name))
    end
    fine(log, "replication_role")
    fine(log, "tables")
    fine(log, "guard")
    gone()
  end)

  it("finds a log that nobody trims", function()
    load.fill(log, 1001)
    fine(log, "trimmer")
    must(log, "UPDATE forge_change_log SET created_at = created_at - interval '3 hours' WHERE seq = 1")
    fine(log, "trimmer")
    local finding = finds(log, "trimmer", "warning", "aside, changes in the log are 3 h 0 min old", { older_than = 7200 })
    assert.is_truthy(finding.advice:find("forgelog trim --older-than 2h --quiet", 1, true), finding.advice)
    assert.equal(1, (log:trim(os.time() - 7200)))
    fine(log, "trimmer", { older_than = 7200 })
  end)

  it("finds dead rows, and autovacuum off for the log", function()
    local off = "ALTER TABLE forge_change_log SET (autovacuum_enabled = false)"
    breaks(log, "autovacuum", "warning", off, "off for public.forge_change_log")
    must(log, off)
    load.fill(log, 100002)
    must(log, "DELETE FROM forge_change_log")
    support.wait_until(function() return #wrong(log, "autovacuum") == 2 end, "the dead rows to be counted")
    must(log, finds(log, "autovacuum", "warning", "100,002 dead rows").advice:match("^VACUUM [%w_.]+"))
    must(log, "ALTER TABLE forge_change_log RESET (autovacuum_enabled)")
    support.wait_until(function() return #wrong(log, "autovacuum") == 0 end, "the vacuum to be counted")
  end)

  -- A consumer that has read the log up to now, and gone.
  local function consume(name)
    local one = consumer.new({ conninfo = db, name = name, position = consumer.table(), start = "beginning",
      on_changes = function() end })
    repeat
      local done = one:step(0.1)
    until not done
    one:close()
  end

  it("finds consumers that were passed by, stand still, or fall behind", function()
    fine(log, "consumers")
    must(log, "INSERT INTO item (n) VALUES (1)")
    for _, name in ipairs({ "passed by", "still", "slow" }) do consume(name) end
    load.fill(log, 3)
    fine(log, "consumers")
    must(log, "UPDATE forge_change_log SET created_at = created_at - interval '30 hours' WHERE seq > 1")
    finds(log, "consumers", "warning", "consumer slow is 3 changes behind, the oldest of 1 d 6 h")
    fine(log, "consumers", { older_than = 7 * 86400 })
    must(log, "UPDATE forge_change_log_consumers SET updated_at = updated_at - interval '25 hours' WHERE name <> 'slow'")
    local still = finds(log, "consumers", "warning", "no session runs consumer still, which has not moved for 1 d 1 h")
    assert.is_truthy(still.advice:find("forgelog forget still", 1, true))
    must(log, "DELETE FROM forge_change_log WHERE seq < 3")
    must(log, "UPDATE forge_change_log_consumers SET position = regexp_replace(position, ':.*', ':3') WHERE name <> 'passed by'")
    local passed = finds(log, "consumers", "error", "consumer passed by has missed changes: trims have passed it by")
    assert.is_truthy(passed.advice:find("forgelog forget 'passed by'", 1, true))
    for position, why in pairs({ ["1:999"] = "recreated or restored", ["9:3"] = "another timeline" }) do
      must(log, "UPDATE forge_change_log_consumers SET position = $1 WHERE name = 'passed by'", position)
      finds(log, "consumers", "error", why)
    end
    must(log, "DELETE FROM forge_change_log_consumers")
    fine(log, "consumers")
  end)

  it("waits for nobody who has locked the log", function()
    fine(log, "log")
    local other, impatient = connect(db), connect(db, { timeout = 10 })
    must(other, "BEGIN; LOCK forge_change_log")
    local pid = must(other, "SELECT pg_backend_pid() AS pid")[1].pid
    finds(impatient, "log", "warning", ("pid %d has locked public.forge_change_log"):format(pid))
    finds(impatient, "consumers", "note", "locked")
    must(other, "ROLLBACK")
    fine(impatient, "log")
    other:close()
    impatient:close()
  end)

  it("finds writers that hold the horizon, and a trimmer that idles", function()
    fine(log, "writers")
    local idle, busy, trims = connect(db .. " application_name=lazy"), connect(db), connect(db)
    local name, gone = role(log, "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    local blind = findings.as(db, name)
    must(busy, "BEGIN; INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT'); PREPARE TRANSACTION 'it''s'")
    must(idle, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(trims, "SELECT pg_advisory_lock(77306496745475)")
    local sleeper = support.start(([[psql -XAtq -d '%s' -c "BEGIN; INSERT INTO item (n) VALUES (2); SELECT pg_sleep(60)"]])
      :format(db))
    support.wait_until(function() return #select(2, log:horizon()) == 3 end, "three writers")
    fine(log, "writers")
    fine(log, "trimmer")
    load.pause(5.2)
    local pid = must(idle, "SELECT pg_backend_pid() AS pid")[1].pid
    local finding = finds(log, "writers", "warning", ("pid %d (lazy, role postgres)"):format(pid))
    assert.is_truthy(finding.message:find("idle in transaction", 1, true))
    assert.is_truthy(finding.advice:find(("pg_terminate_backend(%d)"):format(pid), 1, true))
    finds(log, "writers", "note", "(psql, role postgres)")
    finds(log, "writers", "note", "idle_in_transaction_session_timeout is 0")
    finds(blind, "writers", "note", "2 writers are open is hidden")
    must(log, finds(log, "writers", "warning", "prepared transaction 'it''s' is open for").advice:match("or (ROLLBACK.*)"))
    must(log, finds(log, "trimmer", "warning", "idles with the trimmer's lock").advice:match("SELECT.*"))
    must(log, "SET idle_in_transaction_session_timeout = '1min'")
    assert.equal(2, #wrong(log, "writers"))
    must(log, finding.advice:match("SELECT [^;]+"))
    must(log, [[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'psql']])
    sleeper:wait()
    support.wait_until(function() return #wrong(log, "writers") == 0 end, "the writers to end")
    fine(log, "trimmer")
    for _, one in ipairs({ idle, busy, trims, blind }) do one:close() end
    gone()
  end)

  it("finds a pooler, and its mode", function()
    fine(log, "pooler")
    local pool = pooler.start(db)
    local other = pool:connect()
    local finding = finds(other, "pooler", "warning", "transaction mode")
    assert.is_truthy(finding.advice:find("--no-listen", 1, true))
    other:close()
    local file = assert(io.open(pool.config))
    local text = file:read("*a"):gsub("pool_mode = transaction", "pool_mode = session")
    file:close()
    file = assert(io.open(pool.config, "w"))
    file:write(text)
    file:close()
    pool:command("RELOAD")
    other = pool:connect()
    finds(other, "pooler", "note", "session mode")
    for _, one in ipairs(assert(other:diagnose())) do
      assert.is_true(one.severity == "ok" or one.severity == "note", one.check .. ": " .. one.message)
    end
    other:close()
    pool:stop()
  end)
end)

describe("diagnose on a server of its own", function()
  local server, db, log

  setup(function()
    server = support.server({ "wal_level=logical", "max_connections=30", "max_prepared_transactions=2", "max_wal_senders=3",
      "max_locks_per_transaction=10" })
    db, log = load.installed(server.conninfo)
  end)
  teardown(function()
    log:close()
    server:stop()
  end)

  -- Fine, then wrong by a setting, then fine by another.
  local function set(name, severity, setting, text, cure)
    fine(log, name)
    server:set(setting)
    support.wait_until(function() return #wrong(log, name) > 0 end, setting)
    finds(log, name, severity, text)
    server:set(cure)
    support.wait_until(function() return #wrong(log, name) == 0 end, cure)
  end

  it("finds settings of the server", function()
    server:set("fsync=on")
    support.wait_until(function() return #wrong(log, "fsync") == 0 end, "fsync")
    set("fsync", "note", "fsync=off", "fsync is off", "fsync=on")
    set("synchronous_commit", "warning", "synchronous_commit=off", "off for the server", "synchronous_commit=on")
    set("replication_role", "error", "session_replication_role=replica", "replica for the server",
      "session_replication_role=origin")
    set("autovacuum", "warning", "autovacuum=off", "autovacuum is off", "autovacuum=on")
    set("autovacuum", "note", "track_counts=off", "track_counts is off", "track_counts=on")
  end)

  it("finds a lock table that is small or full, and tables of many partitions", function()
    finds(log, "locks", "warning", "max_locks_per_transaction is 10, below")
    assert.equal(1, #wrong(log, "locks"))
    must(log, "SELECT pg_advisory_lock(g) FROM generate_series(1, 170) g")
    finds(log, "locks", "warning", "of the 320 locks")
    must(log, "SELECT pg_advisory_unlock_all()")
    assert.equal(1, #wrong(log, "locks"))
    must(log, "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id)")
    for i = 1, 10 do must(log, ("CREATE TABLE part%d PARTITION OF parts FOR VALUES IN (%d)"):format(i, i)) end
    assert(log:watch("parts"))
    fine(log, "partitions")
    must(log, "CREATE TABLE part11 PARTITION OF parts FOR VALUES IN (11)")
    assert.is_truthy(finds(log, "partitions", "warning", "parts has 11 partitions").advice:find("above 11", 1, true))
    must(log, "DROP TABLE parts")
  end)

  it("finds tables that a subscription writes to", function()
    local from, publisher = load.installed(server.conninfo)
    must(publisher, "CREATE PUBLICATION p FOR TABLE item")
    must(publisher, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    fine(log, "tables")
    must(log, ("CREATE SUBSCRIPTION feed CONNECTION '%s' PUBLICATION p WITH (create_slot = false, slot_name = 's', "
      .. "copy_data = false)"):format(from))
    assert.is_truthy(finds(log, "tables", "error", "what the subscription feed applies to item is missed").advice:find(
      "unwatch item", 1, true))
    local function arrives(changes)
      must(publisher, "INSERT INTO item (n) VALUES (1)")
      support.wait_until(function() return must(log, "SELECT count(*) AS n FROM item")[1].n > 0 end, "the row")
      assert.equal(changes, must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n)
      must(log, "ALTER TABLE item DISABLE TRIGGER USER; DELETE FROM item; ALTER TABLE item ENABLE TRIGGER USER")
    end
    must(log, "TRUNCATE forge_change_log")
    arrives(0)
    assert(log:unwatch("item"))
    must(log, "CREATE TRIGGER hand AFTER INSERT OR UPDATE OR DELETE ON item FOR EACH ROW EXECUTE FUNCTION forge_notify_change()")
    must(log, finds(log, "tables", "error", "subscription feed").advice)
    for _, finding in ipairs(wrong(log, "tables")) do assert.equal("note", finding.severity) end
    arrives(1)
    must(log, "DROP SUBSCRIPTION feed")
    publisher:close()
  end)

  it("finds that it is on a hot standby, and checks all the same", function()
    fine(log, "standby")
    local standby = server:standby()
    local other = connect((standby.conninfo:gsub("dbname=%S+", "dbname=" .. db:match("dbname=(%S+)"))))
    assert.is_truthy(finds(other, "standby", "error", "hot standby").advice:find("target_session_attrs", 1, true))
    finds(other, "writers", "note", "primary only")
    for _, name in ipairs({ "log", "install", "sequence", "trimmer", "consumers", "role" }) do fine(other, name) end
    other:close()
    standby:stop()
  end)

  it("is fine with more locks, after a restart", function()
    log:close()
    server:stop()
    server:start({ "max_locks_per_transaction=64" })
    log = connect(db)
    fine(log, "locks")
  end)
end)
