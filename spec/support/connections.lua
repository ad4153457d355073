--- Who a connection of the specs turns out to be: the same for a conninfo that is given here and
-- for one that a process of its own finds in its environment.
-- @module support.connections
local logs = require "support.logs"
local process = require "support.process"

local connections = {}

local WHO = "SELECT current_user || ' ' || current_database() AS who, "
  .. "current_setting('application_name') AS application"

--- Connects, asks, closes.
-- @return "ROLE DATABASE", the application's name
function connections.whoami(conninfo)
  local log = logs.connect(conninfo)
  local row = logs.must(log, WHO)[1]
  log:close()
  return row.who, row.application
end

local PROGRAM = [[
  local log = assert(require("forgelog").connect(%s))
  print(log:query("%s")[1].who)
]]

--- Connects in a process of its own, without the variables of this one that say where to.
-- @string environment words for `env`, such as "PGHOST=/tmp PGPORT=5432"
-- @string conninfo a Lua expression
-- @return "ROLE DATABASE"; raises where it cannot connect
function connections.whoami_with(environment, conninfo)
  local script = process.file(PROGRAM:format(conninfo, WHO))
  local ok, output, errors = process.run(
    ("env -u PGHOST -u PGPORT -u PGUSER -u PGDATABASE %s %s %s"):format(environment,
      process.quote(os.getenv("FORGELOG_LUA")), process.quote(script)))
  if not ok then error(errors, 2) end
  return (output:gsub("\n$", ""))
end

return connections
