-- The whole cluster is dumped and restored into one of a later version, at the same address.
local cluster = require "soak.cluster"
local support = require "support"

return {
  title = "dump and restore into a later version",
  share = 0.5,
  run = function(run)
    local told = { gaps = { "reset/failover" } }
    return cluster.replaced(run, { file = told, feed = told }, function(at)
      local found, bin, why = support.run(os.getenv("FORGELOG_ROOT")
        .. "/spec/support/postgres-of 17")
      if not found then return nil, why:match("[^\n]*") end
      return cluster.restore(at, bin:match("%S+"))
    end)
  end,
}
