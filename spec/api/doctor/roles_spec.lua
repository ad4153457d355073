-- What diagnose finds wrong with rights: of the role that asks, of the functions' owners, of
-- others.
local findings = require "support.findings"
local logs = require "support.logs"

local must = logs.must
local fine, finds, breaks, role = findings.fine, findings.finds, findings.breaks, findings.role

describe("diagnose", function()
  local db, log
  findings.in_each(function(...) db, log = ... end)

  it("finds what the role may not do", function()
    local name, drop_role = role(log, "GRANT SELECT ON forge_change_log TO %s")
    local other = findings.as(db, name)
    must(log, finds(other, "role", "error", "forge_change_log_state").advice)
    for _, text in ipairs({ "cannot trim", "consumer's position" }) do
      finds(other, "role", "note", text)
    end
    finds(other, "consumers", "note", "permission denied")
    must(log, finds(other, "visibility", "note", "hidden from role " .. name).advice)
    fine(other, "visibility")
    must(log, ([[GRANT DELETE ON forge_change_log TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_consumers TO %s]]):format(name, name))
    fine(other, "role")
    fine(other, "consumers")
    assert.same({}, logs.drained(other))
    must(log, "ALTER TABLE forge_change_log ENABLE ROW LEVEL SECURITY")
    for _, part in ipairs({ "^(.-), or ", ", or (.*)$" }) do
      must(log, "ALTER TABLE forge_change_log ENABLE ROW LEVEL SECURITY")
      local advice = finds(other, "role", "error",
        "row level security on forge_change_log may hide rows from role " .. name).advice
      must(log, advice:gsub("%.%.%.", "p ON forge_change_log"):match(part))
      fine(other, "role")
    end
    must(log, "ALTER TABLE forge_change_log DISABLE ROW LEVEL SECURITY")
    must(log, "REVOKE SELECT ON forge_change_log FROM " .. name)
    local finding = finds(other, "role", "error", "may not read public.forge_change_log")
    for _, check in ipairs({ "state", "trimmer", "consumers" }) do
      finds(other, check, "note", "takes SELECT on the log")
    end
    must(log, finding.advice)
    fine(other, "role")
    other:close()
    drop_role()
  end)

  it("finds a schema that the role may not look into", function()
    must(log, "CREATE SCHEMA feed")
    assert(log:install({ schema = "feed" }))
    local name, drop_role = role(log,
      "GRANT SELECT ON feed.forge_change_log, feed.forge_change_log_state TO %s")
    local other = findings.as(db, name, { schema = "feed" })
    finds(other, "trimmer", "note", "USAGE on schema feed")
    must(log, finds(other, "role", "error", "may not use schema feed").advice)
    fine(other, "trimmer")
    for _, finding in ipairs(findings.wrong(other, "role")) do
      assert.equal("note", finding.severity)
    end
    other:close()
    drop_role()
  end)

  it("finds owners of the capture functions that may not write the log", function()
    local name, drop_role = role(log)
    logs.fill(log, 1)
    fine(log, "owner")
    local capture = must(log, [[SELECT tgfoid::regproc::text AS name FROM pg_trigger
      WHERE tgrelid = 'item'::regclass AND tgname = 'forge_capture_insert']])[1].name
    must(log, ([[ALTER FUNCTION %s() OWNER TO %s;
      ALTER FUNCTION forge_log_deleted() OWNER TO %s]]):format(capture, name, name))
    local write, delete = "INSERT INTO item (n) VALUES (1)", "DELETE FROM forge_change_log"
    assert.is_nil((log:query(write)))
    assert.is_nil((log:query(delete)))
    local writes = finds(log, "owner", "error",
      "lacks INSERT ON public.forge_change_log; USAGE ON SEQUENCE")
    assert.is_truthy(writes.message:find(name .. " owns " .. capture, 1, true))
    must(log, writes.advice .. "; " .. finds(log, "owner", "error", "every trim fails").advice)
    must(log, write)
    must(log, delete)
    local mixed = finds(log, "owner", "error", "belong to different roles")
    assert.is_truthy(mixed.message:find(name .. " has " .. capture, 1, true))
    must(log, ("ALTER FUNCTION %s() OWNER TO forgelog"):format(capture))
    must(log, "ALTER FUNCTION forge_log_deleted() OWNER TO forgelog")
    fine(log, "owner")
    drop_role()
  end)

  it("finds who else may write to the log", function()
    local name, drop_role = role(log)
    breaks(log, "grants", "warning", "GRANT INSERT ON forge_change_log TO PUBLIC",
      "everybody has the rights INSERT")
    breaks(log, "grants", "warning", "GRANT UPDATE, TRUNCATE ON forge_change_log TO " .. name, name)
    breaks(log, "grants", "warning", "GRANT UPDATE ON SEQUENCE forge_change_log_seq_seq TO "
      .. name,
      "_seq_seq")
    breaks(log, "grants", "warning", "GRANT INSERT ON forge_change_log_state TO " .. name,
      "forge_change_log_state")
    must(log, "GRANT SELECT ON forge_change_log TO PUBLIC")
    local finding = finds(log, "grants", "note", "everybody has the rights SELECT")
    must(log, finding.advice:match("([^,]+), unless"))
    fine(log, "grants")
    must(log, ("GRANT DELETE ON forge_change_log TO %s"):format(name))
    finds(log, "grants", "note", name .. " has the rights DELETE on public.forge_change_log")
    drop_role()
  end)
end)
