-- The primary is killed when its standby had not got all that was committed, and was read: whoever
-- may have seen what is lost is told. What commits with its effects goes on.
local failover = require "soak.failover"

return {
  title = "asynchronous failover, with loss",
  run = function(run)
    local at = failover.begin(run)
    at:witness("file", { gaps = { "failover/reset" } })
    at:witness("transaction", { once = true })
    at:witness("feed", { gaps = { "failover/reset" } })
    at:load()
    at:more(run.commits / 2)
    failover.cut(at)
    at:more(run.commits / 10)
    failover.read_to_the_end(at)
    failover.promote(at, "kill")
    at:load(true)
    at:more(run.commits / 2)
    return at:finish()
  end,
}
