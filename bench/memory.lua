-- How much memory draining takes, in fresh processes: the peak of the resident size above that of
-- the connected process.
local bench = require "bench.support"

local ROUNDS = 2
local few, many = bench.scale(100000), bench.scale(5000000)

local conninfo = bench.database()
local log = bench.connect(conninfo)
bench.fill(log, many)

local figures = bench.alternate(ROUNDS, {
  { "few", function() return bench.read("forgelog", conninfo, many - few, many).above end },
  { "many", function() return bench.read("forgelog", conninfo, 0, many).above end },
})
local little, much = bench.most(figures.few), bench.most(figures.many)

bench.title("memory while draining, peak of %d rounds above the connected process", ROUNDS)
bench.line(bench.count(few) .. " changes", "%6.2f MiB", little)
bench.line(bench.count(many) .. " changes", "%6.2f MiB", much)
bench.target("the larger", math.max(little, much), "<=", 32, "MiB")
-- "The same" allows for a megabyte that the allocator or the collector took at another moment.
bench.target("difference", math.abs(much - little), "<=", 1, "MiB")

log:close()
bench.drop(conninfo)
