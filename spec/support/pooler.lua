--- A PgBouncer before a server, in transaction mode where it is not told otherwise.
-- @module support.pooler

local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local pooler = {}
pooler.__index = pooler

local CONFIG = [[
[databases]
* = host=%s port=%s user=postgres
[pgbouncer]
listen_addr =
listen_port = %d
unix_socket_dir = %s
auth_type = trust
auth_file = %s/users
admin_users = postgres
pool_mode = %s
default_pool_size = %d
server_idle_timeout = 0
server_round_robin = 1
server_reset_query = DISCARD ALL
logfile = %s/pooler.log
pidfile = %s/pooler.pid
ignore_startup_parameters = extra_float_digits
]]

--- Points it to a server (by conninfo), from the next connection on.
function pooler:point(conninfo)
  local host, port = conninfo:match("host=(%S+)"), conninfo:match("port=(%S+)")
  local dir = self.dir
  support.write(self.config, CONFIG:format(host, port, self.port, dir, dir, self.mode,
    self.size, dir, dir))
end

--- Starts one before a database. It listens in a folder of its own, so its port is always free;
-- what connects to it is in the field conninfo.
-- @string conninfo of the database
-- @string[opt="transaction"] mode "session" or "transaction"
-- @int[opt=3] size how many connections it makes to the server
function pooler.start(conninfo, mode, size)
  local self = setmetatable({
    dir = support.path("pooler"), port = 6432, mode = mode or "transaction",
    size = size or 3,
  }, pooler)
  self.config = self.dir .. "/pooler.ini"
  assert(support.run("mkdir -m 777 " .. self.dir))
  support.write(self.dir .. "/users", '"postgres" ""\n')
  self:point(conninfo)
  self.conninfo = ("host=%s port=%d user=postgres dbname=%s"):format(self.dir, self.port,
    conninfo:match("dbname=(%S+)"))
  return self:launch()
end

-- Starts the program, and waits until it answers.
function pooler:launch()
  local user = select(2, support.run("id -u")):match("%d+") == "0" and "-u nobody " or ""
  self.process = process.companion(("pgbouncer -q %s%s"):format(user, self.config))
  support.wait_until(function()
    return (support.run(("psql -XAtqc 'SELECT 1' '%s'"):format(self.conninfo)))
      or not support.alive(self.process) and error(self.process:errors(), 0)
  end, "pgbouncer", 10)
  return self
end

--- Sends a command to its console.
function pooler:command(command)
  support.psql(command, self.conninfo:gsub("dbname=%S+", "dbname=pgbouncer"))
end

--- Ends it.
function pooler:stop()
  if not self.process then return end
  self.process:kill()
  self.process:wait()
  self.process = nil
end

--- Ends it by a signal, TERM or KILL, and starts it again.
function pooler:restart(signal)
  self.process:kill(signal)
  self.process:wait()
  support.run(("rm -f %s/pooler.pid %s/.s.PGSQL.%d*"):format(self.dir, self.dir, self.port))
  self:launch()
end

--- Connects a log through it, or raises.
function pooler:connect(...) return logs.connect(self.conninfo, ...) end

return pooler
