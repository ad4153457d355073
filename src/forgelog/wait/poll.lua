--- The waiter of a plain script: poll(2), which blocks the program until the socket is ready.
-- @module forgelog.wait.poll
-- @extends `forgelog.wait.Waiter`
local core = require "forgelog.core"

return {
  name = "poll",
  wait = core.poll,
  now = core.now,
}
