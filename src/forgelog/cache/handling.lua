--- Who handles changes at this moment, for targets that broadcast: what they do then is told to
-- nobody, since every worker sees the change by itself. A private part of forgelog.cache.
--
-- It is a coroutine, since others of the worker run while that one waits; and its request, for
-- ngx.exit may end that in the middle, and nginx gives the coroutine to a later one.
-- @module forgelog.cache.handling
local Handling = {}
Handling.__index = Handling

local handling = {}

--- Makes one of which nobody handles anything.
function handling.new()
  return setmetatable({ _requests = setmetatable({}, { __mode = "kv" }) }, Handling)
end

local function me() return coroutine.running() or "main" end

--- Calls a function in which changes are handled; raises what it raises.
function Handling:call(call, ...)
  local requests, mine = self._requests, me()
  local outer = requests[mine]
  requests[mine] = ngx.ctx
  local ok, err = pcall(call, ...)
  requests[mine] = outer
  if not ok then error(err, 0) end
end

--- Whether who asks does.
function Handling:is_mine()
  local request = self._requests[me()]
  return request ~= nil and request == ngx.ctx
end

return handling
