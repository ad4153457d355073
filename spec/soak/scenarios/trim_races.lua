-- The log is trimmed each second of all that it has, however far those who read have come, and one
-- of these is held up again and again until a trim has passed it. Whoever is overtaken is told, and
-- reads the tables.
local situation = require "soak.situation"
local support = require "support"

local TRIMMER = [[
local logs = require "support.logs"
local log = logs.connect((...))
while true do
  log:trim(logs.server_time(log) - 0.3, { min_rows = 0 })
  logs.pause(1)
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
      at:more(200)
      local written = at:ask("SELECT max(seq) AS n FROM forge_change_log")[1].n
      support.wait_until(function()
        return at:ask("SELECT trimmed_to AS n FROM forge_change_log_state")[1].n >= (written or 0)
      end, "the trim", 60)
      one.process:kill("CONT")
    end)
    trimmer:kill()
    trimmer:wait()
    return at:finish()
  end,
}
