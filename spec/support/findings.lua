--- What the specs of log:diagnose() ask of its findings.
-- @module support.findings
local load = require "support.load"
local support = require "support"

local findings = {}

--- The findings of a check that are not "ok", and whether it was made at all.
function findings.wrong(log, name, opts)
  local list, made = {}, false
  for _, finding in ipairs(assert(log:diagnose(opts))) do
    if finding.check == name then
      made = true
      if finding.severity ~= "ok" then list[#list + 1] = finding end
      if (finding.severity == "ok") ~= (finding.advice == nil) then error(name .. ": advice is for what is not ok", 2) end
    end
  end
  return list, made
end

local function told(list)
  local said = {}
  for i, finding in ipairs(list) do said[i] = finding.severity .. ": " .. finding.message end
  return table.concat(said, "\n")
end

--- Raises unless the check was made and all of it is ok.
function findings.fine(log, name, opts)
  local list, made = findings.wrong(log, name, opts)
  if not made then error(name .. " was not checked", 2) end
  if #list > 0 then error(name .. " is not fine: " .. told(list), 2) end
end

--- The finding of that check and severity whose message has this text, or raises.
function findings.finds(log, name, severity, text, opts)
  local list = findings.wrong(log, name, opts)
  for _, finding in ipairs(list) do
    if finding.severity == severity and finding.message:find(text, 1, true) then return finding end
  end
  error(("no %s of %s says %q but: %s"):format(severity, name, text, told(list)), 2)
end

--- Fine, then broken by SQL, then found, then fine again by the advice: SQL, or the command that is named.
-- @return the finding
function findings.breaks(log, name, severity, sql, text, command)
  findings.fine(log, name)
  load.must(log, sql)
  local finding = findings.finds(log, name, severity, text)
  if not command then
    load.must(log, finding.advice)
  else
    if not finding.advice:find(command, 1, true) then error("advice: " .. finding.advice, 2) end
    local word, argument = command:match("^forgelog (%l+) ?(.*)$")
    assert(log[word](log, argument ~= "" and argument or nil))
  end
  findings.fine(log, name)
  return finding
end

local roles = 0

--- Makes a role with those grants (%s is its name).
-- @return its name; a function that drops it and what it was granted
function findings.role(log, grants)
  roles = roles + 1
  local name = ("forgelog_%s_d%d"):format(support.path("x"):gsub("%W", ""):sub(-12):lower(), roles)
  load.must(log, ("CREATE ROLE %s LOGIN; %s"):format(name, ((grants or ""):gsub("%%s", name))))
  return name, function()
    load.must(log, ("REASSIGN OWNED BY %s TO postgres; DROP OWNED BY %s; DROP ROLE %s"):format(name, name, name))
  end
end

--- A log of that role.
function findings.as(db, role, opts) return load.connect((db:gsub("user=%S+", "user=" .. role)), opts) end

return findings
