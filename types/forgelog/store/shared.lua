---@meta forgelog.store.shared

---Makes a store for a consumer, in a lua_shared_dict: see `forgelog.store`.
---@param name string the lua_shared_dict's; one of its own, since in a full one old keys are dropped
---@param evicts? boolean true: to have room for a position, other keys may be dropped too
---@return forgelog.store.Store
local function shared(name, evicts) end

return shared
