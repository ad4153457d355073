-- one.lua NAME COMMITS SCALE PATH   runs one scenario, and writes to PATH what became of it, as a
-- table of Lua: `title`, `seconds`, `rows`, or `skipped` and why.
local process = require "support.process"

-- Whatever this program starts and does not end would outlive it.
local started, start = {}, process.start
function process.start(...)
  local one = start(...)
  started[#started + 1] = one
  return one
end

local core = require "forgelog.core"
local support = require "support"

local name, commits, scale, path = ...
local scenario = require("soak.scenarios." .. name)
local run = { commits = tonumber(commits), scale = tonumber(scale) }

local function literal(value)
  if type(value) ~= "table" then return ("%q"):format(value) end
  local parts = {}
  for key, each in pairs(value) do parts[#parts + 1] = ("[%q]=%s"):format(key, literal(each)) end
  return "{" .. table.concat(parts, ",") .. "}"
end

local began = core.now()
local ok, rows, why = xpcall(scenario.run, debug.traceback, run)
local result = { title = scenario.title, seconds = core.now() - began }
if not ok then
  result.rows = { { who = "", commits = 0, delivered = 0, lost = 0, twice = 0, gaps = "none",
    stall = 0, failed = rows:match("^[^\n]*") } }
  io.stderr:write(rows, "\n")
elseif rows then
  result.rows = rows
else
  result.skipped = why
end
support.write(path, "return " .. literal(result) .. "\n")
for _, each in ipairs(started) do
  if each.pipe then each:kill("KILL") end
end
os.exit(true) -- at once: to close the pipes of what was started would be to wait for it
