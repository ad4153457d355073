--- What the specs share: databases, servers and processes of their own, on the server that with-postgres started.
-- @module support

local process = require "support.process"

local support = {
  start = process.start,
  lua = process.lua,
  run = process.run,
  pgbench = process.pgbench,
  path = process.path,
}

local root = assert(os.getenv("FORGELOG_ROOT"), "FORGELOG_ROOT is not set: run the specs by 'make test'")
local quote = process.quote

--- The size of a load: n by the environment's FORGELOG_SCALE, at least 1.
function support.scale(n)
  return math.max(1, math.floor(n * tonumber(os.getenv("FORGELOG_SCALE") or 1)))
end

--- Says in the test's output what a spec did, such as how much load it made.
function support.note(format, ...)
  io.write("# ", string.format(format, ...), "\n")
  io.flush()
end

--- Runs SQL through psql; returns its unaligned output without the last newline.
-- @param sql any number of statements, psql's own commands too
-- @param[opt] conninfo the shared server's first database when left out
function support.psql(sql, conninfo)
  local file = process.file(sql)
  local command = "psql -XAtq -v ON_ERROR_STOP=1 -d " .. quote(conninfo or "dbname=postgres") .. " -f " .. quote(file)
  local ok, output, errors = process.run(command)
  os.remove(file)
  if not ok then
    error("psql: " .. errors .. "\nin: " .. sql, 2)
  end
  return (output:gsub("\n$", ""))
end

local made = {}

--- Creates an empty database on the shared server (or on the one given); returns its conninfo.
function support.database(conninfo)
  conninfo = conninfo or support.conninfo()
  local name = "forgelog_" .. process.unique()
  support.psql("CREATE DATABASE " .. name .. " TEMPLATE template0", conninfo)
  local fresh = conninfo:gsub("dbname=%S+", "dbname=" .. name)
  made[fresh] = { name = name, conninfo = conninfo }
  return fresh
end

--- Drops a database made here, whoever is still connected.
function support.drop(fresh)
  local database = assert(made[fresh], "not a database of support.database")
  support.psql("DROP DATABASE IF EXISTS " .. database.name .. " WITH (FORCE)", database.conninfo)
  made[fresh] = nil
end

--- The conninfo of the server that with-postgres started.
function support.conninfo()
  local host = assert(os.getenv("PGHOST"), "no server: run the specs by 'make test' or under spec/support/with-postgres")
  return string.format("host=%s port=%s user=%s dbname=%s", host, os.getenv("PGPORT"), os.getenv("PGUSER"),
    os.getenv("PGDATABASE"))
end

--- Lays the framework's own log, row trigger and trimmer into a database.
-- @param[opt] schema created where it is missing; public when left out
function support.framework(conninfo, schema)
  local name = '"' .. (schema or "public"):gsub('"', '""') .. '"'
  support.psql("SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS " .. name .. "; SET search_path = " .. name
    .. ";\n\\i " .. root .. "/spec/support/framework.sql", conninfo)
end

--- Waits until a condition that nothing announces holds (a lock waited for, a backend gone); raises when it never does.
-- @param condition called again and again until it returns something true, which is returned
-- @param what named in the error
-- @param[opt=30] seconds
function support.wait_until(condition, what, seconds)
  for _ = 1, (seconds or 30) * 50 do
    local result = condition()
    if result then return result end
    os.execute("sleep 0.02")
  end
  error("gave up waiting for " .. what, 2)
end

local server = {}
server.__index = server

local function manage(...)
  local words = { quote(root .. "/spec/support/postgres") }
  for i = 1, select("#", ...) do
    words[#words + 1] = quote((select(i, ...)))
  end
  local ok, output, errors = process.run(table.concat(words, " "))
  if not ok then error(errors, 3) end
  return (output:gsub("\n$", ""))
end

--- A PostgreSQL server for this spec alone.
-- @param[opt] settings array of "name=value"
-- @return an object with the fields dir and conninfo
function support.server(settings)
  local self = setmetatable({ dir = process.path("server") }, server)
  return self:start(settings)
end

--- Starts the server (again), with more settings if given; on the same port.
function server:start(settings)
  self.conninfo = manage("start", self.dir, (table.unpack or unpack)(settings or {}))
  return self
end

--- Shuts the server down in an orderly way.
function server:stop() manage("stop", self.dir) end

--- Kills all its processes with SIGKILL.
function server:kill() manage("kill", self.dir) end

--- Stops and starts the server.
function server:restart() manage("restart", self.dir) end

--- Makes a hot standby that follows this server.
function server:standby()
  local other = setmetatable({ dir = process.path("standby") }, server)
  other.conninfo = manage("standby", self.dir, other.dir)
  return other
end

--- Makes a standby a primary.
function server:promote() manage("promote", self.dir) end

--- Puts a line first in pg_hba.conf, in force at once for new connections.
function server:hba(line) manage("hba", self.dir, line) end

--- Changes settings that a reload can change.
function server:set(...) manage("set", self.dir, ...) end

return support
