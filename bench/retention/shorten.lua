--- What writers wait for where a vacuum shortens the log's file, for which it locks the whole
-- table: the newest rows lie at the file's beginning, in the place of trimmed ones, and what lay at
-- its end is trimmed too. The server writes down who waited for a lock for longer than 5 ms.
local bench = require "bench.support"
local retention = require "bench.retention.log"
local support = require "support"

local CHANGES, CLIENTS = bench.scale(300000), 8
local LOG = os.getenv("FORGELOG_TMP") .. "/main/log"
local WAIT = "acquired %w+ on relation %d+ of database %d+ after ([%d.]+) ms"

local function measure(truncate)
  local side = retention.begin()
  side:must(("ALTER TABLE forge_change_log SET (vacuum_truncate = %s)"):format(truncate))
  bench.fill(side.log, CHANGES, 86400)
  side:trim_to(math.floor(CHANGES / 3))
  side:must("VACUUM forge_change_log")
  side:writers(CLIENTS)
  bench.sleep(1)
  side:trim_to(CHANGES)
  local before, known = side:sizes(), #support.read(LOG)
  local seconds = bench.timed(side.must, side, "VACUUM forge_change_log")
  local after = side:sizes()
  bench.sleep(0.2)
  local count = side:stop_writers()
  side:drop()
  assert(count > 0, "nothing was written")
  local waits, longest = 0, 0
  for milliseconds in support.read(LOG):sub(known + 1):gmatch(WAIT) do
    waits, longest = waits + 1, math.max(longest, tonumber(milliseconds))
  end
  bench.line("vacuum_truncate = " .. truncate, "%.0f MB, then %.0f MB; %.2f s; %d waits for a "
    .. "lock, the longest of %.0f ms", before / 1e6, after / 1e6, seconds, waits, longest)
end

return function()
  bench.title("retention: a vacuum that may shorten the log's file, %d clients write", CLIENTS)
  retention.set({ log_lock_waits = "on", deadlock_timeout = "5ms" })
  for _, truncate in ipairs({ "on", "off" }) do measure(truncate) end
  retention.set({ log_lock_waits = false, deadlock_timeout = false })
end
