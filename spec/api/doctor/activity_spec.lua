-- What diagnose finds in what goes on: writers, poolers, trims, dead rows.
local findings = require "support.findings"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must, connect = logs.must, logs.connect
local fine, finds, breaks, wrong = findings.fine, findings.finds, findings.breaks, findings.wrong
local role = findings.role

describe("diagnose", function()
  local db, log
  findings.in_each(function(...) db, log = ... end)

  it("finds a log that nobody trims", function()
    logs.fill(log, 1001)
    fine(log, "trimmer")
    must(log,
      "UPDATE forge_change_log SET created_at = created_at - interval '3 hours' WHERE seq = 1")
    fine(log, "trimmer")
    local finding = finds(log, "trimmer", "warning", "aside, changes in the log are 3 h old",
      { older_than = 7200 })
    assert.is_truthy(finding.advice:find("forgelog trim --older-than 2h --quiet", 1, true),
      finding.advice)
    assert.equal(1, (log:trim(os.time() - 7200)))
    fine(log, "trimmer", { older_than = 7200 })
  end)

  it("finds dead rows, and autovacuum off for the log", function()
    local off = "ALTER TABLE forge_change_log SET (autovacuum_enabled = false)"
    breaks(log, "autovacuum", "warning", off, "off for public.forge_change_log")
    must(log, off)
    logs.fill(log, 100002)
    must(log, "DELETE FROM forge_change_log")
    support.wait_until(function()
      return #wrong(log, "autovacuum") == 2
    end, "the dead rows to be counted")
    local finding = finds(log, "autovacuum", "warning", "100,002 dead rows")
    must(log, finding.advice:match("^VACUUM [%w_.]+"))
    must(log, "ALTER TABLE forge_change_log RESET (autovacuum_enabled)")
    support.wait_until(function()
      return #wrong(log, "autovacuum") == 0
    end, "the vacuum to be counted")
  end)

  it("finds autovacuum off for the log, however that is written", function()
    breaks(log, "autovacuum", "warning",
      "ALTER TABLE forge_change_log SET (autovacuum_enabled = off, fillfactor = 90)",
      "off for public.forge_change_log")
  end)

  it("finds snapshots that are held for longer than changes are kept", function()
    local reader, busy = connect(db .. " application_name=report"), connect(db)
    must(reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM forge_change_log")
    must(busy, "BEGIN; CREATE TABLE t (); PREPARE TRANSACTION 'it''s'")
    fine(log, "autovacuum")
    local soon = { older_than = 0.2 }
    logs.pause(0.3)
    local who = ("pid %d (report, role postgres) is open for"):format(logs.backend(reader))
    local session = finds(log, "autovacuum", "warning", who, soon)
    local prepared = finds(log, "autovacuum", "warning", "the prepared transaction 'it''s'", soon)
    must(log, session.advice:match("SELECT.*"))
    must(log, prepared.advice:match("or (ROLLBACK.*)"))
    support.wait_until(function() return #wrong(log, "autovacuum", soon) == 0 end, "both to end")
    reader:close()
    busy:close()
  end)

  it("finds writers that hold the horizon, and a trimmer that idles", function()
    fine(log, "writers")
    local idle, busy, trims = connect(db .. " application_name=lazy"), connect(db), connect(db)
    local name, drop_role = role(log,
      "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    local blind = findings.as(db, name)
    must(busy, [[BEGIN; INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT');
      PREPARE TRANSACTION 'it''s']])
    must(idle, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(trims, "SELECT pg_advisory_lock(" .. logs.TRIMMER .. ")")
    local sleeper = support.start(([[psql -XAtq -d '%s' \
      -c "BEGIN; INSERT INTO item (n) VALUES (2); SELECT pg_sleep(60)"]]):format(db))
    support.wait_until(function() return #select(2, log:horizon()) == 3 end, "three writers")
    fine(log, "writers")
    fine(log, "trimmer")
    logs.pause(5.2)
    local pid = logs.backend(idle)
    local finding = finds(log, "writers", "warning", ("pid %d (lazy, role postgres)"):format(pid))
    assert.is_truthy(finding.message:find("idle in transaction", 1, true))
    assert.is_truthy(finding.advice:find(("pg_terminate_backend(%d)"):format(pid), 1, true))
    finds(log, "writers", "note", "(psql, role postgres)")
    finds(log, "writers", "note", "idle_in_transaction_session_timeout is 0")
    finds(blind, "writers", "note", "2 writers are open is hidden")
    local prepared = finds(log, "writers", "warning", "prepared transaction 'it''s' is open for")
    must(log, prepared.advice:match("or (ROLLBACK.*)"))
    local trimmer = finds(log, "trimmer", "warning", "idles with the trimmer's lock")
    must(log, trimmer.advice:match("SELECT.*"))
    must(log, "SET idle_in_transaction_session_timeout = '1min'")
    assert.equal(2, #wrong(log, "writers"))
    must(log, finding.advice:match("SELECT [^;]+"))
    must(log, [[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'psql']])
    sleeper:wait()
    support.wait_until(function() return #wrong(log, "writers") == 0 end, "the writers to end")
    fine(log, "trimmer")
    for _, one in ipairs({ idle, busy, trims, blind }) do one:close() end
    drop_role()
  end)

  it("finds a pooler, and its mode", function()
    fine(log, "pooler")
    local pool = pooler.start(db)
    local other = pool:connect()
    local finding = finds(other, "pooler", "warning", "transaction mode")
    assert.is_truthy(finding.advice:find("--no-listen", 1, true))
    other:close()
    support.write(pool.config,
      (support.read(pool.config):gsub("pool_mode = transaction", "pool_mode = session")))
    pool:command("RELOAD")
    other = pool:connect()
    finds(other, "pooler", "note", "session mode")
    for _, one in ipairs(assert(other:diagnose())) do
      assert.is_true(one.severity == "ok" or one.severity == "note",
        one.check .. ": " .. one.message)
    end
    other:close()
    pool:stop()
  end)
end)
