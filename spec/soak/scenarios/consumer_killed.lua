-- Consumers are killed without mercy while they work.
local logs = require "support.logs"
local situation = require "soak.situation"

return {
  title = "kill -9 of the consumer",
  run = function(run)
    local at = situation.begin(run)
    local all = { at:witness("file", { work = 0.02 }), at:witness("table", { work = 0.02 }),
      at:witness("transaction", { once = true }) }
    at:load()
    at:meanwhile(at:times(30), function()
      for _, each in ipairs(all) do each:restart() end
      logs.pause(math.random() * 0.3)
    end)
    return at:finish()
  end,
}
