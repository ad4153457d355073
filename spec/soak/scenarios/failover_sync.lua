-- The primary is killed; a synchronous standby, which has all that was committed, takes over.
-- Nobody has to read the tables again.
local failover = require "soak.failover"

return {
  title = "synchronous failover",
  run = function(run)
    local at = failover.begin(run)
    at.server:set("synchronous_standby_names=*")
    at:witness("file")
    at:witness("transaction", { once = true })
    at:witness("feed")
    at:load()
    at:more(run.commits / 2)
    failover.promote(at, "kill")
    at:load(true)
    at:more(run.commits / 2)
    return at:finish()
  end,
}
