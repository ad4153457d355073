-- The network drops what passes by the connections of those who read, and neither end is told.
local relay = require "support.relay"
local situation = require "soak.situation"

return {
  title = "network half-open",
  run = function(run)
    local at = situation.begin(run, { stall = 15 })
    local between = relay.start(at.db)
    at.through = between.conninfo
    local quick = { silence = 1 }
    at:witness("file", { with = quick, once = true })
    -- What a handler asks itself is waited for as long as its `timeout` says.
    at:witness("transaction", { with = { silence = 1, timeout = 5 }, once = true })
    at:witness("feed", { with = quick, once = true })
    at:load()
    at:meanwhile(at:times(8), function() between:drop() end)
    return at:finish()
  end,
}
