--- A relay before a server that can do what a firewall does: from one moment on, what passes by the
-- connections of before is dropped, and neither end is told. New connections pass.
-- @module support.relay
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

local relay = {}
relay.__index = relay

local PROGRAM = [[
local uv = require "luv"
local listen, target = ...
local passing = {}

local function pass(from, to)
  from:read_start(function(_, data)
    if data then return to:write(data) end
    for _, each in ipairs({ from, to }) do
      if not each:is_closing() then each:close() end
    end
  end)
end

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
  passing = {}
  print("dropped")
  io.flush()
end)
print("ready")
io.flush()
uv.run()
]]

--- Starts one before the server of a database; `conninfo` leads through it.
function relay.start(conninfo)
  local host, port = conninfo:match("host=(%S+)"), conninfo:match("port=(%d+)")
  local self = setmetatable({ drops = 0 }, relay)
  local dir = support.path("relay")
  assert(support.run("mkdir " .. dir))
  self.conninfo = conninfo:gsub("host=%S+", "host=" .. dir)
  local socket = "/.s.PGSQL." .. port
  self.process = process.start(("exec %s %s %s%s %s%s"):format(os.getenv("FORGELOG_LUA"),
    process.quote(process.file(PROGRAM)), dir, socket, host, socket))
  support.wait_until(function() return self.process:output():find("ready") end, "the relay")
  return self
end

--- Drops what passes by the connections that there are.
function relay:drop()
  self.drops = self.drops + 1
  assert(support.run("kill -USR1 " .. self.process.pid))
  support.wait_until(function()
    return select(2, self.process:output():gsub("dropped", "")) == self.drops
  end, "the relay to drop")
end

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
