-- What relay_redis.lua and reader_redis.lua have in common: how they read their arguments, and how
-- they connect to Redis. What they cannot read ends them at once, before anything is done.
local redis = require "redis"

local shared = {}

local function refuse(message, ...)
  io.stderr:write(message:format(...), "\n")
  os.exit(1)
end

-- A number above zero from an argument, without a fraction where it must be whole.
function shared.number(name, text, whole)
  local number = text:match(whole and "^%d+$" or "^%d+%.?%d*$") and tonumber(text)
  if not number or number <= 0 or number > 1e9 then
    refuse("%s must be a %s above 0, at most 1000000000: not %s", name,
      whole and "whole number" or "number", text)
  end
  return number
end

local function decode(text)
  return (text:gsub("%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Where Redis is: host, port, user, password, and number of the database, nil where the URL does
-- not say. The URL may have a password in it, and is not printed.
function shared.server(text)
  local authority, database = text:match("^redis://([^/]+)/?(%d*)$")
  local login, place = (authority or ""):match("^(.*)@(.*)$")
  if not login then login, place = ":", authority or "" end
  local user, password = login:match("^([^:]*):(.*)$")
  local host, port = place:match("^([%w._-]+):?(%d*)$")
  if not host then host, port = place:match("^%[([%x:.]+)%]:?(%d*)$") end
  if not user or not host or login:gsub("%%%x%x", ""):find("%", 1, true) then
    refuse("the URL of Redis must be redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], with %%40 "
      .. "for @ in USER and PASSWORD, and so on; DATABASE is a number")
  end
  local server = { host = host, port = tonumber(port), database = tonumber(database) }
  if login ~= ":" then server.user, server.password = decode(user), decode(password) end
  return server
end

-- Connects; timeout: seconds for which an answer is waited for.
function shared.connect(server, timeout)
  local client = redis.connect { host = server.host, port = server.port, timeout = timeout }
  if server.user == "" then
    client:auth(server.password)
  elseif server.user then
    client:auth(server.user, server.password)
  end
  if server.database then client:select(server.database) end
  return client
end

return shared
