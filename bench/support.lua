--- What the benches share: time, medians, databases to measure in, the printing of figures and
-- targets.
-- @module bench.support
local core = require "forgelog.core"
local forgelog = require "forgelog"
local process = require "support.process"
local support = require "support"

local unpack = rawget(table, "unpack") or unpack

local bench = {
  now = core.now,
  database = support.database,
  drop = support.drop,
  framework = support.framework,
  lua = support.lua,
  pgbench = support.pgbench,
  psql = support.psql,
  quote = process.quote,
  run = support.run,
  scale = support.scale,
}

local met, missed = 0, 0

--- Sleeps.
function bench.sleep(seconds) core.poll(nil, "", seconds) end

--- How long a call took, and its first results; a nil result is raised.
function bench.timed(call, ...)
  local started = core.now()
  local first, second = call(...)
  local seconds = core.now() - started
  return seconds, assert(first, second)
end

--- A connection to a log of forgelog's in schema public, installed as it should be.
function bench.connect(conninfo, install)
  local log = assert(forgelog.connect(conninfo, { schema = "public" }))
  assert(log:install(install))
  return log
end

--- The middle one of a list of numbers.
function bench.median(list)
  local sorted = {}
  for i, value in ipairs(list) do sorted[i] = value end
  table.sort(sorted)
  local middle = #sorted / 2
  return #sorted % 2 == 1 and sorted[middle + 0.5] or (sorted[middle] + sorted[middle + 1]) / 2
end

--- The largest one of a list of numbers.
function bench.most(list)
  local most = list[1]
  for _, value in ipairs(list) do most = math.max(most, value) end
  return most
end

--- Measures several sides in turn, again and again, so that a slow moment of the machine meets all
-- of them.
-- @param rounds how often
-- @param sides list of { name, measure }; measure returns a number
-- @return lists of numbers by name
function bench.alternate(rounds, sides)
  local figures = {}
  for _, side in ipairs(sides) do figures[side[1]] = {} end
  for round = 1, rounds do
    for _, side in ipairs(sides) do figures[side[1]][round] = side[2](round) end
  end
  return figures
end

--- A whole number as people read it: 1,234,567.
function bench.count(number)
  local text, changed = ("%.0f"):format(number), 1
  while changed > 0 do
    text, changed = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  end
  return text
end

--- Begins a group of figures.
function bench.title(format, ...) print("\n" .. format:format(...)) end

--- One line of figures.
function bench.line(name, format, ...)
  print(("  %-34s %s"):format(name, format:format(...)))
  io.flush()
end

--- One target: what was measured beside what was to be reached.
-- @param what the ratio or figure
-- @param value as measured
-- @param relation ">=" or "<="
-- @param wanted to be reached
-- @param[opt] unit
function bench.target(what, value, relation, wanted, unit)
  local reached = relation == ">=" and value >= wanted or relation == "<=" and value <= wanted
  if reached then met = met + 1 else missed = missed + 1 end
  unit = unit and " " .. unit or ""
  bench.line("* " .. what, "%9.2f%s   target %s %.4g%s   %s", value, unit, relation, wanted, unit,
    reached and "reached" or "MISSED")
end

--- How many targets were reached.
function bench.summary()
  print(("\n%d of %d targets reached"):format(met, met + missed))
end

--- Fills a log with changes, `age` seconds old and a microsecond apart, and vacuums it.
function bench.fill(log, changes, age)
  assert(log:query([[
    INSERT INTO forge_change_log (table_name, op, row_id, changed_cols, created_at, txid)
    SELECT 'pgbench_accounts', CASE g % 4 WHEN 0 THEN 'INSERT' ELSE 'UPDATE' END, g::text,
           CASE g % 4 WHEN 0 THEN NULL ELSE 'abalance' END,
           now() - $2::float8 * interval '1 second' + g * interval '1 microsecond',
           txid_current()
      FROM generate_series(1, $1::bigint) g]], changes, age or 0))
  assert(log:query("VACUUM ANALYZE forge_change_log"))
  assert(log:query("CHECKPOINT"))
end

--- The collectors of this Lua that a program may choose from, the default of an embedded Lua first.
bench.collectors = _VERSION == "Lua 5.4" and { "incremental", "generational" } or { "incremental" }

--- Reads a log into Lua tables in a fresh process: see reader.lua.
-- @param way "forgelog", "window", "luasql", "dbi" or "limit"
-- @param conninfo the database
-- @param since the seq to read after
-- @param upto the last seq
-- @param[opt] collector one of `collectors`
-- @return a table with `seconds`, `processor` (seconds of processor time) and `above` (MiB at the
-- peak above those of the connected process)
function bench.read(way, conninfo, since, upto, collector)
  local ok, output, errors = bench.run(("%s %s %s %s %s %d %d"):format(
    os.getenv("FORGELOG_LUA")
      or "lua", bench.quote(os.getenv("FORGELOG_ROOT") .. "/bench/reader.lua"),
    way, collector or bench.collectors[1], bench.quote(conninfo), since, upto))
  assert(ok, errors)
  local figures = {}
  for figure in output:gmatch("%S+") do figures[#figures + 1] = tonumber(figure) end
  local count, seconds, processor, idle, peak = unpack(figures, 1, 5)
  assert(count == upto - since, way .. " read " .. count .. " changes")
  return { seconds = seconds, processor = processor, above = (peak - idle) / 1024 }
end

-- Hundredths of a second of processor time that a process has used, and its children that are gone.
local function used(pid)
  local stat = support.read("/proc/" .. pid .. "/stat")
  if not stat then return 0 end
  local total = 0
  local times = "^.*%) %S" .. (" %S+"):rep(10) .. " (%d+) (%d+) (%d+) (%d+)"
  for _, time in ipairs({ stat:match(times) }) do total = total + time end
  return total
end

--- Seconds of processor time that a process has used.
function bench.process_time(pid) return used(pid) / 100 end

--- Seconds of processor time that all processes of the server have used.
-- @param[opt] data the server's folder; default: that of the environment's
function bench.server_time(data)
  data = data or os.getenv("FORGELOG_PGDATA")
  local pid = support.read(data .. "/postmaster.pid"):match("%d+")
  local total = used(pid)
  for child in select(2, bench.run("pgrep -P " .. pid)):gmatch("%d+") do
    total = total + used(child)
  end
  return total / 100
end

--- Makes pgbench's tables.
-- @param scale 1 for each 100,000 accounts
function bench.accounts(conninfo, scale)
  local ok, _, errors = bench.run(("pgbench -i -q -s %d %s"):format(scale, bench.quote(conninfo)))
  assert(ok, errors)
end

--- A pgbench script that updates one account, any of 100,000 for each 1 of the scale.
function bench.one_account(scale)
  return ([[
\set aid random(1, %d)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
]]):format(100000 * scale)
end

return bench
