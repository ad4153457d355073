---@meta forgelog.wait

---The name of a waiter that there is.
---@alias forgelog.wait.Name
---| "poll" # blocks the program: for plain scripts
---| "cqueues" # gives way to the other coroutines of a controller
---| "luv" # gives way to the loop of libuv
---| "openresty" # gives way to the other requests of a worker of nginx

---What waits for the core, which never does. While an event loop has other work, `wait` must let
---it do that: it gives way to the other coroutines, and comes back in the same one. The waiters of
---event loops have `spawn` and `signal`; that of a plain script, where nothing runs beside
---anything, has neither.
---@class forgelog.wait.Waiter
---for messages
---@field name? string
---Waits until the socket `fd` may be ready for `events`; or until that many seconds are over. A true
---that is not so does no harm. It may raise an error: the log stays usable, or can be closed.
---@field wait fun(fd: integer?, events: string, seconds?: number): boolean
---The time, by a clock that never goes back.
---@field now fun(): number
---Called before a socket is closed: lets go whoever waits for it. An event loop needs it, since the
---number may be given to another socket at once.
---@field cancel? fun(fd: integer)
---Called at each attempt to connect. Of the connection `option(keyword)` may be used, which says
---what libpq made of an option such as "host".
---@field connecting? fun(conn: forgelog.connection.Connection)
---Starts f(...) as a coroutine of the event loop, beside the present one; it may begin at once or
---when the present one gives way. What f raises does not end the loop, and is not lost. Plain Lua
---5.1 cannot yield across pcall, so no waiter has it there.
---@field spawn? fun(f: function, ...: any): forgelog.wait.Task
---Makes an object by which coroutines of one loop wake each other.
---@field signal? fun(): forgelog.wait.Signal

---Work that was begun.
---@class forgelog.wait.Task
---whether it has
---@field ended boolean
---whether it has raised
---@field failed boolean
---what it has raised
---@field raised? any

---By which coroutines of one loop wake each other.
---@class forgelog.wait.Signal
local Signal = {}

---Gives way until it is woken or the time is over.
---@param seconds? number nil: as long as it takes
---@return boolean # whether it was woken
function Signal:wait(seconds) end

---Wakes all that wait, and gives way to none of them. A wake while none waits is remembered, once,
---for the next wait.
function Signal:wake() end

---Finds a waiter.
---@param where string name of the public function that was asked
---@param wait? forgelog.wait.Name|forgelog.wait.Waiter a waiter, or the name of one; nil: "openresty" inside nginx, elsewhere "poll"
---@return forgelog.wait.Waiter
local function wait(where, wait) end

return wait
