---@meta forgelog.wait.openresty

---The waiter inside OpenResty (ngx_lua), where a blocked worker is an outage. Nobody can wait for
---a foreign socket there: it looks, sleeps a moment by ngx.sleep (1, 2, 4, 8, then 10 ms), and
---looks again. `threads` gives one that answers sooner.
---@class forgelog.wait.openresty: forgelog.wait.Waiter
local openresty = {}

---A waiter that waits in threads of a pool (nginx.conf, main level: `thread_pool forgelog
---threads=8;`): answers come sooner and idle feeds cost less. A pool of its own, with a thread for
---each connection of a worker that waits at one time.
---@param pool string its name
---@return forgelog.wait.Waiter
function openresty.threads(pool) end

return openresty
