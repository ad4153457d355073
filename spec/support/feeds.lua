--- What the specs of the live feed share: following a log under load, and when changes came after their commits.
-- @module support.feeds

local core = require "forgelog.core"
local load = require "support.load"
local support = require "support"

local feeds = {}

--- Seconds to add to core.now() to have the server's clock, in Unix time.
function feeds.clock(log)
  local best, offset = math.huge, nil
  for _ = 1, 20 do
    local before = core.now()
    local server = load.must(log, "SELECT extract(epoch FROM clock_timestamp())::float8 AS now")[1].now
    local after = core.now()
    if after - before < best then best, offset = after - before, server - (before + after) / 2 end
  end
  return offset
end

--- The value that a share of the list's values does not exceed.
function feeds.percentile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * share))]
end

--- Takes everything from a feed until nothing came for that many seconds; each seq is added to the list.
function feeds.take_all(feed, seqs, quiet, each)
  while true do
    local changes, err = feed:batch(1000, quiet or 0.3)
    if not changes then
      if err.kind ~= "timeout" then error(tostring(err), 2) end
      return seqs
    end
    for _, change in ipairs(changes) do
      seqs[#seqs + 1] = change.seq
      if each then each(change) end
    end
  end
end

--- Takes from a feed as long as `busy()` and then until all of the log was handed out, or nothing came for a while.
function feeds.take_while(feed, busy, seqs, each)
  local checked = core.now()
  repeat
    local changes, err = feed:batch(1000, 0.2)
    if not changes and err.kind ~= "timeout" then error(tostring(err), 2) end
    for _, change in ipairs(changes or {}) do
      seqs[#seqs + 1] = change.seq
      if each then each(change) end
    end
    local now, over = core.now(), false
    if now - checked > 0.5 then
      checked = now
      over = not busy()
    end
  until over
  return feeds.take_all(feed, seqs, 1, each)
end

--- Compares seqs handed out with those in the log, whatever their order.
-- @return counts: written, delivered, lost, twice
function feeds.compare(log, seqs)
  local result = load.compare(log, seqs)
  result.disordered = 0
  return result
end

--- Whether a background process still runs.
function feeds.running(process)
  return (os.execute("kill -0 " .. process.pid .. " 2>/dev/null")) == (_VERSION == "Lua 5.1" and 0 or true)
end

--- A script that runs beside a feed, so as not to hold it up: says, five times a second, whether drain's horizon was held
-- back by a writer open for more than a second; makes a file when all writers have ended.
feeds.WATCHER = [[
local conninfo, over = ...
local log = assert(require("forgelog").connect(conninfo))
local sql = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now, EXISTS (SELECT FROM pg_stat_activity"
  .. " WHERE datname = current_database() AND application_name = 'pgbench') AS busy"
local state
repeat
  require("forgelog.core").poll(nil, "", 0.2)
  local horizon, holders = log:horizon()
  state = log:query(sql)[1]
  for _, holder in ipairs(holders) do
    if holder.since and holder.since < state.now - 1 and horizon + 100 < log:max_seq() then print("held") break end
  end
until not state.busy
assert(io.open(over, "w")):close()
]]

--- Ends a backend of another connection, and waits until it has gone.
function feeds.terminate(by, backend)
  load.must(by, "SELECT pg_terminate_backend($1::int)", backend)
  support.wait_until(function()
    return #load.must(by, "SELECT 1 FROM pg_stat_activity WHERE pid = $1::int", backend) == 0
  end, "the backend's end")
end

return feeds
