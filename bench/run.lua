-- Runs the benches that its arguments name (without arguments: all) on the environment's server, in
-- databases of their own, and sums up. FORGELOG_SCALE multiplies sizes and times.
local root = os.getenv("FORGELOG_ROOT")
  or error("FORGELOG_ROOT is not set: run this by 'make bench'")
package.path = root .. "/?.lua;" .. package.path

local bench = require "bench.support"

local ALL = { "drain", "memory", "rows", "follow", "bulk", "wide", "sessions", "trim", "held",
  "retention", "workers", "fleet", "openresty", "node", "dropped" }
local names = #arg > 0 and arg or ALL
local version = bench.psql("SHOW server_version")
local cores = select(2, bench.run("nproc")):match("%d+")
print(("%s, PostgreSQL %s, %s cores; medians of rounds in which the sides take turns"):format(
  rawget(_G, "jit") and jit.version or _VERSION, version, cores))
local started = bench.now()
for _, name in ipairs(names) do dofile(root .. "/bench/" .. name .. ".lua") end
bench.summary()
print(("%.0f seconds"):format(bench.now() - started))
