-- Draining a log into Lua tables, beside psql, which runs the same query as one COPY, and beside
-- the drivers that exist for Lua. Each reader is a process of its own, timed from its connection;
-- psql's time is that of its command without the time of a psql that does nothing.
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
local peaks = {}

local function read_by(way)
  return function()
    local read = bench.read(way, conninfo, 0, changes)
    peaks[way] = math.max(peaks[way] or 0, read.above)
    return read.seconds
  end
end

local figures = bench.alternate(ROUNDS, {
  { "nothing", function() return psql("SELECT 1") end },
  { "psql", function() return psql(copy) end },
  { "forgelog", read_by "forgelog" },
  { "luasql", read_by "luasql" },
  { "dbi", read_by "dbi" },
})
local nothing, seconds = bench.median(figures.nothing), {}
for name, list in pairs(figures) do seconds[name] = bench.median(list) end
seconds.psql = seconds.psql - nothing

local function show(name, label, note)
  bench.line(label, "%7.3f s  %10s/s   %s", seconds[name], bench.count(changes / seconds[name]),
    note)
end

local function with_peak(way) return ("%.0f MiB above idle"):format(peaks[way]) end

bench.title("drain of %s changes, %d rounds", bench.count(changes), ROUNDS)
show("psql", "psql, COPY binary to /dev/null",
  ("without the %.0f ms of psql -c 'SELECT 1'"):format(nothing * 1000))
show("forgelog", "forgelog, Lua tables", with_peak "forgelog")
show("luasql", "LuaSQL, Lua tables", with_peak "luasql")
show("dbi", "LuaDBI, Lua tables", with_peak "dbi")
bench.target("rate, of psql's", seconds.psql / seconds.forgelog, ">=", 0.8)
bench.target("rate, of the faster driver's",
  math.min(seconds.luasql, seconds.dbi) / seconds.forgelog, ">=", 2.4, "x")

log:close()
bench.drop(conninfo)
