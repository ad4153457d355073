---@meta forgelog.store.table

---Makes a store for a consumer, in the database: see `forgelog.store`.
---@param options? forgelog.store.TableOptions
---@return forgelog.store.Store
local function table(options) end

return table
