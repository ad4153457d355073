-- Two programs of one name: whichever works is suspended until its lease is over and the other one
-- has taken it, and then goes on.
local logs = require "support.logs"
local situation = require "soak.situation"

return {
  title = "a consumer that sleeps through its lease",
  share = 0.5,
  run = function(run)
    local at = situation.begin(run)
    local shared = { name = "shared", with = { lease = 1 }, once = true,
      work = 0.02 }
    local pair = { at:witness("transaction", shared), at:witness("transaction", shared) }
    at:load()
    at:meanwhile(at:times(10), function(round)
      local one = pair[round % 2 + 1]
      one.process:kill("STOP")
      logs.pause(1.5)
      one.process:kill("CONT")
    end)
    local other = table.remove(at.witnesses) -- both write to one table
    local rows = at:finish()
    other:kill()
    return rows
  end,
}
