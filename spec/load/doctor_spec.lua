-- What diagnose finds of a whole server: its settings, its lock table, a subscription, a standby.
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must, connect = logs.must, logs.connect
local fine, finds, wrong = findings.fine, findings.finds, findings.wrong

describe("diagnose on a server of its own", function()
  local server, db, log

  setup(function()
    server = support.server({ "wal_level=logical", "max_connections=30",
      "max_prepared_transactions=2", "max_wal_senders=3", "max_locks_per_transaction=10" })
    db, log = logs.installed(server.conninfo)
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
    set("synchronous_commit", "warning", "synchronous_commit=off", "off for the server",
      "synchronous_commit=on")
    set("replication_role", "error", "session_replication_role=replica", "replica for the server",
      "session_replication_role=origin")
    set("autovacuum", "warning", "autovacuum=off", "autovacuum is off", "autovacuum=on")
    set("autovacuum", "note", "track_counts=off", "track_counts is off", "track_counts=on")
  end)

  it("finds settings of all roles, which only ALTER ROLE resets", function()
    for setting, name in pairs({ synchronous_commit = "synchronous_commit",
      session_replication_role = "replication_role" }) do
      local value = setting == "synchronous_commit" and "off" or "REPLICA"
      fine(log, name)
      must(log, ("ALTER ROLE ALL SET %s = '%s'"):format(setting, value))
      local later = connect(db)
      local advice = finds(log, name, name == "replication_role" and "error" or "warning",
        "for all roles").advice
      assert.same({ 1, 1 }, { #wrong(log, name), #wrong(later, name) })
      must(later, advice:match("^[^;]+"))
      later:close()
      later = connect(db)
      fine(later, name)
      later:close()
    end
  end)

  it("finds a lock table that is small or full, and tables of many partitions", function()
    finds(log, "locks", "warning", "max_locks_per_transaction is 10, below")
    assert.equal(1, #wrong(log, "locks"))
    must(log, "SELECT pg_advisory_lock(g) FROM generate_series(1, 170) g")
    finds(log, "locks", "warning", "of the 320 locks")
    must(log, "SELECT pg_advisory_unlock_all()")
    assert.equal(1, #wrong(log, "locks"))
    must(log, "CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id)")
    for i = 1, 10 do
      must(log, ("CREATE TABLE part%d PARTITION OF parts FOR VALUES IN (%d)"):format(i, i))
    end
    assert(log:watch("parts"))
    fine(log, "partitions")
    must(log, "CREATE TABLE part11 PARTITION OF parts FOR VALUES IN (11)")
    local finding = finds(log, "partitions", "warning", "parts has 11 partitions")
    assert.is_truthy(finding.advice:find("above 11", 1, true))
    must(log, "DROP TABLE parts")
    assert(log:unwatch("parts"))
  end)

  it("finds tables that a subscription writes to", function()
    local from, publisher = logs.installed(server.conninfo)
    must(publisher, "CREATE PUBLICATION p FOR TABLE item")
    must(publisher, "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
    fine(log, "tables")
    must(log, ([[CREATE SUBSCRIPTION feed CONNECTION '%s' PUBLICATION p
      WITH (create_slot = false, slot_name = 's', copy_data = false)]]):format(from))
    local finding = finds(log, "tables", "error",
      "what the subscription feed applies to item is missed")
    assert.is_truthy(finding.advice:find("unwatch item", 1, true))
    local function arrives(changes)
      must(publisher, "INSERT INTO item (n) VALUES (1)")
      support.wait_until(function()
        return must(log, "SELECT count(*) AS n FROM item")[1].n > 0
      end, "the row")
      assert.equal(changes, logs.rows(log))
      must(log, [[ALTER TABLE item DISABLE TRIGGER USER; DELETE FROM item;
        ALTER TABLE item ENABLE TRIGGER USER]])
    end
    must(log, "TRUNCATE forge_change_log")
    arrives(0)
    assert(log:unwatch("item"))
    must(log, [[CREATE TRIGGER hand AFTER INSERT OR UPDATE OR DELETE ON item
      FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
    must(log, finds(log, "tables", "error", "subscription feed").advice)
    for _, each in ipairs(wrong(log, "tables")) do assert.equal("note", each.severity) end
    arrives(1)
    must(log, "DROP SUBSCRIPTION feed")
    publisher:close()
  end)

  it("finds a log that a subscription writes to, which drain and follow refuse", function()
    local from, publisher = logs.installed(server.conninfo)
    must(publisher, "CREATE PUBLICATION p FOR TABLE forge_change_log")
    must(publisher, "SELECT pg_create_logical_replication_slot('s2', 'pgoutput')")
    fine(log, "log")
    must(log, ([[CREATE SUBSCRIPTION feed CONNECTION '%s' PUBLICATION p
      WITH (create_slot = false, slot_name = 's2', copy_data = false)]]):format(from))
    finds(log, "log", "error", "the subscription feed writes the changes of another server")
    local feed = log:follow()
    for _, err in ipairs({ logs.drain_error(log) or "none", select(2, feed:next(5)) or "none",
      select(2, log:position()) or "none" }) do
      assert.equal("subscriber", err.code)
      assert.is_falsy(err.retryable)
    end
    feed:close()
    must(log, "DROP SUBSCRIPTION feed")
    fine(log, "log")
    assert.is_nil(logs.drain_error(log))
    publisher:close()
  end)

  it("finds that it is on a hot standby, and checks all the same", function()
    fine(log, "standby")
    local standby = server:standby()
    local other = connect((standby.conninfo:gsub("dbname=%S+", db:match("dbname=%S+"))))
    local finding = finds(other, "standby", "note", "hot standby")
    assert.is_truthy(finding.advice:find("hot_standby_feedback", 1, true))
    finds(other, "writers", "note", "primary only")
    for _, name in ipairs({ "log", "install", "sequence", "trimmer", "consumers", "role" }) do
      fine(other, name)
    end
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
