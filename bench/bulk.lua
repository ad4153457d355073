-- One UPDATE of many rows: without a trigger, watched (by hstore and by jsonb), and with the
-- framework's row trigger.
local bench = require "bench.support"

local ROUNDS = 4
local rows = bench.scale(100000)

local conninfo = bench.database()
bench.accounts(conninfo, math.ceil(rows / 100000))
bench.framework(conninfo, "framework")
local log = bench.connect(conninfo)

local function update()
  bench.psql("VACUUM pgbench_accounts; CHECKPOINT", conninfo)
  local sql = "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid <= $1"
  return (bench.timed(log.query, log, sql, rows))
end

-- Each side arranges its triggers, measures, and takes them away again.
local function watched(install)
  return function()
    assert(log:install(install))
    assert(log:watch("pgbench_accounts"))
    local seconds = update()
    assert(log:unwatch("pgbench_accounts"))
    return seconds
  end
end

local function row_trigger()
  assert(log:query("SET search_path = framework, public"))
  assert(log:query("SELECT forge_enable_reactivity('pgbench_accounts')"))
  local seconds = update()
  assert(log:query("SELECT forge_disable_reactivity('pgbench_accounts')"))
  assert(log:query("RESET search_path"))
  return seconds
end

local figures = bench.alternate(ROUNDS, {
  { "bare", update },
  { "hstore", watched() },
  { "jsonb", watched { hstore = false } },
  { "row", row_trigger },
})
local seconds = {}
for name, list in pairs(figures) do seconds[name] = bench.median(list) end

local captured = assert(log:query([[SELECT (SELECT count(*) FROM public.forge_change_log) AS ours,
  (SELECT count(*) FROM framework.forge_change_log) AS theirs]]))[1]
assert(captured.ours == 2 * ROUNDS * rows and captured.theirs == ROUNDS * rows,
  "not every row was captured")

local function show(name, label)
  bench.line(label, "%7.3f s   %5.2f x no trigger", seconds[name], seconds[name] / seconds.bare)
end

bench.title("bulk: UPDATE of %s rows, %d rounds", bench.count(rows), ROUNDS)
show("bare", "no trigger")
show("hstore", "watched, hstore")
show("jsonb", "watched, jsonb")
show("row", "row trigger with NOTIFY")
bench.target("watched, of the row trigger", seconds.hstore / seconds.row, "<=", 1 / 3)
bench.line("  the same by jsonb", "%9.2f", seconds.jsonb / seconds.row)

log:close()
bench.drop(conninfo)
