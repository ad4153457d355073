--- The contract of a waiter.
-- @module forgelog.wait

--- The name of a waiter that there is.
-- @choice Name
-- @field poll blocks the program: for plain scripts
-- @field cqueues gives way to the other coroutines of a controller
-- @field luv gives way to the loop of libuv
-- @field openresty gives way to the other requests of a worker of nginx

--- What waits for the core, which never does. While an event loop has other work, `wait` must let
-- it do that: it gives way to the other coroutines, and comes back in the same one. The waiters of
-- event loops have `spawn` and `signal`; that of a plain script, where nothing runs beside
-- anything, has neither.
-- @table Waiter
-- @tfield[opt] string name for messages

--- Waits until the socket `fd` may be ready for `events`; or until that many seconds are over. A
-- true that is not so does no harm. It may raise an error: the log stays usable, or can be closed.
-- @function Waiter.wait
-- @within Waiter
-- @tparam integer|nil fd nil: it sleeps
-- @tparam string events "r", "w" or "rw"
-- @tparam[opt] number seconds nil: as long as it takes
-- @treturn boolean whether it may be ready; false: the time is over

--- The time, by a clock that never goes back.
-- @function Waiter.now
-- @within Waiter
-- @treturn number seconds

--- Called before a socket is closed: lets go whoever waits for it. An event loop needs it, since
-- the number may be given to another socket at once.
-- @function Waiter.cancel
-- @optional
-- @within Waiter
-- @tparam integer fd

--- Called at each attempt to connect. Of the connection `option(keyword)` may be used, which says
-- what libpq made of an option such as "host".
-- @function Waiter.connecting
-- @optional
-- @within Waiter
-- @tparam forgelog.connection.Connection conn

--- Starts f(...) as a coroutine of the event loop, beside the present one; it may begin at once or
-- when the present one gives way. What f raises does not end the loop, and is not lost. Plain Lua
-- 5.1 cannot yield across pcall, so no waiter has it there.
-- @function Waiter.spawn
-- @optional
-- @within Waiter
-- @tparam function f
-- @tparam any ... its arguments
-- @treturn forgelog.wait.Task

--- Makes an object by which coroutines of one loop wake each other.
-- @function Waiter.signal
-- @optional
-- @within Waiter
-- @treturn forgelog.wait.Signal

--- Work that was begun.
-- @table Task
-- @tfield boolean ended whether it has
-- @tfield boolean failed whether it has raised
-- @tfield[opt] any raised what it has raised

--- By which coroutines of one loop wake each other.
-- @table Signal

--- Gives way until it is woken or the time is over.
-- @function Signal:wait
-- @tparam[opt] number seconds nil: as long as it takes
-- @treturn boolean whether it was woken

--- Wakes all that wait, and gives way to none of them. A wake while none waits is remembered, once,
-- for the next wait.
-- @function Signal:wake
