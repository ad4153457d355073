--- Checks of rights: what this role may do, with whose rights changes are logged, and who else may write to the log.
-- @module forgelog.doctor.roles
local database = require "forgelog.database"

-- What this role needs in order to drain: each what it lacks and what grants it.
local function needs(run)
  local place, role, list = run.place, run.server.quoted_role, {}
  local log = place.schema .. ".forge_change_log"
  if not place.uses then list[#list + 1] = { "use schema " .. place.schema, run:usage() } end
  if place.reads == false then list[#list + 1] = { "read " .. log, ("GRANT SELECT ON %s TO %s"):format(log, role) } end
  if place.reads_state == false then
    list[#list + 1] = { ("read %s_state"):format(log), ("GRANT SELECT ON %s_state TO %s"):format(log, role) }
  end
  return list
end

local function extras(run)
  local place, role = run.place, run.server.quoted_role
  local log = place.schema .. ".forge_change_log"
  if not place.trims then
    run:note("role", ("role %s may not delete from %s, so it cannot trim"):format(role, log),
      ("GRANT DELETE ON %s TO the role that trims"):format(log))
  end
  if place.consumers and not (place.keeps and place.reads_consumers) then
    run:note("role", ("role %s may not write to %s_consumers, so it can keep no consumer's position there"):format(role, log),
      ("GRANT SELECT, INSERT, UPDATE, DELETE ON %s_consumers TO %s"):format(log, role))
  end
end

local function role(run)
  local place, name = run.place, run.server.quoted_role
  local wants = needs(run)
  for _, want in ipairs(wants) do
    run:error("role", ("role %s may not %s, so it cannot drain or follow"):format(name, want[1]), want[2])
  end
  if place.hides_rows then
    run:error("role", ("row security hides changes from role %s"):format(name),
      ("ALTER TABLE %s.forge_change_log DISABLE ROW LEVEL SECURITY"):format(place.schema))
  end
  if #wants == 0 and not place.hides_rows then run:ok("role", ("role %s may drain and follow"):format(name)) end
  extras(run)
end

local function visibility(run)
  if run.server.reads_stats then return run:ok("visibility", "the age of every open transaction is shown to this role") end
  run:note("visibility", ("how long transactions of others are open is hidden from role %s"):format(run.server.quoted_role),
    ("GRANT pg_read_all_stats TO %s"):format(run.server.quoted_role))
end

local function owners(run)
  local rows, err = run.log:query(database.sql("doctor_owners"), run.place.name)
  if not rows then return err end
  local wrong = false
  for _, row in ipairs(rows) do
    if row.lacks ~= "" then
      wrong = true
      local what = row.guards and "every trim fails" or "every write to a watched table fails"
      run:error("owner", ("role %s owns %s and lacks %s: %s"):format(row.owner, row.functions, row.lacks, what),
        ("GRANT %s TO %s"):format(row.lacks:gsub("; ", (" TO %s; GRANT "):format(row.owner:gsub("%%", "%%%%"))), row.owner))
    end
  end
  if #rows > 0 and not wrong then run:ok("owner", "the functions that write the log run with the rights it takes") end
end

local REVOKE = "REVOKE %s ON %s%s FROM %s"

local function grants(run)
  local rows, err = run.log:query(database.sql("doctor_grants"), run.place.name)
  if not rows then return err end
  for _, row in ipairs(rows) do
    local advice = REVOKE:format(row.rights, row.sequence and "SEQUENCE " or "", row.quoted, row.grantee)
    local severity = row.writes and (row.harms or not row.role) and "warning" or "note"
    run[severity](run, "grants", ("%s has the rights %s on %s"):format(row.role and "role " .. row.grantee or "everybody",
      row.rights, row.quoted), severity == "note" and advice .. ", unless it is a trimmer, or meant to write there" or advice)
  end
  if #rows == 0 then run:ok("grants", "nobody but its owner may write to the log") end
end

local function of_log(test)
  return function(run)
    if run.place.log then return test(run) end
  end
end

return {
  { "role", of_log(role) }, { "visibility", visibility }, { "owner", of_log(owners) }, { "grants", of_log(grants) },
}
