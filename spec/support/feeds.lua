--- What the specs of the live feed share: following a log under load, and how long after its commit
-- each change came.
-- @module support.feeds

local core = require "forgelog.core"
local logs = require "support.logs"
local support = require "support"

local feeds = {}

--- Seconds to add to core.now() to have the server's clock, in Unix time.
function feeds.clock(log)
  local best, offset = math.huge, nil
  for _ = 1, 20 do
    local before = core.now()
    local server = logs.server_time(log)
    local after = core.now()
    if after - before < best then
      best, offset = after - before, server - (before + after) / 2
    end
  end
  return offset
end

--- The value that a share of the list's values does not exceed.
function feeds.percentile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * share))]
end

-- Whether nothing more is to come of what was there at a moment: a feed that connects, or has yet
-- to look, says nothing of it. One that cannot get there is given up after a while.
local function has_looked(feed, since)
  local stats, now = feed:stats(), core.now()
  return stats.state == "sleep" or stats.caught_up and stats.caught_up <= now - since
    or now - since > 5
end

--- Takes everything from a feed until nothing came for that many seconds, and it has looked.
-- @param seqs the list to which each seq is added; returned
-- @param[opt=0.3] quiet seconds
-- @param[opt] each called with each change
function feeds.take_all(feed, seqs, quiet, each)
  local since = core.now()
  while true do
    local changes, err = feed:batch(1000, quiet or 0.3)
    if not changes then
      if err.kind ~= "timeout" then error(tostring(err), 2) end
      if has_looked(feed, since) then return seqs end
    else
      since = core.now()
      for _, change in ipairs(changes) do
        seqs[#seqs + 1] = change.seq
        if each then each(change) end
      end
    end
  end
end

--- Takes from a feed as long as `busy()`, and then until nothing has come for a second.
-- The other parameters are those of `feeds.take_all`.
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

--- Compares the seqs that a feed delivered with those in the log, whatever their order.
-- @return counts: written, delivered, lost, twice
function feeds.compare(log, seqs)
  local result = logs.compare(log, seqs)
  result.disordered = 0
  return result
end

--- A script that runs beside a feed, so as not to hold it up. Five times a second it prints "held"
-- where the horizon of a drain is held back by a writer that has been open for more than a second.
-- When all writers have ended it makes a file, whose path is its second argument.
feeds.WATCHER = [[
local conninfo, over = ...
local logs = require "support.logs"
local log = logs.connect(conninfo)
local busy
repeat
  logs.pause(0.2)
  local horizon, holders = log:horizon()
  local now = logs.server_time(log)
  busy = logs.under_way(log)
  for _, holder in ipairs(holders) do
    if holder.since and holder.since < now - 1 and horizon + 100 < log:max_seq() then
      print("held")
      break
    end
  end
until not busy
assert(io.open(over, "w")):close()
]]

--- Ends a backend of another connection, and waits until it has gone.
function feeds.terminate(by, backend)
  logs.must(by, "SELECT pg_terminate_backend($1::int)", backend)
  support.wait_until(function()
    return #logs.must(by, "SELECT 1 FROM pg_stat_activity WHERE pid = $1::int", backend) == 0
  end, "the backend's end")
end

--- Waits without a change until a feed has armed itself: `bell` is "owned" or "armed".
function feeds.lies_down(feed, bell)
  support.wait_until(function()
    local change, err = feed:next(0.05)
    assert(not change and err.kind == "timeout", tostring(err))
    return feed:stats().bell == bell
  end, "the bell to be " .. bell)
end

return feeds
