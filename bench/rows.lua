-- Eight clients that update single rows of a table: without a trigger, watched, and with the
-- framework's row trigger.
local bench = require "bench.support"

local SCALE, CLIENTS, ROUNDS = 10, 8, 4
local seconds = bench.scale(6)

local conninfo = bench.database()
bench.accounts(conninfo, SCALE)
bench.framework(conninfo, "framework")
local log = bench.connect(conninfo)
-- The framework's functions find their log by the search path; forgelog's do not look at it.
local theirs = conninfo .. " options='-c search_path=framework,public'"

local function rate()
  local load = bench.pgbench {
    conninfo = theirs, script = bench.one_account(SCALE), clients = CLIENTS, seconds = seconds }
  local _, report = load:wait()
  return tonumber(report:match("tps = ([%d.]+)"))
end

-- Each side arranges its triggers, measures, and takes them away again.
local function bare()
  return rate()
end

local function watched()
  assert(log:watch("pgbench_accounts"))
  local found = rate()
  assert(log:unwatch("pgbench_accounts"))
  return found
end

local function row_trigger()
  bench.psql("SELECT forge_enable_reactivity('pgbench_accounts')", theirs)
  local found = rate()
  bench.psql("SELECT forge_disable_reactivity('pgbench_accounts')", theirs)
  return found
end

bare() -- the first writes to each page of a new table cost more than later ones
local figures = bench.alternate(ROUNDS, {
  { "bare", bare },
  { "watched", watched },
  { "row", row_trigger },
})
local tps = {}
for name, list in pairs(figures) do tps[name] = bench.median(list) end

local captured = assert(log:query("SELECT count(*) AS n FROM forge_change_log"))[1].n
assert(captured > 0, "nothing was captured")

bench.title("single rows: %d clients, pgbench -s %d, %d rounds of %d s each", CLIENTS, SCALE,
  ROUNDS,
  seconds)
bench.line("no trigger", "%8s/s", bench.count(tps.bare))
bench.line("watched, nobody listens", "%8s/s", bench.count(tps.watched))
bench.line("row trigger with NOTIFY", "%8s/s", bench.count(tps.row))
bench.target("watched, of no trigger", tps.watched / tps.bare, ">=", 0.6)
bench.target("watched, of the row trigger", tps.watched / tps.row, ">=", 2, "x")

log:close()
bench.drop(conninfo)
