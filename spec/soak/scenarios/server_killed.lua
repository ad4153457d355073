-- Every process of the server is killed without mercy, and the server recovers.
local situation = require "soak.situation"

return {
  title = "kill -9 of the server",
  run = function(run)
    local at = situation.begin(run)
    at:witness("file")
    at:witness("transaction", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(10), function()
      at.server:kill()
      at.server:start()
    end)
    return at:finish()
  end,
}
