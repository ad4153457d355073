-- What diagnose finds wrong with the log itself: its table, triggers, state, sequence.
-- Each check is fine on a healthy log, finds what was really broken, and is fine again by its
-- advice.
local findings = require "support.findings"
local logs = require "support.logs"

local must, connect = logs.must, logs.connect
local fine, finds, breaks = findings.fine, findings.finds, findings.breaks

describe("diagnose", function()
  local db, log
  findings.in_each(function(...) db, log = ... end)

  it("finds what install has to mend", function()
    local function mends(name, severity, sql, text)
      breaks(log, name, severity, sql, text, "forgelog install")
    end
    mends("install", "warning", "COMMENT ON FUNCTION forge_capture_insert() IS 'forgelog 0'",
      "of another version: functions")
    mends("install", "error", "DROP FUNCTION forge_describe(oid)", "forge_describe")
    mends("install", "warning", "DROP TABLE forge_change_log_consumers",
      "forge_change_log_consumers")
    mends("guard", "error", "ALTER TABLE forge_change_log DISABLE TRIGGER forge_log_truncated",
      "forge_log_truncated")
    mends("guard", "error", "ALTER TABLE forge_change_log ENABLE TRIGGER forge_log_truncating",
      "not enabled always")
    mends("guard", "error", "DROP TRIGGER forge_log_deleted ON forge_change_log",
      "forge_log_deleted")
    mends("state", "error", "DELETE FROM forge_change_log_state", "lost its row")
    mends("log", "error", "ALTER TABLE forge_change_log DROP COLUMN changed_cols",
      "no column changed_cols")
    must(log, [[DELETE FROM forge_change_log_state;
      ALTER TABLE forge_change_log DROP COLUMN row_id]])
    finds(log, "trimmer", "note", "no column row_id")
    must(log, "ALTER TABLE forge_change_log ADD COLUMN row_id text")
    finds(log, "consumers", "note", "lost its row")
  end)

  it("finds a table that is no good log", function()
    breaks(log, "log", "error", "ALTER TABLE forge_change_log SET UNLOGGED", "unlogged")
    fine(log, "log")
    must(log, "CREATE RULE nothing AS ON INSERT TO forge_change_log DO INSTEAD NOTHING")
    finds(log, "log", "warning", "rule nothing on public.forge_change_log may keep changes out")
    must(log, [[DROP RULE nothing ON forge_change_log;
      ALTER TABLE forge_change_log ALTER created_at TYPE timestamp]])
    finds(log, "install", "error", "ALTER it to timestamptz")
  end)

  it("finds a sequence out of order, set back, or used up", function()
    for _, change in ipairs({ "CACHE 10", "INCREMENT 2" }) do
      fine(log, "sequence")
      must(log, "ALTER SEQUENCE forge_change_log_seq_seq " .. change)
      local finding = finds(log, "sequence", "error", "public.forge_change_log_seq_seq has CACHE")
      must(log, finding.advice:match("^(.-);"))
    end
    fine(log, "install")
    breaks(log, "sequence", "error", "ALTER SEQUENCE forge_change_log_seq_seq CYCLE",
      "begins again")
    logs.fill(log, 9)
    fine(log, "sequence")
    must(log, "ALTER SEQUENCE forge_change_log_seq_seq MAXVALUE 10")
    finds(log, "sequence", "warning", "90 %")
    must(log, "ALTER SEQUENCE forge_change_log_seq_seq NO MAXVALUE")
    fine(log, "state")
    must(log, "SELECT setval('forge_change_log_seq_seq', 3)")
    must(log, finds(log, "state", "error", "set back to 3, below seq 9").advice:match("^(.-), or"))
    fine(log, "state")
    breaks(log, "state", "error", "SELECT setval('forge_change_log_seq_seq', 3)", "set back to 3",
      "forgelog install")
    must(log, [[ALTER TABLE forge_change_log ALTER seq DROP DEFAULT;
      DROP SEQUENCE forge_change_log_seq_seq]])
    finds(log, "sequence", "error", "no sequence")
  end)

  it("waits for nobody who has locked the log", function()
    fine(log, "log")
    local other, impatient = connect(db), connect(db, { timeout = 10 })
    must(other, "BEGIN; LOCK forge_change_log")
    finds(impatient, "log", "warning",
      ("pid %d has locked public.forge_change_log"):format(logs.backend(other)))
    finds(impatient, "consumers", "note", "locked")
    must(other, "ROLLBACK")
    fine(impatient, "log")
    other:close()
    impatient:close()
  end)
end)
