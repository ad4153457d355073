---@meta forgelog.wait.luv

---The waiter under libuv: the coroutine that waits is resumed from the loop. In the main program,
---outside of any coroutine, it runs the loop until what it waits for is there; the loop must not be
---running already. (Where a host refuses a connection, luv itself writes "EBADF" to stderr: so
---libuv calls any error of a socket.)
---@class forgelog.wait.luv: forgelog.wait.Waiter
local luv = {}

return luv
