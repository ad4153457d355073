--- Waiters, and which one serves where a program runs. The core never waits: it says what for, and
-- a waiter waits (the contract: `Waiter`).
-- @module forgelog.wait
local check = require "forgelog.connection.options"

local NAMES = { "poll", "cqueues", "luv", "openresty" }

local is_name = {}
for _, name in ipairs(NAMES) do is_name[name] = true end

-- Why a waiter could not be loaded: the module that is missing, without the paths on which it was
-- looked for; or what was raised.
local function why(name, raised)
  local missing = tostring(raised):match("module '([^']+)' not found")
  if not missing then return ("no waiter %s: %s"):format(name, tostring(raised)) end
  return ("the waiter %s needs the Lua module %s, which is not installed"):format(name, missing)
end

--- Finds a waiter.
-- @function wait
-- @string where name of the public function that was asked
-- @tparam[opt] forgelog.wait.Name|forgelog.wait.Waiter wait a waiter, or the name of one; nil:
-- "openresty" inside nginx, elsewhere "poll"
-- @treturn forgelog.wait.Waiter
return function(where, wait)
  local is_waiter = type(wait) == "table" and type(wait.wait) == "function"
    and type(wait.now) == "function"
  if is_waiter then return wait end
  if wait == nil then wait = package.loaded.ngx and "openresty" or "poll" end
  if not is_name[wait] then
    local message = "no waiter %s: there are %s"
    check.misuse(where, message:format(tostring(wait), table.concat(NAMES, ", ")))
  end
  local found, waiter = pcall(require, "forgelog.wait." .. wait)
  if not found then check.misuse(where, why(wait, waiter)) end
  return waiter
end
