--- Pauses that grow: between tries of what has failed, and between looks at what has not happened
-- yet.
-- @module forgelog.connection.backoff

local core = require "forgelog.core"

local backoff = {}

-- From 0 to 1, and another one in each process: before Lua 5.4, math.random gives all the same.
local function chance() return core.now() * 1e5 % 1 end

--- How long to wait before the next try: longer each time, with jitter so that many clients do not
-- come at once.
-- @int attempt 1 for the first try
-- @param options `backoff` and `backoff_max`: seconds before the second try and at most; default
-- 0.1 and 10
-- @treturn number seconds
function backoff.delay(attempt, options)
  local first, most = options.backoff or 0.1, options.backoff_max or 10
  return math.min(first * 2 ^ math.min(attempt - 1, 30), most) * (0.5 + chance() / 2)
end

--- Pauses that double.
-- @number first seconds of the first pause
-- @number most seconds of the longest
-- @treturn function that returns the seconds of the next pause; called with true it only looks at
-- them
function backoff.doubling(first, most)
  local following = first
  return function(only_look)
    local pause = following
    if not only_look then following = math.min(following * 2, most) end
    return pause
  end
end

return backoff
