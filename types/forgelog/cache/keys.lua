---@meta forgelog.cache.keys

---Keys of a cache: the one form in which a key is held, and which keys a change makes stale where
---they are not made of the primary key, but of another column, such as the text of an API key.
---`forgelog.cache` has `kept` and `ALL` too.
---@class forgelog.cache.keys
---What the option `keys` returns where every key may be stale.
---@field ALL forgelog.cache.All
local keys = {}

---The form in which a key is held and deleted, whoever gives it: a text as it is, a whole number
---as its digits, as `row_id` has them. LuaJIT would write 1e14 and the number after it alike. What
---has no such form is misuse.
---@param where string name of the public function
---@param key any text, a number, or one of LuaJIT's 64-bit integers
---@return string
function keys.text(where, key) end

---Makes a function for the option `keys` of a cache whose keys are values of a column; watch the
---table with that column in `keep`. A change makes stale what is cached under the value before it,
---and under the one after it, which may be cached as one that does not exist. All is purged where
---the change does not tell: the column is not kept (yet), its value is NULL, or too long to be
---kept.
---@param column string its name
---@param prefix? string what each key begins with
---@return fun(change:forgelog.Change):forgelog.cache.Stale
function keys.kept(column, prefix) end

return keys
