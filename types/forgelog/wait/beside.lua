---@meta forgelog.wait.beside

---What the waiters of event loops share: coroutines beside the present one, and signals between
---coroutines. The contract of both stands in forgelog.wait.
---@class forgelog.wait.beside
---Whether this Lua can yield across pcall, without which an error in a coroutine would end the loop:
---plain Lua 5.1 cannot.
---@field possible boolean
local beside = {}

---Makes a signal.
---@param sleep fun(seconds:number) gives way until they are over (math.huge: no limit), or until `rouse` is called; it may come back earlier
---@param rouse fun(count:integer) called with the number of coroutines that sleep: ends the sleep of them all, without running any before it returns
---@return forgelog.wait.Signal
function beside.signal(sleep, rouse) end

---Starts f(...) in a coroutine, and keeps what it raises.
---@param start function starts the function that it is called with in a coroutine, with the other arguments
---@param f function the work
---@param ... any its arguments
---@return forgelog.wait.Task
function beside.spawn(start, f, ...) end

return beside
