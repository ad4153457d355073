--- Keys of a cache: the one form in which a key is held, and which keys a change makes stale where
-- they are not made of the primary key, but of another column, such as the text of an API key.
-- `forgelog.cache` has `kept` and `ALL` too.
-- @module forgelog.cache.keys
local check = require "forgelog.connection.options"

local MOST = 2 ^ 53 -- above it a double skips numbers

local keys = {}

local ALL = {}

--- What the option `keys` returns where every key may be stale.
-- @tfield forgelog.cache.All ALL
keys.ALL = ALL

--- The form in which a key is held and deleted, whoever gives it: a text as it is, a whole number
-- as its digits, as `row_id` has them. LuaJIT would write 1e14 and the number after it alike. What
-- has no such form is misuse.
-- @string where name of the public function
-- @tparam any key text, a number, or one of LuaJIT's 64-bit integers
-- @treturn string
function keys.text(where, key)
  local kind = type(key)
  if kind == "string" then return key end
  if kind == "number" and key == math.floor(key) and key >= -MOST and key <= MOST then
    return ("%d"):format(key)
  end
  local digits = kind == "cdata" and tostring(key):match("^(%-?%d+)U?LL$")
  if digits then return digits end
  check.misuse(where, ("a key must be text or a whole number up to 2^53, got %s (%s); give any "
    .. "other as text"):format(tostring(key), kind))
end

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
-- @treturn fun(change:forgelog.Change):forgelog.cache.Stale
function keys.kept(column, prefix)
  prefix = prefix or ""
  return function(change)
    local before, after = change.old and change.old[column], change.new and change.new[column]
    if contains(change.omitted, column) or not (before or after) then return keys.ALL end
    return { before and prefix .. before, after and after ~= before and prefix .. after or nil }
  end
end

return keys
