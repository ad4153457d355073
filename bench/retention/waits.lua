--- Who waits for whom where the log is trimmed: eight clients write single rows, and one
-- transaction that has written stays open for a second. The longest write of the others meanwhile,
-- for each way to trim, and for the making of a new partition.
local bench = require "bench.support"
local partitioned = require "bench.retention.partitioned"
local retention = require "bench.retention.log"

local CLIENTS, OPEN = 8, 1
local SIZE, NUMBER = bench.scale(50000), 20
local PATIENCE = "1s" -- for a trim beside a snapshot that is held

-- Tries until it is done; returns how often it took.
local function impatiently(side, action)
  local tries = 1
  side:must("SET lock_timeout = '10ms'")
  while not pcall(action) do
    tries = tries + 1
    bench.sleep(0.05)
  end
  side:must("RESET lock_timeout")
  return tries
end

-- Each trims the oldest partition, or as many changes, or makes room for new ones.
local WAYS = {
  { "nothing", function() end },
  { "DELETE by a trim, then VACUUM", function(side)
      side:trim_to(SIZE - 1)
      side:must("VACUUM forge_change_log")
    end, plain = true },
  { "DROP TABLE of a partition", function(side, i) partitioned.drop(side, i) end },
  { "the same, lock_timeout of 10 ms", function(side, i)
      return impatiently(side, function() partitioned.drop(side, i) end)
    end },
  { "DETACH CONCURRENTLY, then DROP", function(side, i) partitioned.detach(side, i) end },
  { "CREATE TABLE ... PARTITION OF", function(side)
      side:must(("CREATE TABLE one PARTITION OF forge_change_log FOR VALUES FROM (%d) TO (%d)")
        :format(-2 * SIZE, -SIZE))
    end },
  { "CREATE TABLE, then ATTACH", function(side)
      side:must("CREATE TABLE another (LIKE forge_change_log INCLUDING ALL)")
      side:must(("ALTER TABLE forge_change_log ATTACH PARTITION another"
        .. " FOR VALUES FROM (%d) TO (0)"):format(-SIZE))
    end },
}

local OPEN_WRITER = [[
  local log = assert(require("forgelog").connect(%q))
  assert(log:query("BEGIN"))
  assert(log:query("UPDATE item SET n = n + 1 WHERE id = %d"))
  require("forgelog.core").poll(nil, "", %g)
  assert(log:query("COMMIT"))]]

local function measure(side, way, i)
  local open = bench.lua(OPEN_WRITER:format(side.conninfo, retention.items, OPEN + 0.5))
  side:writers(CLIENTS)
  bench.sleep(0.5)
  local started = bench.now()
  local tries = way[2](side, i)
  local seconds = bench.now() - started
  assert(open:wait())
  bench.sleep(0.3)
  local count, most = side:stop_writers()
  bench.line(way[1], "%5.2f s%s; the longest of %s writes %.0f ms", seconds,
    tries and (", %d tries"):format(tries) or "", bench.count(count), most)
end

-- A dump holds a lock on every table that it is to read.
local function beside_a_dump(side, i)
  local dump = side:connect()
  assert(dump:query("BEGIN ISOLATION LEVEL REPEATABLE READ"))
  assert(dump:query("SELECT FROM forge_change_log LIMIT 1"))
  side:must("SET statement_timeout = '" .. PATIENCE .. "'")
  local done = pcall(partitioned.detach, side, i)
  side:must("RESET statement_timeout")
  bench.line("DETACH CONCURRENTLY beside a dump", done and "done"
    or "not done after " .. PATIENCE .. ", nor before the dump has ended")
  dump:close()
end

local function without_a_partition(side)
  side:must("DROP TABLE part_rest")
  side:must("SELECT setval('forge_change_log_seq_seq', $1::bigint)", SIZE * NUMBER)
  local done, err = side.log:query("UPDATE item SET n = n + 1 WHERE id = 1")
  bench.line("a write where no partition is left", "%s", done and "done" or err.message)
end

return function()
  local plain, parts = retention.begin(), retention.begin()
  partitioned.make(parts, SIZE, NUMBER)
  bench.title("retention: who waits for a trim; %d clients write, one transaction is open for %d s",
    CLIENTS, OPEN)
  for _, side in ipairs({ plain, parts }) do bench.fill(side.log, 6 * SIZE, 86400) end
  for i, way in ipairs(WAYS) do measure(way.plain and plain or parts, way, i - 1) end
  beside_a_dump(parts, 0)
  without_a_partition(parts)
  plain:drop()
  parts:drop()
end
