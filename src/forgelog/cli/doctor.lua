--- forgelog doctor: prints what log:diagnose() found, the worst in red, and ends with an exit
-- status for monitoring.
-- @module forgelog.cli.doctor
local errors = require "forgelog.cli.lib.errors"
local terminal = require "forgelog.cli.lib.terminal"
local units = require "forgelog.units"

local COLORS = { ok = "green", note = "dim", warning = "yellow", error = "red" }
local STATUS = { ok = 0, note = 0, warning = 3, error = 4 }
local MARK = "%-7s" -- as wide as the widest severity

local function wrong(finding) return STATUS[finding.severity] > 0 end

local function filter(list, test)
  local chosen = {}
  for _, finding in ipairs(list) do
    if test(finding) then chosen[#chosen + 1] = finding end
  end
  return chosen
end

local function print_all(context, findings)
  local width = 0
  for _, finding in ipairs(findings) do width = math.max(width, #finding.check) end
  local indent = (" "):rep(#MARK:format("") + width + 4)
  for _, finding in ipairs(findings) do
    local mark = context.color(COLORS[finding.severity], MARK:format(finding.severity))
    context.out(mark, "  ", terminal.pad(finding.check, width), "  ",
      terminal.safe(finding.message), "\n")
    if finding.advice then
      context.out(indent, context.color("bold", terminal.safe(finding.advice)), "\n")
    end
  end
end

local function tally(context, findings)
  local parts = {}
  for i, severity in ipairs({ "error", "warning", "note", "ok" }) do
    local count = #filter(findings, function(finding) return finding.severity == severity end)
    local text = severity == "ok" and count .. " ok" or units.many(count, severity)
    parts[i] = count > 0 and context.color(COLORS[severity], text) or text
  end
  context.out(table.concat(parts, ", "), "\n")
end

local function worst(findings)
  local status = 0
  for _, finding in ipairs(findings) do status = math.max(status, STATUS[finding.severity]) end
  return status
end

--- Diagnoses.
-- @param context of `forgelog.cli.lib.context`
-- @param options `older_than`, `quiet`
-- @return the exit status: 0, 3 with a warning, 4 with an error
return function(context, options)
  local log = context:connect()
  local findings = errors.must(log:diagnose({ older_than = options.older_than }))
  local shown = options.quiet and filter(findings, wrong) or findings
  if not context:tell(shown) then
    print_all(context, shown)
    if not options.quiet then tally(context, findings) end
  end
  return worst(findings)
end
