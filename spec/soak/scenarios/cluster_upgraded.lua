-- The cluster is upgraded by pg_upgrade to a later version.
local cluster = require "soak.cluster"

return {
  title = "pg_upgrade of the cluster",
  share = 0.5,
  run = function(run) return cluster.replaced(run, {}, cluster.upgrade) end,
}
