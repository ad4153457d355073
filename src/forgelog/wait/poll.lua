--- The waiter of a plain script: poll(2), which blocks the program until the socket is ready.
-- A waiter is a table with `wait(fd, events, seconds)`: true when the socket may be ready for `events`
-- ("r", "w" or "rw"), false when the time is over; a spurious true does no harm. Without `fd` it sleeps,
-- without `seconds` it waits as long as it takes. `now()` tells seconds of a clock that is never set back.
-- Where there is a `cancel(fd)`, it is called before a socket is closed, and lets go whoever waits for it; where there is a
-- `connecting(core)`, it is told of each connection attempt. A waiter may raise: the log stays usable, or can be closed.
-- @module forgelog.wait.poll
local core = require "forgelog.core"

return {
  name = "poll",
  wait = core.poll,
  now = core.now,
}
