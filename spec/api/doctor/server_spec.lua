-- What diagnose finds in the settings of roles and databases. Settings of the whole server, its
-- locks and a standby are in spec/load/doctor_spec.
local findings = require "support.findings"
local logs = require "support.logs"

local must = logs.must
local fine, finds, breaks, role = findings.fine, findings.finds, findings.breaks, findings.role

describe("diagnose", function()
  local db, log
  findings.in_each(function(...) db, log = ... end)

  it("finds settings that let changes go missing", function()
    local name, drop_role = role(log)
    local dbname = db:match("dbname=(%S+)")
    breaks(log, "synchronous_commit", "warning",
      ("ALTER DATABASE %s SET synchronous_commit = off"):format(dbname), "database " .. dbname)
    breaks(log, "synchronous_commit", "warning",
      ("ALTER ROLE %s SET synchronous_commit = off"):format(name), "role " .. name)
    breaks(log, "synchronous_commit", "warning",
      ("ALTER ROLE %s SET synchronous_commit = 'OFF'"):format(name), "role " .. name)
    must(log, ("ALTER ROLE %s SET session_replication_role = 'REPLICA'"):format(name))
    must(log, finds(log, "replication_role", "error", "role " .. name).advice:match("^[^;]+"))
    local replica = ("ALTER ROLE %s IN DATABASE %s SET session_replication_role = replica"):format(
      name, dbname)
    fine(log, "replication_role")
    must(log, replica)
    local finding = finds(log, "replication_role", "error",
      ("role %s in database %s"):format(name, dbname))
    must(log, finding.advice:match("^[^;]+"))
    fine(log, "replication_role")
    must(log, replica)
    for _, row in ipairs(must(log, [[SELECT tgrelid::regclass AS t, tgname AS name
      FROM pg_trigger WHERE NOT tgisinternal]])) do
      must(log, ("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s"):format(row.t, row.name))
    end
    fine(log, "replication_role")
    fine(log, "tables")
    fine(log, "guard")
    drop_role()
  end)
end)
