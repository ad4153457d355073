--- Which keys of a cache a change makes stale, where they are not made of the primary key: values
-- of another column, such as the text of an API key. `forgelog.cache` has these as `cache.kept` and
-- `cache.ALL`.
-- @module forgelog.cache.keys

local keys = {
  ALL = {}, -- what the option `keys` returns where every key may be stale
}

local function contains(list, name)
  for _, one in ipairs(list or {}) do
    if one == name then return true end
  end
  return false
end

--- Makes a function for the option `keys` of a cache whose keys are values of a column; watch the
-- table with that column in `keep`. A change makes stale what is cached under the value before it,
-- and under the one after it, which may be cached as one that does not exist. All is purged where
-- the change does not tell: the column is not kept (yet), its value is NULL, or too long to be
-- kept.
-- @string column its name
-- @string[opt] prefix what each key begins with
-- @treturn function
function keys.kept(column, prefix)
  prefix = prefix or ""
  return function(change)
    local before, after = change.old and change.old[column], change.new and change.new[column]
    if contains(change.omitted, column) or not (before or after) then return keys.ALL end
    return { before and prefix .. before, after and after ~= before and prefix .. after or nil }
  end
end

return keys
