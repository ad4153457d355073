--- Finds the waiter of the place a program runs in: see `forgelog.wait.poll` for what a waiter is.
-- @module forgelog.wait
local check = require "forgelog.check"

--- The waiter itself, or the one of that name: "poll", "cqueues", "luv", "openresty"; nil finds it.
return function(where, wait)
  if type(wait) == "table" and type(wait.wait) == "function" and type(wait.now) == "function" then return wait end
  if wait == nil then wait = package.loaded.ngx and "openresty" or "poll" end
  local found, waiter = pcall(require, "forgelog.wait." .. tostring(wait))
  if not found then check.misuse(where, ("no waiter %s: %s"):format(tostring(wait), waiter)) end
  return waiter
end
