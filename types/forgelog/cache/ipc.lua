---@meta forgelog.cache.ipc

---The adapter, for the option `ipc` of a lua-resty-mlcache.
---@class forgelog.cache.ipc.Ipc
---Has a function called with the data of each broadcast of other workers.
---@field subscribe fun(channel: string, call: fun(data:string))
---The same for several.
---@field register_listeners fun(events: forgelog.cache.ipc.Event[]): true
---Tells all other workers. What a worker deletes because of a change is not told: they all see that
---change.
---@field broadcast fun(channel: string, data: string): true?, string?
---Waits until this worker knows of all changes.
---@field poll fun(timeout?: number): true?, "timeout"?

---What `Ipc.register_listeners` takes.
---@class forgelog.cache.ipc.Event
---which broadcasts
---@field channel string
---called with the data of each
---@field handler fun(data:string)

---Makes the adapter for a cache, before that is started.
---@param cache forgelog.cache.Cache what `forgelog.cache.new` returned
---@return forgelog.cache.ipc.Ipc
local function ipc(cache) end

return ipc
