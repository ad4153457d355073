-- The database goes back to a point in time: a copy that replays the WAL up to there takes over,
-- while the load goes on behind it.
local failover = require "soak.failover"
local support = require "support"

return {
  title = "point-in-time recovery",
  run = function(run)
    local at = failover.begin(run)
    at.standby:stop()
    at.standby:start { "recovery_target_name=here", "recovery_target_action=promote" }
    at:witness("file", { gaps = { "failover/reset" } })
    at:witness("transaction", { once = true })
    at:witness("feed", { gaps = { "failover/reset" } })
    at:load()
    at:more(run.commits / 2)
    at:ask("SELECT pg_create_restore_point('here')")
    at:more(run.commits / 10)
    failover.read_to_the_end(at)
    support.wait_until(function()
      return support.psql("SELECT pg_is_in_recovery()", at.standby.conninfo) == "f"
    end, "the point in time")
    failover.promote(at, "kill", true)
    at:load(true)
    at:more(run.commits / 2)
    return at:finish()
  end,
}
