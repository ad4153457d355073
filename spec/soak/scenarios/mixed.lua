-- Nothing breaks: as many commits as the machine makes, of all kinds, read by a consumer above the
-- horizon and by drains below it.
local situation = require "soak.situation"

return {
  title = "savepoints, rollbacks, long, prepared and serializable transactions",
  share = 60, alone = true,
  run = function(run)
    local at = situation.begin(run, { rate = false, durable = false })
    at:witness("file", { once = true })
    at:witness("drain", { once = true })
    at:load()
    at:more(run.commits)
    return at:finish()
  end,
}
