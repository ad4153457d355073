-- Trimming while eight clients write: their rate in windows with and without a trim, and how long a
-- trim's transaction was open, since for that time it holds the horizon as any writer does.
local bench = require "bench.support"

local SCALE, CLIENTS, WINDOWS, DAY = 10, 8, 5, 86400
local changes = bench.scale(1000000)
local quiet_seconds = bench.scale(4)

local conninfo = bench.database()
bench.accounts(conninfo, SCALE)
local log, clock = bench.connect(conninfo), bench.connect(conninfo)
bench.fill(log, changes, DAY)
assert(log:watch("pgbench_accounts"))

-- Each batch is one statement in a transaction of its own: it can have held the horizon no longer
-- than for its round trip.
local batches, conn = {}, log.connection
local run = conn.run
function conn.run(self, name, ...)
  local started = bench.now()
  local rows, err = run(self, name, ...)
  if name == "trim.batch" then batches[#batches + 1] = bench.now() - started end
  return rows, err
end

-- Each commit takes one seq, so the sequence counts commits.
local function rate_during(action, ...)
  local function given()
    local sql = "SELECT pg_sequence_last_value('public.forge_change_log_seq_seq') AS seq"
    return assert(clock:query(sql))[1].seq
  end
  local first = given()
  local seconds, result = bench.timed(action, ...)
  return (given() - first) / seconds, result, seconds
end

local function quietly()
  bench.sleep(quiet_seconds)
  return true
end

local deleted, trim_seconds = 0, 0

-- Trims one part of the old changes.
local function trimming(round)
  local last = math.floor(changes * round / WINDOWS)
  local upto = assert(clock:query("SELECT extract(epoch FROM created_at)::float8 + 0.000001 AS at"
    .. " FROM forge_change_log WHERE seq = $1", last))[1].at
  local rate, count, seconds = rate_during(log.trim, log, upto)
  deleted, trim_seconds = deleted + count, trim_seconds + seconds
  return rate
end

local load = bench.pgbench {
  conninfo = conninfo, script = bench.one_account(SCALE), clients = CLIENTS, seconds = 600 }
-- The first writes to each page after a checkpoint carry the whole page.
bench.sleep(2 * quiet_seconds)
local figures = bench.alternate(WINDOWS, {
  { "without", function() return (rate_during(quietly)) end },
  { "with", trimming },
})
load:stop()
conn.run = nil
assert(#batches > 0, "no batch was measured")
assert(deleted >= changes - WINDOWS and bench.median(figures.without) > 0, "nothing happened")

local without, with = bench.median(figures.without), bench.median(figures.with)
bench.title("trim of %s changes in %d parts, %d clients writing meanwhile", bench.count(deleted),
  WINDOWS, CLIENTS)
bench.line("writers without the trim", "%8s/s", bench.count(without))
bench.line("writers with the trim", "%8s/s", bench.count(with))
bench.line("trim", "%8s/s   %d batches, median %.1f ms", bench.count(deleted / trim_seconds),
  #batches, bench.median(batches) * 1000)
bench.target("writers' rate with the trim", with / without, ">=", 0.8)
bench.target("horizon held, longest batch", bench.most(batches) * 1000, "<=", 100, "ms")

log:close()
clock:close()
bench.drop(conninfo)
