-- The live feed: how long a change takes from its commit to the handler, what an idle follower
-- costs, and what followers cost the writers. The commit's time is that of its record
-- (track_commit_timestamp); for that part fsync is off, so that no disk is measured. Followers run
-- on the same cores as server and writers.
local bench = require "bench.support"
local feeds = require "support.feeds"
local support = require "support"

local SCALE, CLIENTS, ROUNDS = 10, 8, 3

-- Latency and idleness, on a server that keeps the time of each commit.

local function script(scale) return bench.one_account(scale) end

-- Follows for some seconds while pgbench commits at a rate. Returns the milliseconds from commit to
-- handler (their median, and what 99 of 100 do not exceed), and the number of changes.
local function latencies(log, writer, conninfo, rate, clients, seconds)
  local feed, offset, seen = log:follow(assert(log:position())), feeds.clock(writer), {}
  feeds.take_all(feed, {}, 0.2)
  local load = bench.pgbench { conninfo = conninfo, script = script(1), clients = clients,
    seconds = seconds, args = { "-R", tostring(rate) } }
  feeds.take_while(feed, function() return support.alive(load.process) end, {}, function(change)
    seen[change.seq] = bench.now() + offset
  end)
  load:wait()
  feed:close()
  local list = {}
  local committed = assert(writer:query("SELECT seq,"
    .. " extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM forge_change_log"))
  for _, row in ipairs(committed) do
    if seen[row.seq] then list[#list + 1] = (seen[row.seq] - row.at) * 1000 end
  end
  assert(writer:query("DELETE FROM forge_change_log"))
  assert(#list >= rate * seconds * 0.4, "too few changes came: " .. #list)
  return feeds.percentile(list, 0.5), feeds.percentile(list, 0.99), #list
end

-- Seconds of processor time that a process has used.
local function processor(pid)
  local file = assert(io.open("/proc/" .. pid .. "/stat"))
  local user, system = file:read("*a"):match("^.*%) %S" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
  file:close()
  return (user + system) / 100
end

local function idle(log, writer, seconds)
  local feed = log:follow(assert(log:position()))
  assert(not feed:next(0.5))
  local backend = log.connection:fact("backend")
  assert(writer:query("SELECT pg_stat_statements_reset()"))
  local server, client = processor(backend), processor("self")
  assert(not feed:next(seconds))
  server, client = processor(backend) - server, processor("self") - client
  local count = assert(writer:query("SELECT coalesce(sum(calls), 0)::int AS n"
    .. " FROM pg_stat_statements WHERE query NOT LIKE '%statements%'"))[1].n
  feed:close()
  return count / seconds, server / seconds * 100, client / seconds * 100
end

-- Milliseconds that the server works for one cycle of a follower under load: a tick, mostly with a
-- read, and now and then what goes with lying down.
local function cycle(log, writer, conninfo, seconds)
  local feed = log:follow(assert(log:position()))
  local load = bench.pgbench { conninfo = conninfo, script = script(1), clients = CLIENTS,
    seconds = seconds, args = { "-R", "1000" } }
  local conn, changes = log.connection, {}
  assert(feed:batch(1000, 5))
  assert(writer:query("SELECT pg_stat_statements_reset()"))
  local first = conn:fact("ticks")
  feeds.take_while(feed, function() return support.alive(load.process) end, changes)
  local ticks = conn:fact("ticks") - first
  local spent = assert(writer:query([[
    SELECT sum(total_exec_time + total_plan_time)::float8 AS ms FROM pg_stat_statements
     WHERE query !~ 'pgbench|pg_stat_statements']]))[1].ms
  load:wait()
  feed:close()
  assert(writer:query("DELETE FROM forge_change_log"))
  return spent / ticks, ticks, #changes
end

local function show(what, p50, p99, count)
  bench.line(what, "p50 %6.2f ms   p99 %6.2f ms   %s changes", p50, p99, bench.count(count))
end

local server = support.server { "track_commit_timestamp=on",
  "shared_preload_libraries=pg_stat_statements", "pg_stat_statements.track_planning=on" }
local timed = support.database(server.conninfo)
bench.accounts(timed, 1)
local log, writer = bench.connect(timed), bench.connect(timed)
assert(writer:query("CREATE EXTENSION pg_stat_statements"))
assert(log:watch("pgbench_accounts"))

local seconds = bench.scale(10)
bench.title("live feed: commit to handler, each commit one change of one row")
show("writer seldom commits (5/s)", latencies(log, writer, timed, 5, 1, seconds))
show("100 commits/s of 4 clients", latencies(log, writer, timed, 100, 4, seconds))
local p50, p99, count = latencies(log, writer, timed, 1000, CLIENTS, seconds)
show("1,000 commits/s of 8 clients", p50, p99, count)
bench.target("p50 at 1,000 commits/s", p50, "<=", 1.5, "ms")
bench.target("p99 at 1,000 commits/s", p99, "<=", 7, "ms")
local spent, cycles, came = cycle(log, writer, timed, seconds)
bench.line("cycles at 1,000 commits/s", "%s, %.2f changes each", bench.count(cycles), came / cycles)
bench.target("server time of a cycle", spent, "<=", 0.275, "ms") -- half of the first edition's
bench.line("idle follower (poll 1 s)",
  "%.2f statements/s, %.2f %% of a core in the server, %.2f %% in the program",
  idle(log, writer, bench.scale(20)))
log:close()
writer:close()
server:stop()

-- What writers pay.

local conninfo = bench.database()
bench.accounts(conninfo, SCALE)
bench.framework(conninfo, "framework")
log = bench.connect(conninfo)
local theirs = conninfo .. " options='-c search_path=framework,public'"
seconds = bench.scale(6)

local FOLLOWER = [[
local log = assert(require("forgelog").connect((...), { schema = "public" }))
local count = 0
for _ in log:follow(assert(log:position())) do count = count + 1 end
]]

local function rate(followers)
  local started = {}
  for i = 1, followers do started[i] = support.lua(FOLLOWER, conninfo) end
  support.wait_until(function()
    return assert(log:query("SELECT count(*) AS n FROM pg_stat_activity"
      .. " WHERE datname = current_database() AND application_name = 'forgelog'"
      .. " AND pid <> pg_backend_pid()"))[1].n >= followers
  end, "the followers")
  bench.sleep(0.5)
  local load = bench.pgbench {
    conninfo = theirs, script = script(SCALE), clients = CLIENTS, seconds = seconds }
  local _, report = load:wait()
  for _, follower in ipairs(started) do follower:kill("KILL"); follower:wait() end
  return tonumber(report:match("tps = ([%d.]+)"))
end

local function watched(followers)
  return function()
    assert(log:watch("pgbench_accounts"))
    local found = rate(followers)
    assert(log:unwatch("pgbench_accounts"))
    return found
  end
end

local function row_trigger()
  bench.psql("SELECT forge_enable_reactivity('pgbench_accounts')", theirs)
  local found = rate(0)
  bench.psql("SELECT forge_disable_reactivity('pgbench_accounts')", theirs)
  return found
end

rate(0) -- the first writes to each page of a new table cost more than later ones
local figures = bench.alternate(ROUNDS, {
  { "bare", function() return rate(0) end },
  { "none", watched(0) },
  { "one", watched(1) },
  { "many", watched(16) },
  { "row", row_trigger },
})
local tps = {}
for name, list in pairs(figures) do tps[name] = bench.median(list) end
bench.title("single rows with followers: %d clients, pgbench -s %d, %d rounds of %d s each",
  CLIENTS,
  SCALE, ROUNDS, seconds)
bench.line("no trigger", "%8s/s", bench.count(tps.bare))
bench.line("watched, no follower", "%8s/s", bench.count(tps.none))
bench.line("watched, 1 follower", "%8s/s", bench.count(tps.one))
bench.line("watched, 16 followers", "%8s/s", bench.count(tps.many))
bench.line("row trigger with NOTIFY", "%8s/s", bench.count(tps.row))
bench.target("1 follower, of no trigger", tps.one / tps.bare, ">=", 0.55)
bench.target("16 followers, of no trigger", tps.many / tps.bare, ">=", 0.45)
bench.line("  1 follower, of the row trigger", "%9.2f x", tps.one / tps.row)
log:close()
bench.drop(conninfo)
