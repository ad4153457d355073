--- Waiters, and which one serves where a program runs. The core never waits: it says what for, and
-- a waiter waits.
--
-- A waiter is a table of
--
-- - `wait(fd, events, seconds)`: waits until the socket `fd` may be ready for `events` ("r", "w" or
--   "rw"), and returns true; or until that many seconds are over, and returns false. A true that is
--   not so does no harm. Without `fd` (nil) it sleeps; without `seconds` it waits as long as it
--   takes. It may raise an error: the log stays usable, or can be closed;
-- - `now()`: seconds of a clock that never goes back;
-- - `name` (optional): for messages;
-- - `cancel(fd)` (optional): called before a socket is closed; it lets go whoever waits for that
--   socket. An event loop needs it, since the number may be given to another socket at once;
-- - `connecting(conn)` (optional): called with the connection (`forgelog.connection`) at each
--   attempt to connect; of its methods `option(keyword)` may be used, which says what libpq made of
--   an option such as "host";
-- - `spawn(f, ...)` (optional): starts f(...) as a coroutine of the event loop, beside the present
--   one; it may begin at once or when the present one gives way. What f raises does not end the
--   loop, and is not lost: it returns a table with `ended` (whether f has), `failed` (whether it
--   has raised) and `raised` (what). Plain Lua 5.1 cannot yield across pcall, so no waiter has it
--   there;
-- - `signal()` (optional): returns an object by which coroutines of one loop wake each other. Its
--   `wait(seconds)` gives way until it is woken or the time is over (nil: as long as it takes), and
--   returns whether it was woken; its `wake()` wakes all that wait, and gives way to none of them.
--   A wake while none waits is remembered, once, for the next wait.
--
-- The waiters of event loops have the last two; that of a plain script, where nothing runs beside
-- anything, has neither.
--
-- While an event loop has other work, `wait` must let it do that: it gives way to the other
-- coroutines, and comes back in the same one.
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
-- @string where name of the public function that was asked
-- @param wait a waiter; or the name of one in forgelog.wait: "poll", "cqueues", "luv", "openresty";
-- nil: "openresty" inside nginx, elsewhere "poll"
-- @return the waiter
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
