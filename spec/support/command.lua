--- The installed command: `make install` into a folder of this test run, once.
-- @module support.command
local process = require "support.process"
local support = require "support"

local command = {}

local quote = process.quote

--- Where it was installed: a prefix with bin/, share/ and lib/.
function command.prefix()
  local folder = os.getenv("FORGELOG_TMP") .. "/prefix-" .. os.getenv("FORGELOG_LUA_VERSION")
  local there = io.open(folder .. "/done")
  if there then
    there:close()
    return folder
  end
  local ok, output, errors = support.run(("cd %s && make -s install LUA_VERSION=%s LUA=%s PREFIX=%s && touch %s/done"):format(
    quote(os.getenv("FORGELOG_ROOT")), os.getenv("FORGELOG_LUA_VERSION"), quote(os.getenv("FORGELOG_LUA")), quote(folder),
    quote(folder)))
  assert(ok, output .. errors)
  return folder
end

--- Words for the shell that run it on a database (by conninfo), with nothing of this tree on Lua's path.
-- @string db conninfo as of support.database
-- @param ... its arguments, or one text of many (quoted already)
function command.line(db, arguments)
  local env = {}
  for keyword, value in db:gmatch("(%w+)=(%S+)") do
    local name = ({ host = "PGHOST", port = "PGPORT", user = "PGUSER", dbname = "PGDATABASE" })[keyword]
    env[#env + 1] = name and name .. "=" .. quote(value) or nil
  end
  return ("env -u LUA_PATH -u LUA_CPATH %s %s/bin/forgelog %s"):format(table.concat(env, " "), quote(command.prefix()),
    arguments or "")
end

--- Runs it to its end.
-- @return exit status, what it wrote to standard output and to standard error
function command.run(db, arguments)
  local _, output, errors, status = support.run(command.line(db, arguments))
  return status, output, errors
end

local started = {}

--- Starts it in the background: see `support.start`.
function command.start(db, arguments)
  started[#started + 1] = support.start("exec " .. command.line(db, arguments))
  return started[#started]
end

--- Kills all that were started and still run: for after_each, since one that goes on would keep the suite waiting.
function command.stop()
  for _, each in ipairs(started) do
    if each.pipe then each:kill("KILL") end
    each:wait()
  end
  started = {}
end

return command
