--- What one change costs on disk, in WAL, when it is trimmed and when it is vacuumed: a million of
-- them, one hundredth of what a hundred million a day are, written by the triggers of a watched
-- table. What its writers' own rows cost is known from the same writes without a trigger.
local bench = require "bench.support"
local retention = require "bench.retention.log"

local SINGLE, CLIENTS = bench.scale(100000), 8
local PART = 10000 -- rows of one statement
local PARTS = bench.scale(90)
local BATCHES = { 100, 1000, 10000 } -- most rows that a trim deletes at a time
local FEW = 20 -- parts that are written under each of other settings

-- As autovacuum works by default: it rests for 2 ms whenever it has spent 200 points.
local RESTING = "SET vacuum_cost_delay = '2ms'; SET vacuum_cost_limit = 200"

local function one_by_one(side)
  local load = bench.pgbench { conninfo = side.conninfo, script = retention.one(CLIENTS),
    clients = CLIENTS, transactions = math.floor(SINGLE / CLIENTS) }
  return load:wait()
end

local function by_statements(parts)
  return function(side)
    for _ = 1, parts do side:update(PART) end
    return parts * PART
  end
end

-- What is written to a watched table and to one that is not: changes, seconds, and the bytes of WAL
-- for each change.
local function write(watched, bare, action)
  for _, side in ipairs({ bare, watched }) do
    side:must("VACUUM item")
    side:must("CHECKPOINT")
  end
  local bare_seconds, bare_wal = bare:cost(action, bare)
  local seconds, wal, count = watched:cost(action, watched)
  return { count = count, seconds = seconds, bare_seconds = bare_seconds,
    wal = (wal - bare_wal) / count }
end

local function show_writes(what, found)
  bench.line(what, "%s changes/s (%s without a trigger); WAL %.0f bytes a change",
    bench.count(found.count / found.seconds), bench.count(found.count / found.bare_seconds),
    found.wal)
end

local function show_sizes(side, count, what)
  local heap, index = side:sizes()
  bench.line(what, "%.1f bytes of rows and %.1f of index a change", heap / count, index / count)
end

local function vacuum(side, count, what)
  side:must("CHECKPOINT")
  local seconds, wal = side:cost(side.must, side, "VACUUM forge_change_log")
  bench.line(what, "%.2f s, %s changes/s; WAL %.0f bytes a change", seconds,
    bench.count(count / seconds), wal / count)
end

-- Trims the whole log, a part by each size of batches.
local function trim_all(side, total)
  local lowest, all = side:number("SELECT min(seq) FROM forge_change_log"), 0
  for i, batch in ipairs(BATCHES) do
    side:must("CHECKPOINT")
    local last = lowest - 1 + math.floor(total * i / #BATCHES)
    local seconds, wal, count = side:cost(side.trim_to, side, last, { batch = batch })
    all = all + count
    bench.line(("trim, batches of %s at most"):format(bench.count(batch)),
      "%s changes/s; WAL %.0f bytes a change", bench.count(count / seconds), wal / count)
  end
  assert(all == total, "not all was trimmed")
end

-- The WAL of all that under another setting of the server.
local function show_wal(side, bare, setting, value)
  retention.set({ [setting] = value })
  local writes = write(side, bare, by_statements(FEW))
  side:must("CHECKPOINT")
  local _, trimmed, count = side:cost(side.trim_to, side)
  side:must("CHECKPOINT")
  local _, vacuumed = side:cost(side.must, side, "VACUUM forge_change_log")
  retention.set({ [setting] = false })
  assert(count == writes.count, "not all was trimmed")
  bench.line(("WAL with %s = %s"):format(setting, value), "%.0f bytes written, %.0f trimmed, "
    .. "%.0f vacuumed a change", writes.wal, trimmed / count, vacuumed / count)
end

return function()
  local watched, bare = retention.begin(), retention.begin(true)
  for statement in RESTING:gmatch("[^;]+") do watched:must(statement) end
  bench.title("retention: what a change costs; %s written by %d clients one by one, %s by "
    .. "statements of %s", bench.count(SINGLE), CLIENTS, bench.count(PARTS * PART),
    bench.count(PART))
  show_writes("one by one", write(watched, bare, one_by_one))
  show_writes("by statements", write(watched, bare, by_statements(PARTS)))
  local total = watched:number("SELECT count(*) FROM forge_change_log")
  show_sizes(watched, total, "on disk")
  vacuum(watched, total, "vacuum before the trim")
  trim_all(watched, total)
  show_sizes(watched, total, "on disk after the trim")
  vacuum(watched, total, "vacuum after the trim")
  show_wal(watched, bare, "full_page_writes", "off")
  show_wal(watched, bare, "wal_compression", "on")
  watched:drop()
  bare:drop()
end
