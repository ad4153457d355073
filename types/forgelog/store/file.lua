---@meta forgelog.store.file

---Makes a store for a consumer, in a file: see `forgelog.store`.
---@param path string the file; its folder must exist
---@return forgelog.store.Store
local function file(path) end

return file
