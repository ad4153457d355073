--- What the specs of log:diagnose() ask of its findings: that a check is fine, that it finds what
-- was broken, and that its advice mends it.
-- @module support.findings
local logs = require "support.logs"
local support = require "support"

local findings = {}

--- The database and the log of `logs.installed`; no notice of the server is sent to this log.
function findings.installed(...)
  local db, log = logs.installed(...)
  logs.must(log, "SET client_min_messages = warning")
  return db, log
end

--- Gives each spec of the describe that calls it such a database and log, and drops them after it.
-- @func set called with both before each spec
function findings.in_each(set)
  local busted, db, log = require "busted"
  busted.before_each(function()
    db, log = findings.installed()
    set(db, log)
  end)
  busted.after_each(function()
    log:close()
    support.drop(db)
  end)
end

--- The findings of a check that are not "ok", and whether it was made at all.
function findings.wrong(log, name, opts)
  local list, made = {}, false
  for _, finding in ipairs(assert(log:diagnose(opts))) do
    if finding.check == name then
      made = true
      local ok = finding.severity == "ok"
      if not ok then list[#list + 1] = finding end
      if ok ~= (finding.advice == nil) then error(name .. ": advice is for what is not ok", 2) end
    end
  end
  return list, made
end

local function in_words(list)
  local said = {}
  for i, finding in ipairs(list) do said[i] = finding.severity .. ": " .. finding.message end
  return table.concat(said, "\n")
end

--- Raises unless the check was made and all of it is ok.
function findings.fine(log, name, opts)
  local list, made = findings.wrong(log, name, opts)
  if not made then error(name .. " was not checked", 2) end
  if #list > 0 then error(name .. " is not fine: " .. in_words(list), 2) end
end

--- The finding of that check and severity whose message has this text, or raises.
function findings.finds(log, name, severity, text, opts)
  local list = findings.wrong(log, name, opts)
  for _, finding in ipairs(list) do
    local found = finding.message:find(text, 1, true)
    if found and finding.severity == severity then return finding end
  end
  error(("no %s of %s says %q but: %s"):format(severity, name, text, in_words(list)), 2)
end

--- A check is fine, then something is broken by SQL, then the check finds that, then it is fine
-- again once its advice was followed.
-- @param[opt] command of forgelog that the advice names; the advice is SQL when left out
-- @return the finding
function findings.breaks(log, name, severity, sql, text, command)
  findings.fine(log, name)
  logs.must(log, sql)
  local finding = findings.finds(log, name, severity, text)
  if not command then
    logs.must(log, finding.advice)
  else
    if not finding.advice:find(command, 1, true) then error("advice: " .. finding.advice, 2) end
    local word, argument = command:match("^forgelog (%l+) ?(.*)$")
    assert(log[word](log, argument ~= "" and argument or nil))
  end
  findings.fine(log, name)
  return finding
end

findings.role, findings.as = logs.role, logs.as

return findings
