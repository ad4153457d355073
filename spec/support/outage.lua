--- A server that hangs: its processes are stopped by a signal, so that its connections stay and
-- nothing answers on them.
-- @module support.outage
local logs = require "support.logs"
local support = require "support"

local outage = {}

--- The process id of the server's postmaster; nil: it was shut down.
function outage.postmaster(server)
  local text = support.read(server.dir .. "/data/postmaster.pid")
  return text and text:match("^%d+")
end

-- The postmaster comes first, so that it starts no process between the two signals; one of the
-- others may end meanwhile.
local function signal(server, name)
  local pid = outage.postmaster(server)
  assert(support.run(("kill -%s %s"):format(name, pid)))
  support.run(("kill -%s $(pgrep -P %s)"):format(name, pid))
end

--- The server stops answering.
function outage.begin(server) signal(server, "STOP") end

--- The server goes on.
function outage.finish(server) signal(server, "CONT") end

--- Calls a function while the server hangs; raises what that raises.
-- @return the seconds it took
function outage.during(server, call)
  outage.begin(server)
  local started = logs.now()
  local ok, err = pcall(call)
  local took = logs.now() - started
  outage.finish(server)
  if not ok then error(err, 0) end
  return took
end

return outage
