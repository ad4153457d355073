--- A situation whose server has a standby, and what happens to the two.
-- @module soak.failover
local logs = require "support.logs"
local situation = require "soak.situation"
local support = require "support"

local failover = {}

--- Begins one; witnesses find whichever of the two can be written to.
function failover.begin(run, opts)
  local at = situation.begin(run, opts)
  at.standby = at.server:standby()
  local other = at:at(at.standby)
  local function both(name)
    return ("%s=%s,%s"):format(name, at.db:match(name .. "=(%S+)"), other:match(name .. "=(%S+)"))
  end
  at.through = ("%s %s target_session_attrs=read-write %s"):format(both("host"), both("port"),
    at.db:match("user=.*"))
  return at
end

--- From now on the standby gets nothing.
function failover.cut(at)
  support.psql("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
    at.standby.conninfo)
  support.wait_until(function()
    return support.psql("SELECT count(*) FROM pg_stat_replication", at.server.conninfo) == "0"
  end, "the end of replication")
end

--- The load ends, and those who read have had all of it.
function failover.read_to_the_end(at)
  at:rest()
  at:caught_up()
  logs.pause(0.5)
end

--- The primary ends ("stop", "kill"), and the standby takes over.
-- @bool[opt] promoted whether that has happened already
function failover.promote(at, how, promoted)
  at:disconnect()
  at.server[how](at.server)
  if not promoted then at.standby:promote() end
  at:moved(at.standby)
end

return failover
