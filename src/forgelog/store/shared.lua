--- Keeps positions in a lua_shared_dict: they outlive workers and reloads, but not nginx. For
-- caches in shared memory, which live as long.
-- @module forgelog.store.shared
local check = require "forgelog.connection.options"
local core = require "forgelog.core"

--- Makes a store for a consumer, in a lua_shared_dict: see `forgelog.store`.
-- @function shared
-- @string name the lua_shared_dict's; one of its own, since in a full one old keys are dropped
-- @bool[opt] evicts true: to have room for a position, other keys may be dropped too
-- @treturn forgelog.store.Store
return function(name, evicts)
  local dict = ngx.shared[name]
  if not dict then
    local message = ("there is no lua_shared_dict %s in nginx.conf"):format(tostring(name))
    check.misuse("store.shared", message)
  end
  local prefix = "forgelog:position:"
  local set = evicts and dict.set or dict.safe_set
  return {
    dictionary = dict,
    load = function(_, consumer) return dict:get(prefix .. (consumer or "")) end,
    save = function(_, consumer, position)
      local key = prefix .. (consumer or "")
      local before = dict:get(key)
      local ok, why = set(dict, key, position)
      if ok then return true end
      -- For want of room it has dropped the position of before, too.
      if before then set(dict, key, before) end
      return nil, core.error("query", ("lua_shared_dict %s: %s"):format(name, why))
    end,
    -- Tells this nginx from any other on the same log.
    instance = function()
      local key = "forgelog:instance"
      -- (LuaJIT's math.random would give each nginx the same numbers.)
      local chance = math.floor(core.now() * 1e9 % 2 ^ 32)
      dict:safe_add(key, ("%x.%x"):format(ngx.now() * 1000, chance))
      return dict:get(key)
    end,
  }
end
