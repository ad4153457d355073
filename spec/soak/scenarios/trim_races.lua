-- The log is trimmed again and again of all that it has, however far those who read have come, and
-- these are held up now and then. Whoever is overtaken is told, and reads the tables.
local logs = require "support.logs"
local situation = require "soak.situation"
local support = require "support"

local TRIMMER = [[
local logs = require "support.logs"
local log = logs.connect((...))
while true do
  log:trim(logs.server_time(log) - 0.3, { min_rows = 0 })
  logs.pause(0.02)
end
]]

return {
  title = "trims that overtake readers",
  run = function(run)
    local at = situation.begin(run)
    local all = { at:witness("file", { gaps = "any", work = 0.01 }),
      at:witness("transaction", { gaps = "any" }), at:witness("drain", { gaps = "any" }) }
    local trimmer = support.lua(TRIMMER, at.db)
    at:load()
    at:meanwhile(at:times(10), function(round)
      local one = all[round % #all + 1]
      one.process:kill("STOP")
      logs.pause(0.5)
      one.process:kill("CONT")
    end)
    trimmer:kill()
    trimmer:wait()
    return at:finish()
  end,
}
