--- A redis-server for the specs, and the examples that write to it and read from it.
-- @module support.redis
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local quote = process.quote
local root = assert(os.getenv("FORGELOG_ROOT"))

-- Debian has the Lua module redis for Lua 5.1 to 5.3; it runs on 5.4 as well.
local MODULE = "/usr/share/lua/5.3/?.lua"

local redis = {}
redis.__index = redis

--- Starts one.
-- @string[opt] settings as on its command line; without them nothing is kept on disk
function redis.start(settings)
  local self = setmetatable({ dir = support.path("redis"), port = nginx.free_port() }, redis)
  self.url = "redis://127.0.0.1:" .. self.port
  self.settings = settings or "--save ''"
  assert(support.run("mkdir " .. self.dir))
  self:restart()
  return self
end

--- Starts it again where it was killed or stopped.
function redis:restart()
  self.process = process.companion(("redis-server --port %d --bind 127.0.0.1 --dir %s %s"):format(
    self.port, quote(self.dir), self.settings))
  support.wait_until(function()
    return self:run("PING") == "PONG" or not support.alive(self.process)
      and error(self.process:output() .. self.process:errors(), 0)
  end, "redis-server")
end

--- Kills it with SIGKILL.
function redis:kill()
  self.process:kill("KILL")
  self.process:wait()
end

--- Ends it.
function redis:stop() self:kill() end

--- What redis-cli prints for a command, words for the shell.
function redis:run(command)
  local _, output = support.run(("redis-cli -p %d %s"):format(self.port, command))
  return (output:gsub("\n$", ""))
end

--- The IDs in the stream and the op of each entry, in their order.
-- @return a list of tables with `id`, `epoch`, `seq`, `op`
function redis:entries(stream)
  local list = {}
  local script = "local list = {} for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) "
    .. "do for i = 1, #entry[2], 2 do if entry[2][i] == 'op' then "
    .. "list[#list + 1] = entry[1] .. ' ' .. entry[2][i + 1] end end end return list"
  for epoch, seq, op in self:run(("EVAL %s 1 %s"):format(quote(script), stream)):gmatch(
    "(%d+)%-(%d+) (%u+)") do
    list[#list + 1] = { id = epoch .. "-" .. seq, epoch = epoch, seq = tonumber(seq), op = op }
  end
  return list
end

--- Starts a Lua program that has the module redis: an example of this tree, or another file.
-- @string path of the program
-- @param ... its arguments
function redis.program(path, ...)
  local words = { ("LUA_PATH=\"$LUA_PATH;%s\" exec"):format(MODULE), os.getenv("FORGELOG_LUA"),
    quote(path) }
  for _, word in ipairs { ... } do words[#words + 1] = quote(word) end
  return support.start(table.concat(words, " "))
end

--- Starts the relay from a database to this server.
function redis:relay(conninfo, ...)
  return redis.program(root .. "/examples/relay_redis.lua", conninfo, self.url, ...)
end

--- Starts a reader of a group.
function redis:reader(group, name, ...)
  return redis.program(root .. "/examples/reader_redis.lua", group, name, self.url, ...)
end

return redis
