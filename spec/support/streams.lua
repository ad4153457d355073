--- What the specs of the relay to a Redis stream share: writers, and the comparison of the stream
-- with the log.
-- @module support.streams
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local streams = {}

-- Writes in transactions of several kinds, some rolled back, some open for long; goes on after
-- whatever happens to the server, until the file is there. Prints how many it has committed.
local WRITER = [[
local conninfo, stop, kind = ...
local core, forgelog = require "forgelog.core", require "forgelog"
local log, commits = nil, 0
local last = { "COMMIT", "COMMIT", "ROLLBACK" }
math.randomseed(tonumber(kind))
repeat
  log = log or forgelog.connect(conninfo, { timeout = 5 })
  local over = io.open(stop)
  if log then
    local ends = last[math.random(3)]
    local ok = log:query("BEGIN; INSERT INTO item (n) VALUES (1)")
    core.poll(nil, "", kind == "1" and 0.4 or math.random() * 0.005)
    ok = ok and log:query("SAVEPOINT a; INSERT INTO item (n) VALUES (2); ROLLBACK TO a;"
      .. " INSERT INTO item (n) SELECT g FROM generate_series(1, 3) g; " .. ends)
    if ok and ends == "COMMIT" then commits = commits + 1 end
    if not ok then log:close() log = nil end
  end
  core.poll(nil, "", log and 0.005 or 0.05)
until over
print(commits)
]]

--- Starts writers of that kind.
-- @return a function that ends them, and returns how many transactions they have committed
function streams.start_writers(conninfo, count)
  local stop, list = support.path("stop"), {}
  for i = 1, count do list[i] = support.lua(WRITER, conninfo, stop, tostring(i)) end
  return function()
    support.write(stop, "")
    local commits = 0
    for _, writer in ipairs(list) do
      local ok, output, errors = writer:wait()
      assert(ok, errors)
      commits = commits + tonumber(output)
    end
    os.remove(stop)
    return commits
  end
end

--- Compares the entries of an epoch with what the log has above the place where it begins.
-- @return counts: written, lost, twice, disordered, strange (not in the log)
function streams.compare(log, entries, epoch, base)
  local result = { written = 0, lost = 0, twice = 0, disordered = 0, strange = 0 }
  local found, last, wanted = {}, -1, {}
  for _, row in ipairs(must(log, "SELECT seq FROM forge_change_log WHERE seq > $1", base)) do
    wanted[row.seq], result.written = true, result.written + 1
  end
  for _, entry in ipairs(entries) do
    if entry.epoch == epoch and entry.op ~= "RESYNC" then
      if found[entry.seq] then result.twice = result.twice + 1 end
      if entry.seq < last then result.disordered = result.disordered + 1 end
      if not wanted[entry.seq] then result.strange = result.strange + 1 end
      found[entry.seq], last = true, entry.seq
    end
  end
  for seq in pairs(wanted) do if not found[seq] then result.lost = result.lost + 1 end end
  return result
end

--- The epochs of the entries, in their order.
function streams.epochs(entries)
  local list = {}
  for _, entry in ipairs(entries) do
    if entry.op == "RESYNC" then list[#list + 1] = entry.epoch end
  end
  return list
end

--- Waits until the stream has the log's last change.
function streams.wait_for_stream(at, log, seconds)
  local last = ("-%d"):format(assert(log:max_seq()))
  support.wait_until(function()
    return at:run("XREVRANGE forgelog + - COUNT 1"):match("^%d+(%-%d+)") == last
  end, "the stream to have all", seconds)
end

--- Waits until a relay has begun.
function streams.wait_for_start(at)
  support.wait_until(function() return #at:entries("forgelog") > 0 end, "the relay to begin")
end

--- Whether a comparison found each change once, in order.
function streams.right(result)
  return result.lost == 0 and result.twice == 0 and result.disordered == 0 and result.strange == 0
end

return streams
