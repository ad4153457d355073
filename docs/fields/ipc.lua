--- What the adapter consists of.
-- @module forgelog.cache.ipc

--- The adapter, for the option `ipc` of a lua-resty-mlcache.
-- @table Ipc

--- Has a function called with the data of each broadcast of other workers.
-- @function Ipc.subscribe
-- @within Ipc
-- @tparam string channel which broadcasts
-- @tparam fun(data:string) call

--- The same for several.
-- @function Ipc.register_listeners
-- @within Ipc
-- @tparam forgelog.cache.ipc.Event[] events
-- @treturn true

--- What `Ipc.register_listeners` takes.
-- @table Event
-- @tfield string channel which broadcasts
-- @tfield fun(data:string) handler called with the data of each

--- Tells all other workers. What a worker deletes because of a change is not told: they all see
-- that change.
-- @function Ipc.broadcast
-- @within Ipc
-- @tparam string channel for whom
-- @tparam string data what they are told
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] string what is wrong

--- Waits until this worker knows of all changes.
-- @function Ipc.poll
-- @within Ipc
-- @tparam[opt=0.3] number timeout seconds
-- @treturn[1] true
-- @treturn[2] nil
-- @treturn[2] "timeout" it is cut off
