---@meta forgelog.store

---Where a consumer keeps its position between two lives: one of those below, or a table of your
---own. `log` is connected, and its statements have the time limit of the consumer; `name` is the
---consumer's, nil where it has none. A store may raise errors: they count as returned. A position
---is text of the log's own; a store must keep it unchanged. A save that fails is tried again, later
---each time, and on each later connection the position is loaded again.
---@class forgelog.store.Store
---true where `save` writes by the given log, so that the position commits together with the
---handler's work; such a store must not raise errors
---@field transactional? boolean
---of the table store: where `log` is to be connected to instead
---@field conninfo? forgelog.Conninfo
---of the store in shared memory: the lua_shared_dict
---@field dictionary? any
---Gives the position that was saved last.
---@field load fun(log: forgelog.Log, name?: string): string?, any
---Saves the position.
---@field save fun(log: forgelog.Log, name: string?, position: string, last?: string, claim?: any): true?, any
---Tells apart two stores which use the same names, such as those of two nginx servers. Not all have
---it.
---@field instance? fun(): string

---Options of `forgelog.store.table`.
---@class forgelog.store.TableOptions
---(as of `forgelog.connect`) of the primary, where the consumer reads a hot standby of it; its lease
---is there too, and with `transaction = true` its handler is given a log of the primary, where its
---work commits together with the position
---@field conninfo? forgelog.Conninfo

---Where a consumer keeps its position between two lives: the stores that there are, and the
---contract of a store (`Store`).
---@class forgelog.store
local store = {}

---Makes a store for a consumer, in memory: see `forgelog.store`.
---@return forgelog.store.Store
function store.memory() end

---Makes a store for a consumer, in a file: see `forgelog.store`.
---@param path string the file; its folder must exist
---@return forgelog.store.Store
function store.file(path) end

---Makes a store for a consumer, in the database: see `forgelog.store`.
---@param options? forgelog.store.TableOptions
---@return forgelog.store.Store
function store.table(options) end

---Makes a store for a consumer, in a lua_shared_dict: see `forgelog.store`.
---@param name string the lua_shared_dict's; one of its own, since in a full one old keys are dropped
---@param evicts? boolean true: to have room for a position, other keys may be dropped too
---@return forgelog.store.Store
function store.shared(name, evicts) end

return store
