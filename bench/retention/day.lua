--- A day of a log that keeps an hour, at one hundredth of a hundred million changes a day: every
-- five minutes of it a batch of changes and a trim. How large the log grows, and what trims and
-- vacuums take, under some settings of autovacuum and beside a snapshot that is held all day. The
-- day is over in seconds, too fast for autovacuum, which looks once a minute: so the bench does
-- what autovacuum would, by its rule, after each trim.
local bench = require "bench.support"
local consumer = require "forgelog.store.table"
local lease = require "forgelog.consumer.lease"
local retention = require "bench.retention.log"

local STEPS, HOUR = 288, 12 -- in a day, and in the hour that is kept
local PART = bench.scale(3472) -- changes of one step
local KEPT = HOUR * PART
local TIMES = 31

local Day = {}
Day.__index = Day

-- @param factor autovacuum_vacuum_scale_factor
-- @param held whether a snapshot is held from the beginning on
local function begin(factor, held)
  local side = retention.begin()
  local day = setmetatable({
    side = side, factor = factor, vacuumer = side:connect(), store = consumer(),
    lease = lease.new("bench", 600), most = 0, dead = 0, saved = 0,
    trims = { count = 0, seconds = 0, wal = 0 }, vacuums = { count = 0, seconds = 0, wal = 0 },
  }, Day)
  assert(day.lease:take(side.log.connection))
  assert(day.vacuumer:query("SET vacuum_cost_delay = '2ms'"))
  side:must("CHECKPOINT")
  if held then
    day.holder = side:connect()
    assert(day.holder:query("BEGIN ISOLATION LEVEL REPEATABLE READ"))
    assert(day.holder:query("SELECT count(*) FROM forge_change_log"))
  end
  return day
end

local function add(sums, count, seconds, wal)
  sums.count, sums.seconds, sums.wal = sums.count + count, sums.seconds + seconds, sums.wal + wal
end

-- Vacuums the log where autovacuum would.
function Day:vacuum()
  if self.dead <= 50 + self.factor * KEPT then return end
  add(self.vacuums, 1, self.side:cost(self.vacuumer.query, self.vacuumer,
    "VACUUM forge_change_log"))
  if not self.holder then self.dead = 0 end
end

function Day:bytes()
  local heap, index = self.side:sizes()
  return heap + index
end

function Day:step(number)
  self.side:update(PART)
  if number > HOUR then
    local seconds, wal, count = self.side:cost(self.side.trim_to, self.side,
      PART * (number - HOUR))
    add(self.trims, count, seconds, wal)
    self.dead = self.dead + count
  end
  self:vacuum()
  self.most = math.max(self.most, self:bytes())
end

function Day:save()
  self.saved = self.saved + 1
  local position = ("1:%d"):format(self.saved)
  assert(self.store.save(self.side.log, "bench", position, self.position, self.lease))
  self.position = position
end

-- Milliseconds.
local function median_of(action, ...)
  local found = {}
  for i = 1, TIMES do
    local started = bench.now()
    action(...)
    found[i] = (bench.now() - started) * 1000
  end
  return bench.median(found)
end

local function show(day, name)
  local trims, vacuums = day.trims, day.vacuums
  bench.line(name, "at most %.1f MB, %.2f x what is kept; trim %s changes/s", day.most / 1e6,
    day.most / day.kept, bench.count(trims.count / trims.seconds))
  bench.line("", "%d vacuums of %.0f ms; WAL %.0f bytes trimmed, %.0f vacuumed a change",
    vacuums.count, vacuums.seconds / math.max(vacuums.count, 1) * 1000, trims.wal / trims.count,
    vacuums.wal / trims.count)
  bench.line("", "tick %.2f ms, save %.2f ms", median_of(function()
    assert(day.side.log.connection:tick())
  end), median_of(day.save, day))
end

-- What stays when the snapshot is gone.
local function release(day)
  local side, conn = day.side, day.vacuumer
  assert(day.holder:query("COMMIT"))
  local seconds, wal = side:cost(conn.query, conn, "VACUUM forge_change_log")
  bench.line("when it is gone", "VACUUM %.2f s, WAL %.0f bytes a change; the files have %.1f MB",
    seconds, wal / day.trims.count, day:bytes() / 1e6)
  for number = STEPS + 1, STEPS + HOUR do day:step(number) end
  assert(conn:query("VACUUM (TRUNCATE) forge_change_log"))
  bench.line("VACUUM (TRUNCATE) an hour later", "%.1f MB", day:bytes() / 1e6)
  assert(conn:query("REINDEX INDEX CONCURRENTLY forge_change_log_pkey"))
  bench.line("REINDEX INDEX CONCURRENTLY", "%.1f MB", day:bytes() / 1e6)
end

return function()
  bench.title("retention: %s changes in a day of %d steps, of which an hour is kept",
    bench.count(STEPS * PART), STEPS)
  local kept
  for _, run in ipairs({
    { "scale_factor 0.2, the default", 0.2 },
    { "scale_factor 0.05", 0.05 },
    { "a snapshot is held all day", 0.2, true },
  }) do
    local day = begin(run[2], run[3])
    for number = 1, STEPS do
      day:step(number)
      if number == HOUR then kept = kept or day.most end -- until then nothing was trimmed
    end
    day.kept = kept
    show(day, run[1])
    if day.holder then release(day) end
    for _, conn in ipairs({ day.vacuumer, day.holder }) do conn:close() end
    day.side:drop()
  end
end
