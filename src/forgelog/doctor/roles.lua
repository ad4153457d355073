--- Checks of rights: what this role may do, with whose rights changes are logged, and who else may
-- write to the log.
-- @module forgelog.doctor.roles

-- What this role needs in order to drain and lacks: each a code, what it is, and what grants it.
local function lacking(run)
  local log, role, name, list = run.log, run.server.role, run:log_name(), {}
  local function add(code, what, grant)
    list[#list + 1] = { code = code, what = what, grant = grant }
  end
  if not log.may_use_schema then
    add("may_not_use_schema", "use schema " .. log.schema, run:usage())
  end
  if log.may_read == false then
    add("may_not_read", "read " .. name, ("GRANT SELECT ON %s TO %s"):format(name, role))
  end
  if log.may_read_state == false then
    add("may_not_read_state", ("read %s_state"):format(name),
      ("GRANT SELECT ON %s_state TO %s"):format(name, role))
  end
  return list
end

-- What only a trimmer or a consumer needs.
local function judge_extras(run)
  local log, role, name = run.log, run.server.role, run:log_name()
  if not log.may_delete then
    run:note("may_not_delete",
      ("role %s may not delete from %s, so it cannot trim"):format(role, name),
      ("GRANT DELETE ON %s TO the role that trims"):format(name))
  end
  if log.has_consumers and not (log.may_save and log.may_read_consumers) then
    local message = "role %s may not write to %s_consumers, so it can keep no consumer's position "
      .. "there"
    local grant = "GRANT SELECT, INSERT, UPDATE ON %s_consumers TO %s; forget and lanes take "
      .. "DELETE there, too"
    run:note("may_not_save", message:format(role, name), grant:format(name, role))
  end
end

local function role(run)
  local name, lacks = run.server.role, lacking(run)
  for _, right in ipairs(lacks) do
    local message = "role %s may not %s, so it cannot drain or follow"
    run:error(right.code, message:format(name, right.what), right.grant)
  end
  if run.log.row_security then
    local message = "row level security on %s may hide rows from role %s: drain and follow refuse, "
      .. "or trims and consumers do"
    local advice = "ALTER TABLE %s DISABLE ROW LEVEL SECURITY, or CREATE POLICY ... TO %s "
      .. "USING (true)"
    run:error("row_security", message:format(run.log.row_security, name),
      advice:format((run.log.row_security:match("^[^,]+")), name))
  elseif #lacks == 0 then
    run:ok(("role %s may drain and follow"):format(name))
  end
  judge_extras(run)
end

local function visibility(run)
  local name = run.server.role
  if run.server.reads_stats then
    return run:ok("the age of every open transaction is shown to this role")
  end
  run:note("reads_no_stats",
    ("how long transactions of others are open is hidden from role %s"):format(name),
    ("GRANT pg_read_all_stats TO %s"):format(name))
end

-- The statements that grant "A ON x; B ON y" to a role.
local function grants_of(rights, to)
  local list = {}
  for right in (rights .. "; "):gmatch("(.-); ") do
    list[#list + 1] = ("GRANT %s TO %s"):format(right, to)
  end
  return table.concat(list, "; ")
end

-- Functions that could be put in the place of others, or that could do more than write the log.
local function judge_owners(run, rows)
  local parts, seen, many, wrong = {}, {}, 0, false
  for _, row in ipairs(rows) do
    if row.super and not row.helper then
      local message = "role %s is a superuser and owns %s: what these run, runs with all rights"
      run:warning("superuser", message:format(row.owner, row.functions), run:command("install")
        .. " as a superuser, which gives them to a role that can only write the log")
    end
    -- Whoever may be trusted with everything may be trusted with what others call.
    local trusted = row.helper and row.super
    if not trusted then
      if not seen[row.owner] then many = many + 1 end
      seen[row.owner] = true
      wrong = wrong or row.super
      parts[#parts + 1] = ("%s has %s"):format(row.owner, row.functions)
    end
  end
  if many > 1 then
    run:error("mixed_owners", "the functions of the log belong to different roles, of which each "
      .. "can put others in their place: " .. table.concat(parts, "; "),
      "see who made them, drop what is not forgelog's, then " .. run:command("install"))
  end
  return many > 1 or wrong
end

local function owners(run)
  local rows, err = run:ask("owners")
  if not rows then return err end
  local wrong = false
  for _, row in ipairs(rows) do
    if row.lacks ~= "" then
      wrong = true
      local what = row.guards and "every trim fails" or "every write to a watched table fails"
      local message = "role %s owns %s and lacks %s: %s"
      run:error("owner_lacks_rights", message:format(row.owner, row.functions, row.lacks, what),
        grants_of(row.lacks, row.owner))
    end
  end
  wrong = judge_owners(run, rows) or wrong
  if #rows > 0 and not wrong then
    run:ok("the functions that write the log run with the rights it takes")
  end
end

local function grants(run)
  local rows, err = run:ask("grants")
  if not rows then return err end
  for _, row in ipairs(rows) do
    local who = row.role and "role " .. row.grantee or "everybody"
    local message = ("%s has the rights %s on %s"):format(who, row.rights, row.quoted)
    local revoke = ("REVOKE %s ON %s%s FROM %s"):format(row.rights,
      row.sequence and "SEQUENCE " or "", row.quoted, row.grantee)
    if row.writes and (row.harms or not row.role) then
      run:warning("others_write", message, revoke)
    else
      run:note("others_may", message, revoke .. ", unless it is a trimmer, or meant to write there")
    end
  end
  if #rows == 0 then run:ok("nobody but its owner may write to the log") end
end

-- Whether those who have partitioned tables may add to them.
local function attaching(run)
  local rows, err = run:ask("attaching")
  if not rows then return err end
  for _, row in ipairs(rows) do
    local message = "role %s owns %s and may not create or attach partitions there: that takes "
      .. "EXECUTE on the function of the trigger %s"
    run:error("may_not_attach", message:format(row.owner, row.quoted, row.trigger),
      ("GRANT EXECUTE ON FUNCTION %s TO %s"):format(row.called, row.owner))
  end
  if not rows[1] then run:ok("whoever owns a partitioned table may create its partitions") end
end

return {
  { "role", role, needs_log = true },
  { "visibility", visibility },
  { "owner", owners, needs_log = true },
  { "grants", grants, needs_log = true },
  { "attaching", attaching, needs_log = true },
}
