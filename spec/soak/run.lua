-- Runs the scenarios, each in a process of its own, and then each once more against a build in
-- which the rule that it proves is switched off, where it has to fail. Settings are read from the
-- environment: SCENARIOS (names, and "fuzz" for what soak/fuzz.lua has; default all), COMMITS (how
-- many in all), JOBS (how many scenarios at a time), BROKEN (0: whole builds only, 1: broken ones
-- only), RECORD (the file that is written).
-- Prints each line of the record as it comes, and last the line "N passed, N failed".
local broken = require "soak.broken"
local core = require "forgelog.core"
local fuzz = require "soak.fuzz"
local process = require "support.process"
local record = require "soak.record"
local support = require "support"
local system = require "system"

local root = os.getenv("FORGELOG_ROOT")
local folder = root .. "/build/soak"
local total = tonumber(os.getenv("COMMITS")) or 10000000
local jobs = tonumber(os.getenv("JOBS")) or 2
local which = os.getenv("BROKEN") or ""
local BROKEN_COMMITS = 4000 -- of a scenario on a broken build

local function is_wanted(name)
  local wanted = os.getenv("SCENARIOS") or ""
  return wanted == "" or (" " .. wanted .. " "):find(" " .. name .. " ", 1, true) ~= nil
end

local function chosen()
  local list = {}
  for _, name in ipairs(broken.names("scenarios")) do
    if is_wanted(name) then list[#list + 1] = name end
  end
  return list
end

-- The work to do: of each scenario one on this build, and one on each build broken for it.
local function planned(names)
  local list, shares, of = {}, 0, {}
  for _, name in ipairs(names) do
    of[name] = require("soak.scenarios." .. name)
    shares = shares + (of[name].share or 1)
  end
  for _, name in ipairs(which ~= "1" and names or {}) do
    local commits = math.max(200, math.floor(total * (of[name].share or 1) / shares))
    list[#list + 1] = { scenario = name, commits = commits, scale = total / 1e6, root = root,
      alone = of[name].alone, of = of[name] }
  end
  for _, name in ipairs(which ~= "0" and broken.names("broken") or {}) do
    local how = require("soak.broken." .. name)
    for _, scenario in ipairs(how.scenarios) do
      list[#list + 1] = of[scenario] and { scenario = scenario, broken = name, how = how,
        commits = how.commits or BROKEN_COMMITS, scale = how.scale or 0, of = of[scenario] }
    end
  end
  table.sort(list, function(a, b) return a.alone and not b.alone end)
  local each = which ~= "1" and is_wanted("fuzz") and fuzz.planned(10 * total, total / 1e7) or {}
  for _, one in ipairs(each) do list[#list + 1] = { fuzz = one, of = one, root = root } end
  return list
end

local function start(work)
  work.began = core.now()
  if work.fuzz then
    work.path = ("%s/%s%s.tap"):format(folder, work.fuzz.spec, work.fuzz.only)
    work.process = process.start(fuzz.command(work.fuzz, root, work.path))
    return
  end
  local name = work.scenario .. (work.broken and "-" .. work.broken or "")
  work.path = ("%s/%s.result"):format(folder, name)
  os.remove(work.path)
  if work.broken then work.root = broken.copy(work.broken, name) end
  work.process = process.start(("exec make --no-print-directory -s -C %s soak-one ONE='%s %d %g %s'"
    .. " LUA_VERSION=%s >%s.log 2>&1"):format(process.quote(work.root), work.scenario, work.commits,
    work.scale, work.path, os.getenv("FORGELOG_LUA_VERSION"), work.path))
end

-- Whether a complaint is one of those that are expected of a broken build.
local function is_said(complaint, says)
  for _, pattern in ipairs(type(says) == "table" and says or { says }) do
    if complaint:find(pattern) then return true end
  end
  return false
end

-- What has become of it: `rows`, or `skipped`; `failed` where it is not as it has to be.
local function finish(work)
  work.process:wait()
  work.process = nil
  if work.fuzz then
    work.result = fuzz.result(work.fuzz, support.read(work.path) or "")
    work.result.seconds, work.failed = core.now() - work.began, work.result.failed
    for _, line in ipairs(record.lines(work)) do print(line) end
    return io.flush()
  end
  local read = loadfile(work.path)
  local result = read and read() or { seconds = 0, rows = { { who = "", commits = 0,
    delivered = 0, lost = 0, twice = 0, gaps = "none", stall = 0,
    failed = "it did not end by itself: see " .. work.path .. ".log" } } }
  work.result = result
  if work.broken then
    local said
    for _, row in ipairs(result.rows or {}) do
      if row.failed and is_said(row.failed, work.how.says) then said = said or row.failed end
    end
    work.said = said
    local other = result.rows and result.rows[1].failed or result.skipped or "nothing"
    work.failed = not said and not result.skipped
      and ("does not fail on the build without its rule (%s), but says: %s"):format(work.broken,
      other)
    if said then os.execute("rm -rf " .. process.quote(work.root)) end
  else
    for _, row in ipairs(result.rows or {}) do work.failed = work.failed or row.failed end
  end
  for _, line in ipairs(record.lines(work)) do print(line) end
  io.flush()
end

local function run(list)
  local under_way, next_one = {}, 1
  while next_one <= #list or #under_way > 0 do
    local following = list[next_one]
    local alone = under_way[1] and (under_way[1].alone or following and following.alone)
    if following and #under_way < jobs and not alone then
      start(following)
      under_way[#under_way + 1], next_one = following, next_one + 1
    else
      for i = #under_way, 1, -1 do
        if not support.alive(under_way[i].process) then finish(table.remove(under_way, i)) end
      end
      system.sleep(0.2)
    end
  end
end

assert(support.run("mkdir -p " .. process.quote(folder)))
local began, names = os.time(), chosen()
local list = planned(names)
run(list)
local whole = #names == #broken.names("scenarios") and which == "" and total >= 10000000
local path = os.getenv("RECORD") or ""
if path == "" then path = whole and root .. "/docs/fault-record.md" or folder .. "/record.md" end
support.write(path, record.text(list, { commits = total, seconds = os.time() - began }))
local passed, failed, skipped = 0, 0, 0
for _, work in ipairs(list) do
  if work.result.skipped then skipped = skipped + 1
  elseif work.failed then failed = failed + 1
  else passed = passed + 1 end
end
print("written to " .. path)
print(("%d passed, %d failed%s"):format(passed, failed,
  skipped > 0 and (", %d skipped"):format(skipped) or ""))
os.exit(failed == 0 and passed > 0)
