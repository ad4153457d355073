-- The network cuts the connections of those who read, in the middle of whatever they do.
local relay = require "support.relay"
local situation = require "soak.situation"

return {
  title = "network cut",
  run = function(run)
    local at = situation.begin(run)
    local between = relay.start(at.db)
    at.through = between.conninfo
    at:witness("file", { once = true })
    at:witness("transaction", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(50), function() between:cut() end)
    return at:finish()
  end,
}
