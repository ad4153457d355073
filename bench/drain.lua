-- Draining a log into Lua tables, beside psql, which runs the same query as one COPY, beside the
-- drivers that exist for Lua, and beside the limit: a loop in C that makes the same tables from
-- memory. Each reader is a process of its own, timed from its connection, under each collector that
-- Lua has; psql's time is that of its command without the time of a psql that does nothing.
local bench = require "bench.support"

local ROUNDS = 5
local changes = bench.scale(1000000)

local conninfo = bench.database()
local log = bench.connect(conninfo)
bench.fill(log, changes)

local function psql(sql)
  local command = ("psql -Xqc %s %s >/dev/null"):format(bench.quote(sql), bench.quote(conninfo))
  return (bench.timed(os.execute, command))
end

local copy = ("COPY (SELECT * FROM forge_change_log WHERE seq > 0 AND seq <= %d ORDER BY seq)"
  .. " TO STDOUT (FORMAT binary)"):format(changes)
local peaks, processor = {}, {}

local function side(way, collector)
  local name = way .. " " .. collector
  return { name, function()
    local read = bench.read(way, conninfo, 0, changes, collector)
    peaks[name] = math.max(peaks[name] or 0, read.above)
    processor[name] = processor[name] or {}
    table.insert(processor[name], read.processor)
    return read.seconds
  end }
end

local sides = {
  { "nothing", function() return psql("SELECT 1") end },
  { "psql", function() return psql(copy) end },
}
for _, collector in ipairs(bench.collectors) do
  for _, way in ipairs({ "limit", "forgelog", "window", "luasql", "dbi" }) do
    sides[#sides + 1] = side(way, collector)
  end
end
local figures = bench.alternate(ROUNDS, sides)
local nothing, seconds = bench.median(figures.nothing), {}
for name, list in pairs(figures) do seconds[name] = bench.median(list) end
seconds.psql = seconds.psql - nothing

local function show(name, label, note)
  bench.line(label, "%7.3f s  %10s/s   %s", seconds[name], bench.count(changes / seconds[name]),
    note)
end

local LABELS = {
  { "limit", "the same tables from memory" },
  { "forgelog", "forgelog, Lua tables" },
  { "window", "the same, the last 20,000 kept" },
  { "luasql", "LuaSQL, Lua tables" },
  { "dbi", "LuaDBI, Lua tables" },
}
local PSQL_SHARE = { incremental = 0.8, generational = 0.85 }

bench.title("drain of %s changes, %d rounds", bench.count(changes), ROUNDS)
show("psql", "psql, COPY binary to /dev/null",
  ("without the %.0f ms of psql -c 'SELECT 1'"):format(nothing * 1000))
for _, collector in ipairs(bench.collectors) do
  bench.title("%s collector", collector)
  for _, label in ipairs(LABELS) do
    local name = label[1] .. " " .. collector
    show(name, label[2], ("%.2f s of processor time, %.0f MiB above idle"):format(
      bench.median(processor[name]), peaks[name]))
  end
  local drain = seconds["forgelog " .. collector]
  local driver = math.min(seconds["luasql " .. collector], seconds["dbi " .. collector])
  bench.target("rate, of the limit's", seconds["limit " .. collector] / drain, ">=", 0.9)
  bench.target("rate, of psql's", seconds.psql / drain, ">=", PSQL_SHARE[collector])
  bench.target("rate, of the faster driver's", driver / drain, ">=", 2.4, "x")
end

log:close()
bench.drop(conninfo)
