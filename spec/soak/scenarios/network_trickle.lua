-- What passes the network trickles, so that each answer comes in many pieces; and it is cut in the
-- middle of them.
local relay = require "support.relay"
local situation = require "soak.situation"

return {
  title = "network that trickles, and is cut",
  share = 0.3,
  run = function(run)
    local at = situation.begin(run, { rate = 800 })
    local between = relay.start(at.db, 4000)
    at.through = between.conninfo
    at:witness("file", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(10), function() between:cut() end)
    return at:finish()
  end,
}
