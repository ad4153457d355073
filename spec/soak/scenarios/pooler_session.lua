-- A pooler in session mode is started again and again, in order and without mercy.
local pooled = require "soak.pooled"

return {
  title = "restarts of a pooler in session mode",
  run = function(run) return pooled(run, "session") end,
}
