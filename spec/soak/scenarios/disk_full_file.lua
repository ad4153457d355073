-- The disk on which a consumer keeps its position is full for a while, and the consumer is killed
-- meanwhile.
local disk = require "soak.disk"
local logs = require "support.logs"
local situation = require "soak.situation"

return {
  title = "disk full beside a file store",
  run = function(run)
    local full <close>, why = disk.make("64k")
    if not full then return nil, why end
    local at = situation.begin(run)
    local one = at:witness("file", { position = full.folder .. "/position" })
    at:load()
    at:meanwhile(at:times(10), function()
      full:fill()
      logs.pause(0.5)
      one:restart()
      logs.pause(0.5)
      full:free()
    end)
    return at:finish()
  end,
}
