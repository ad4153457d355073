--- The fault record as text: what was run where, and a line of figures for each witness.
-- @module soak.record
local support = require "support"

local record = {}

local function thousands(n)
  local text = ("%d"):format(n)
  repeat
    local count
    text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

local function figures(work, row)
  return { work.of.title, row.who, thousands(row.commits), thousands(row.delivered),
    thousands(row.lost), thousands(row.twice), row.gaps,
    row.stall and ("%.1f"):format(row.stall) or "not known",
    ("%.0f"):format(work.result.seconds) }
end

--- What is printed of a piece of work when it is done.
-- @treturn table list of lines
function record.lines(work)
  local name = work.of.title .. (work.broken and ", without: " .. work.how.rule or "")
  if work.fuzz then
    return { ("%s %s | %s | %.0f%s"):format(work.failed and "FAILED " or "ok     ", name,
      thousands(work.result.count), work.result.seconds,
      work.failed and ": " .. work.failed or "") }
  end
  if work.result.skipped then return { ("skip    %s: %s"):format(name, work.result.skipped) } end
  local state = work.failed and "FAILED " or work.broken and "refused" or "ok     "
  if work.broken then return { ("%s %s: %s"):format(state, name, work.failed or work.said) } end
  local list = {}
  for _, row in ipairs(work.result.rows) do
    list[#list + 1] = ("%s %s"):format(row.failed and "FAILED " or "ok     ",
      table.concat(figures(work, row), " | ")) .. (row.failed and ": " .. row.failed or "")
  end
  return list
end

local function output(command)
  local _, text = support.run(command)
  return (text:gsub("%s+$", ""))
end

local function about(run)
  local root = os.getenv("FORGELOG_ROOT")
  return ("%s, commit %s. %s cores, %s of memory, Linux %s, %s. `make soak COMMITS=%d`, "
    .. "%d minutes."):format(os.date("!%Y-%m-%d"),
    output("git -C '" .. root .. "' describe --always --dirty --abbrev=10"),
    output("nproc"), output("free -g --si | awk '/^Mem/ { print $2 \" GB\" }'"),
    output("uname -r"),
    output("$(" .. root .. "/spec/support/postgres path | cut -d: -f1)/postgres -V"),
    run.commits, math.ceil(run.seconds / 60))
end

local HEAD = [[
# The fault record

What forgelog was put through, and what became of each committed change. This page is written by
`make soak`: its figures are of one run of that command on the machine named below. `make soak
COMMITS=100000` takes some minutes; `SCENARIOS="trim_races log_dropped"` runs a part of it.

%s

Each row of a table is written once, by transactions with savepoints, rollbacks, under SERIALIZABLE,
prepared, and long ones, and what a program was given is compared with the rows that are there at
the end. The load of a piece of work is shared by all who read in it: so of the lines of one piece
each has the same commits.

- **Commits** are transactions that left something, one row or several.
- **Delivered** counts changes. Of a consumer in one transaction it counts those since the last gap;
  of all others also what came again, and what a failover has taken back since. What was read from
  the tables at a gap does not count.
- **Lost** is a row that was neither delivered nor read after a gap was told. More than 0 is a
  failure, and so is a gap that need not be, or that is missing.
- **Twice** is what came again without a gap: what a consumer had at hand when it, or its server,
  was killed or failed over.
- The **stall** is the longest time from a commit to its delivery. It has in it the time in which
  the server was down or out of reach, in which a drain waits for a transaction that stays open, in
  which a name waits for the lease of a program that was killed, and in which a network that
  trickles carries what was written before.

After a gap a reader begins from a position of before it read the tables. Where a transaction that
was prepared on the lost server is still prepared on the new one, nobody knows where it began: then
that position is the beginning of the log, and all of it is delivered once more.

| what happens | who reads | commits | delivered | lost | twice | gaps told | stall, s | took, s |
|---|---|---|---|---|---|---|---|---|
]]

local SEEN = [[

## Seen to fail

A test that cannot fail proves nothing. So each one runs once more against a build in which the rule
that it is there for is switched off, and has to fail there. What it said then:

| what happens | the rule that was switched off | what the test said |
|---|---|---|
]]

local TRIED = [[

## Mutated bytes, and memory that runs out

Streams, positions and other texts are mutated, and have to be refused, or mean the same when they
are written and read again. And each allocation of an operation fails in turn, alone and with all
that follow: it has to end well or with an error, and leave nothing behind.

| what | how many | took, s |
|---|---|---|
]]

local function row(cells) return "| " .. table.concat(cells, " | ") .. " |\n" end

-- Without what the program said besides, which is of the machine and the moment.
local function plain(text)
  text = text:gsub("; it said: .*", ""):gsub("; it has ended.*", ""):gsub("|", "/")
  return (text:gsub("%s+", " "):sub(1, 200))
end

-- Scenarios by their names, which has those of one kind stand together; what nothing happens to is
-- the first. The rest stays as it is.
local function in_order(list)
  local sorted, place = {}, {}
  for i, work in ipairs(list) do sorted[i], place[work] = work, i end
  local function key(work) return work.scenario == "mixed" and "" or work.scenario or "~" end
  table.sort(sorted, function(a, b)
    if key(a) ~= key(b) then return key(a) < key(b) end
    return place[a] < place[b]
  end)
  return sorted
end

--- The whole page.
-- @tparam table list the work that was done
-- @tparam table run `commits`, `seconds`
function record.text(list, run)
  local parts, seen, skipped, remarks = { HEAD:format(about(run)) }, {}, {}, {}
  local tried, commits = {}, 0
  for _, work in ipairs(in_order(list)) do
    if work.fuzz then
      tried[#tried + 1] = row { work.of.title .. (work.failed and ", FAILED" or ""),
        thousands(work.result.count), ("%.0f"):format(work.result.seconds) }
    elseif work.result.skipped then
      skipped[#skipped + 1] = ("- %s%s: %s\n"):format(work.of.title,
        work.broken and ", without its rule" or "", work.result.skipped)
    elseif work.broken then
      seen[#seen + 1] = row { work.of.title, work.how.rule,
        work.said and plain(work.said) or "NOTHING: " .. plain(work.failed) }
    else
      commits = commits + work.result.rows[1].commits
      for _, each in ipairs(work.result.rows) do
        parts[#parts + 1] = row(figures(work, each))
        if each.failed then remarks[#remarks + 1] = ("- FAILED: %s, %s: %s\n"):format(
          work.of.title, each.who, plain(each.failed)) end
      end
      local remark = work.result.rows[1].remark
      if remark then
        remarks[#remarks + 1] = ("- %s: %s\n"):format(work.of.title, plain(remark))
      end
    end
  end
  parts[#parts + 1] = ("\nAll of this together: %s commits.\n"):format(thousands(commits))
  if #remarks > 0 then parts[#parts + 1] = "\n" .. table.concat(remarks) end
  if #skipped > 0 then
    parts[#parts + 1] = "\nNot run on that machine:\n\n" .. table.concat(skipped)
  end
  if #tried > 0 then parts[#parts + 1] = TRIED .. table.concat(tried) end
  if #seen > 0 then parts[#parts + 1] = SEEN .. table.concat(seen) end
  return table.concat(parts)
end

return record
