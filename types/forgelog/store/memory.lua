---@meta forgelog.store.memory

---Makes a store for a consumer, in memory: see `forgelog.store`.
---@return forgelog.store.Store
local function memory() end

return memory
