--- The servers that a connection may be made to: the hosts of the connection string, and the
-- addresses of each. libpq tries several hosts too, but it looks up their names in a way that
-- blocks, and only a caller that blocks has it give up a silent one. So each address is an attempt
-- of its own here. A private part of forgelog.connection.
-- @module forgelog.connection.hosts
local core = require "forgelog.core"

local hosts = {}

-- The parts between commas, of which some may be empty.
local function split(list)
  local parts = {}
  for part in (list .. ","):gmatch("([^,]*),") do parts[#parts + 1] = part end
  return parts
end

local function shuffle(list)
  local seed = math.floor(core.now() * 1e9) % 2147483647 -- Lua 5.1 begins each process alike
  for i = #list, 2, -1 do
    seed = (seed * 48271 + 11) % 2147483647
    local j = seed % i + 1
    list[i], list[j] = list[j], list[i]
  end
end

--- The hosts that a handle of the core is configured for, in the order in which they are tried.
-- @param handle on which `configure` was called
-- @treturn table a list of tables of `host`, `hostaddr` and `port`; empty where the lists of these
-- do not fit each other, of which libpq has an error, or libpq has no memory for them
function hosts.list(handle)
  local names, numbers = handle:option("host"), handle:option("hostaddr")
  local ports = split(handle:option("port") or "")
  if #ports == 1 and ports[1] == "" then return {} end
  names, numbers = names and split(names), numbers and split(numbers)
  local count = math.max(#(names or numbers or { "" }), 1)
  local fits = #(numbers or names or { "" }) == count and (#ports == 1 or #ports == count)
  if not fits then return {} end
  local list = {}
  for i = 1, count do
    list[i] = {
      host = names and names[i] or "", hostaddr = numbers and numbers[i] or "",
      port = ports[i] or ports[1],
    }
  end
  if handle:option("load_balance_hosts") == "random" then shuffle(list) end
  return list
end

--- Whether a host has to be looked up: it is neither a socket's folder nor an address.
-- @param host one of `list`
function hosts.is_name(host)
  local name = host.host
  return host.hostaddr == "" and name ~= "" and not name:find("^[/@]")
    and not name:find("^[%d.]+$") and not name:find(":", 1, true)
end

--- What a host is called in messages.
-- @param host one of `list`
function hosts.name(host)
  local name = host.host ~= "" and host.host or host.hostaddr
  if name == "" then return "the server" end
  return name:find("^[/@]") and name or ("%s, port %s"):format(name, host.port)
end

--- What the option target_session_attrs stands for: what a server must be, pass after pass over all
-- hosts.
-- @string[opt] attrs its value
-- @treturn table a list; false in it stands for what conninfo says
function hosts.passes(attrs)
  return attrs == "prefer-standby" and { "standby", "any" } or { false }
end

return hosts
