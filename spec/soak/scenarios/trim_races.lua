-- The log is trimmed each second of all that it has, however far those who read have come, and one
-- of these is held up again and again until a trim has passed it. Whoever is overtaken is told, and
-- reads the tables.
local situation = require "soak.situation"
local trimming = require "soak.trimming"

return {
  title = "trims that overtake readers",
  run = function(run)
    local at = situation.begin(run)
    local all = { at:witness("file", { gaps = "any", work = 0.01 }),
      at:witness("transaction", { gaps = "any" }), at:witness("drain", { gaps = "any" }) }
    local trimmer = trimming.begin(at, 0.3, 1)
    at:load()
    at:meanwhile(at:times(10), function(round)
      local one = all[round % #all + 1]
      one.process:kill("STOP")
      at:more(200)
      local written = trimming.newest(at)
      trimming.passed(at, written, 60)
      one.process:kill("CONT")
    end)
    trimmer:kill()
    trimmer:wait()
    return at:finish()
  end,
}
