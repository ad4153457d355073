-- Nothing breaks: most of the commits, of all kinds, read by a consumer above the horizon and by
-- drains below it. Two cores have some time left at this rate.
local situation = require "soak.situation"

return {
  title = "savepoints, rollbacks, long, prepared and serializable transactions",
  share = 60, alone = true,
  run = function(run)
    local at = situation.begin(run, { rate = 10000, durable = false, patience = 300,
      stall = 300 })
    at:witness("file", { once = true })
    at:witness("drain", { once = true })
    at:load()
    at:more(run.commits)
    return at:finish()
  end,
}
