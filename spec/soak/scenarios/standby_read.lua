-- A hot standby is read while it replays, pauses and goes on, and promoted while it is followed.
local failover = require "soak.failover"
local logs = require "support.logs"
local support = require "support"

return {
  title = "reading a hot standby, and its promotion",
  run = function(run)
    local at = failover.begin(run)
    local there = at:at(at.standby)
    local log = logs.connect(there)
    local horizon, err = log:horizon()
    log:close()
    if not horizon then return nil, "this build does not read a standby: " .. err.message end
    at:witness("file", { conninfo = there, title = "consumer of the standby, file store" })
    at:witness("feed", { conninfo = there, title = "feed of the standby", once = true })
    at:witness("drain", { conninfo = there, title = "drain of the standby", once = true })
    at:load()
    for _ = 1, at:times(5) do
      at:more(run.commits / 10)
      support.psql("SELECT pg_wal_replay_pause()", there)
      logs.pause(0.5)
      support.psql("SELECT pg_wal_replay_resume()", there)
    end
    at.writers:stop()
    failover.promote(at, "stop")
    at:load(true)
    at:more(run.commits / 2)
    return at:finish()
  end,
}
