--- The command's own waiter: like that of a plain script, except that a signal ends the command
-- wherever it waits. What a waiter is stands in `forgelog.wait`.
-- @module forgelog.cli.lib.waiter
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"

local GRACE = 2 -- seconds that shielded work may still wait after a signal

--- Makes the waiter.
-- @return a waiter; between its `shield(true)` and `shield(false)` work goes on for a moment after
-- a signal, so that it is not broken off halfway: for one moment in all, unless a second argument
-- asks for another one
return function()
  local shielded, since = false, nil -- since: when shielded work first waited after a signal

  -- How long a wait may take after a signal; raises where it may not take place at all.
  local function shorten(seconds)
    if not shielded then error(errors.INTERRUPTED, 0) end
    since = since or core.now()
    if core.now() - since >= GRACE then error(errors.INTERRUPTED, 0) end
    return math.min(seconds or GRACE, GRACE)
  end

  return {
    name = "command",
    now = core.now,
    shield = function(on, anew)
      shielded = on
      if anew then since = nil end
    end,
    wait = function(fd, events, seconds)
      if core.caught() then seconds = shorten(seconds) end
      local ready = core.poll(fd, events, seconds)
      if core.caught() and not shielded then error(errors.INTERRUPTED, 0) end
      return ready
    end,
  }
end
