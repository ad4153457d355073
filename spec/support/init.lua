--- What all specs share: databases on the server that with-postgres started, servers and
-- processes of their own, files.
-- @module support

local process = require "support.process"
local system = require "system" -- busted's own

local support = {
  start = process.start,
  lua = process.lua,
  run = process.run,
  pgbench = process.pgbench,
  path = process.path,
}

local root = os.getenv("FORGELOG_ROOT")
  or error("FORGELOG_ROOT is not set: run the specs by 'make test'")
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
  local command = ("exec psql -XAtq -v ON_ERROR_STOP=1 -d %s -f %s"):format(
    quote(conninfo or "dbname=postgres"), quote(file))
  local ok, output, errors = process.run(command)
  os.remove(file)
  if not ok then
    error("psql: " .. errors .. "\nin: " .. sql, 2)
  end
  return (output:gsub("\n$", ""))
end

--- The text of a file; nil where there is none.
function support.read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- Writes a file, in place of what it held.
function support.write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- Whether a process that support.start began still runs.
function support.alive(started)
  local status = os.execute("kill -0 " .. started.pid .. " 2>/dev/null")
  return status == true or status == 0 -- Lua 5.1 returns the exit status
end

--- The conninfo of the server that with-postgres started.
function support.conninfo()
  local host = os.getenv("PGHOST")
    or error("no server: run the specs by 'make test' or under spec/support/with-postgres")
  return string.format("host=%s port=%s user=%s dbname=%s", host, os.getenv("PGPORT"),
    os.getenv("PGUSER"), os.getenv("PGDATABASE"))
end

-- A connection to the shared server: to start psql takes longer than to make a database.
local shared

-- Runs a statement on the shared server, also after that was restarted, or on the one given.
-- Returns its rows on the shared one; raises where it fails.
local function administer(sql, conninfo)
  if conninfo then return support.psql(sql, conninfo) end
  local rows, err
  for _ = 1, 2 do
    shared = shared or assert(require("forgelog").connect(support.conninfo()))
    rows, err = shared:query(sql)
    if rows then return rows end
    if err.kind ~= "connection" then break end
    shared:close()
    shared = nil
  end
  error(tostring(err) .. "\nin: " .. sql, 3)
end

local made = {}

-- Whether the shared server is of version 14, in which everybody may create objects in the schema
-- public.
local old
local function is_old()
  if old == nil then
    old = tonumber(administer("SHOW server_version_num")[1].server_version_num) < 150000
  end
  return old
end

-- Copying files takes half the time that logging each page does; version 14 knows no other way.
local function file_copy() return is_old() and "" or " STRATEGY file_copy" end

--- Creates an empty database on the shared server (or on the one given); returns its conninfo.
-- @string[opt] conninfo
-- @string[opt="template0"] template the database that it is a copy of
-- @string[opt="UTF8"] encoding
function support.database(conninfo, template, encoding)
  local name = "forgelog_" .. process.unique()
  local encoded = encoding and (" ENCODING '%s' LOCALE 'C'"):format(encoding) or ""
  administer(("CREATE DATABASE %s TEMPLATE %s%s%s"):format(name, template or "template0",
    encoded, file_copy()), conninfo)
  local fresh = (conninfo or support.conninfo()):gsub("dbname=%S+", "dbname=" .. name)
  made[fresh] = { name = name, conninfo = conninfo }
  return fresh
end

--- A database of the shared server to copy others from; it is made when it is first asked for, and
-- stays as long as the server.
-- @string content what it holds: one and the same database for one text
-- @func make called with the conninfo of an empty one; it leaves no connection open
-- @return its name
function support.template(content, make)
  local found = administer(([[
    SELECT name, EXISTS (SELECT FROM pg_database WHERE datname = name) AS there
      FROM md5('%s') AS name]]):format((content:gsub("'", "''"))))[1]
  if not found.there then
    local fresh = support.database()
    make(fresh)
    administer(('ALTER DATABASE %s RENAME TO "%s"'):format(made[fresh].name, found.name))
    made[fresh] = nil
  end
  return '"' .. found.name .. '"'
end

--- Drops a database made here, whoever is still connected.
function support.drop(fresh)
  local database = assert(made[fresh], "not a database of support.database")
  -- PostgreSQL rests for a tenth of a second where it meets a backend that is about to end.
  for _ = 1, database.conninfo and 0 or 10 do
    local left = administer(("SELECT FROM pg_stat_activity WHERE datname = '%s'"):format(
      database.name))
    if #left == 0 then break end
    system.sleep(0.002)
  end
  administer("DROP DATABASE IF EXISTS " .. database.name .. " WITH (FORCE)", database.conninfo)
  made[fresh] = nil
end

--- Lays the framework's own log, row trigger and trimmer into a database.
-- @param[opt] schema created where it is missing; public when left out
function support.framework(conninfo, schema)
  local name = '"' .. (schema or "public"):gsub('"', '""') .. '"'
  support.psql(("SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS %s; "
    .. "SET search_path = %s;\n\\i %s/spec/support/framework.sql"):format(name, name, root),
    conninfo)
end

--- Waits until a condition holds that nothing announces (a lock is waited for, a backend has gone).
-- Raises when that never happens.
-- @param condition called again and again until it returns something true, which is returned
-- @param what named in the error
-- @param[opt=30] seconds
function support.wait_until(condition, what, seconds)
  local deadline = system.monotime() + (seconds or 30)
  repeat
    local result = condition()
    if result then return result end
    system.sleep(0.02)
  until system.monotime() > deadline
  error("gave up waiting for " .. what, 2)
end

local server = {}
server.__index = server

local function manage(self, ...)
  local words = { (self.environment or "") .. " " .. quote(root .. "/spec/support/postgres") }
  for i = 1, select("#", ...) do
    words[#words + 1] = quote((select(i, ...)))
  end
  local ok, output, errors = process.run(table.concat(words, " "))
  if not ok then error(errors, 3) end
  return (output:gsub("\n$", ""))
end

--- A PostgreSQL server for this spec alone.
-- @param[opt] settings array of "name=value"
-- @string[opt] environment that it runs in, as assignments for the shell
-- @return an object with the fields dir and conninfo
function support.server(settings, environment)
  local self = setmetatable({ dir = process.path("server"), environment = environment }, server)
  return self:start(settings)
end

--- Starts the server (again), with more settings if given; on the same port.
function server:start(settings)
  self.conninfo = manage(self, "start", self.dir, (table.unpack or unpack)(settings or {}))
  return self
end

--- Shuts the server down in an orderly way.
-- @string[opt] mode "immediate": not so, as in an emergency
function server:stop(mode) manage(self, "stop", self.dir, mode or "fast") end

--- Kills all its processes with SIGKILL.
function server:kill() manage(self, "kill", self.dir) end

--- Stops and starts the server.
function server:restart() manage(self, "restart", self.dir) end

--- Makes a hot standby that follows this server.
function server:standby()
  local other = setmetatable({ dir = process.path("standby") }, server)
  other.conninfo = manage(self, "standby", self.dir, other.dir)
  return other
end

--- Makes a standby a primary.
function server:promote() manage(self, "promote", self.dir) end

--- Makes a server that was killed a standby of another one, from which its history has parted.
function server:rewind(source) manage(self, "rewind", self.dir, source.dir) end

--- Has a server without databases of its own go on with another transaction number.
-- @string xid number
function server:next_xid(xid) manage(self, "next-xid", self.dir, xid) end

--- Puts a line first in pg_hba.conf, in force at once for new connections.
function server:hba(line) manage(self, "hba", self.dir, line) end

--- Changes settings that a reload can change.
function server:set(...) manage(self, "set", self.dir, ...) end

return support
