--- A relay before a server that can do what networks do. What passes by the connections that there
-- are is dropped from one moment on, and neither end is told; or they are cut; new ones pass. And
-- what passes can be made to trickle.
-- @module support.relay
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local relay = {}
relay.__index = relay

local PROGRAM = [[
local uv = require "luv"
local listen, target, at_once = ...
local passing, trickling = {}, {}

local function close(...)
  for _, each in ipairs({ ... }) do
    if not each:is_closing() then each:close() end
  end
end

-- A hundred times a second so many bytes pass, each way of each connection.
local function trickle()
  for from, way in pairs(trickling) do
    local bytes = way.data:sub(1, at_once)
    way.data = way.data:sub(at_once + 1)
    if way.to:is_closing() then
      trickling[from] = nil
    elseif bytes ~= "" then
      way.to:write(bytes)
    end
    if #way.data < 65536 and way.stopped and not from:is_closing() then way.go() end
  end
end

local function pass(from, to)
  local way = { to = to, data = "" }
  local function take(_, data)
    if not data then return close(from, to) end
    if not at_once then return to:write(data) end
    way.data = way.data .. data
    if #way.data >= 65536 then
      way.stopped = true
      from:read_stop()
    end
  end
  function way.go()
    way.stopped = false
    from:read_start(take)
  end
  trickling[from] = at_once and way or nil
  way.go()
end

at_once = tonumber(at_once)
if at_once then uv.new_timer():start(10, 10, trickle) end

local server = uv.new_pipe(false)
assert(server:bind(listen))
assert(server:listen(16, function()
  local client, behind = uv.new_pipe(false), uv.new_pipe(false)
  server:accept(client)
  behind:connect(target, function(err)
    assert(not err, err)
    passing[#passing + 1], passing[#passing + 2] = client, behind
    pass(client, behind)
    pass(behind, client)
  end)
end))

local drop = uv.new_signal()
drop:start("sigusr1", function()
  for _, each in ipairs(passing) do
    if not each:is_closing() then each:read_stop() end
  end
  passing, trickling = {}, {}
  print("done")
  io.flush()
end)

local cut = uv.new_signal()
cut:start("sigusr2", function()
  close((table.unpack or unpack)(passing))
  passing, trickling = {}, {}
  print("done")
  io.flush()
end)
print("ready")
io.flush()
uv.run()
]]

--- Starts one before the server of a database; `conninfo` leads through it.
-- @string conninfo of the database
-- @int[opt] at_once bytes that pass each way of a connection, a hundred times a second
function relay.start(conninfo, at_once)
  local host, port = conninfo:match("host=(%S+)"), conninfo:match("port=(%d+)")
  local self = setmetatable({ done = 0 }, relay)
  local dir = support.path("relay")
  assert(support.run("mkdir " .. dir))
  self.conninfo = conninfo:gsub("host=%S+", "host=" .. dir)
  local socket = "/.s.PGSQL." .. port
  self.process = process.start(("exec %s %s %s%s %s%s %s"):format(os.getenv("FORGELOG_LUA"),
    process.quote(process.file(PROGRAM)), dir, socket, host, socket, at_once or ""))
  support.wait_until(function() return self.process:output():find("ready") end, "the relay")
  return self
end

local function signal(self, name)
  self.done = self.done + 1
  assert(support.run(("kill -%s %s"):format(name, self.process.pid)))
  support.wait_until(function()
    return select(2, self.process:output():gsub("done", "")) == self.done
  end, "the relay to do so")
end

--- Drops what passes by the connections that there are.
function relay:drop() signal(self, "USR1") end

--- Cuts the connections that there are: both ends see them end.
function relay:cut() signal(self, "USR2") end

--- Sessions of an application in the log's database, oldest first: a list of process ids.
function relay.sessions(log, application)
  local rows = logs.must(log, [[SELECT pid FROM pg_stat_activity WHERE application_name = $1
    AND datname = current_database() ORDER BY backend_start]], application)
  for i, row in ipairs(rows) do rows[i] = row.pid end
  return rows
end

--- Ends it.
function relay:stop()
  self.process:kill("KILL")
  self.process:wait()
end

return relay
