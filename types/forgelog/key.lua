---@meta forgelog.key

---The primary key of a change's row as a list of texts, exactly.
---@param change forgelog.AnyChange as drained or followed, also where it went through JSON since
---@return string[]? # a text for each column of the primary key; nil where the change has no `row_id`
local function key(change) end

return key
