-- A pooler in transaction mode is started again and again, in order and without mercy.
local pooled = require "soak.pooled"

return {
  title = "restarts of a pooler in transaction mode",
  run = function(run) return pooled(run, "transaction") end,
}
