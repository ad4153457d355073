--- examples/openresty as `make demo-openresty` runs it: on a server of its own, of which it makes a
-- standby, and which it may kill.
-- @module support.shop
local command = require "support.command"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local shop = {}
shop.__index = shop

local function try(server, root, environment)
  local port = nginx.free_port()
  local self = setmetatable({ server = server, base = "http://127.0.0.1:" .. port }, shop)
  self.process = process.companion(("env %s %s %s/examples/openresty/run %d"):format(
    environment or "", command.environment(server.conninfo), process.quote(root), port))
  support.wait_until(function()
    return self:get("/status"):find('"fresh": true', 1, true) or not support.alive(self.process)
  end, "the example to be fresh", 20)
  if support.alive(self.process) then return self end
  return nil, select(3, self.process:wait())
end

--- A server for it.
function shop.server() return support.server({ "track_commit_timestamp=on" }) end

--- Starts it, and waits until its cache is fresh. (It ends where another program has taken the port
-- meanwhile.)
-- @param server of `shop.server`
-- @string[opt] root of the tree whose example is run; default: this one
-- @string[opt] environment more words for `env`
function shop.start(server, root, environment)
  local self, err
  for _ = 1, 3 do
    self, err = try(server, root or os.getenv("FORGELOG_ROOT"), environment)
    if self then return self end
  end
  error("examples/openresty/run does not start: " .. err, 2)
end

--- The text of an answer; empty where it is not 200.
function shop:get(path)
  local ok, text = support.run("curl -sf -m 10 " .. process.quote(self.base .. path))
  return ok and text or ""
end

--- What `stage` knows as the primary, "A" or "B"; nil: neither is one that answers.
function shop:primary() return self:get("/status"):match('"(%u)":"primary"') end

--- Runs SQL on whichever server is the primary.
function shop:psql(sql)
  local dir = self.server.dir
  local function port(of) return support.read(of .. "/port"):match("%d+") end
  return support.psql(sql, ("host=%s,%s-standby port=%s,%s user=postgres dbname=postgres "
    .. "target_session_attrs=read-write"):format(dir, dir, port(dir), port(dir .. "-standby")))
end

--- Ends it and the standby, and waits for that.
function shop:stop()
  self.process:kill("INT")
  self.process:wait()
end

return shop
