--- What holds the values of a cache. Other workers store into a lua_shared_dict and delete from it
-- too, so a value in it has the time at which it was being loaded, and a key that became stale
-- leaves a tombstone. A private part of forgelog.cache.
-- @module forgelog.cache.held
local check = require "forgelog.connection.options"
local core = require "forgelog.core"

local OWN = "forgelog:" -- names in shared memory that begin so are forgelog's own ...
local VALUE = "forgelog:value:" -- ... or are those of values whose key begins so too
local TOMBSTONE = "forgelog:stale:" -- before a key, or alone for all of them: when it became stale
local TOMBSTONE_TTL = 60 -- seconds

local IN_SHARED = { string = true, number = true, boolean = true, ["nil"] = true }

local Held = {}
Held.__index = Held

local held = {}

--- Checks what holds the values.
-- @param target a lua_shared_dict, a lua-resty-lrucache, or anything with `delete` and `flush_all`
-- or `purge`
function held.new(target)
  local purge = target and (target.flush_all or target.purge)
  if not purge or not target.delete then
    check.misuse("cache", "what holds the values must have delete, and flush_all or purge")
  end
  return setmetatable({
    _target = target, _purge = purge,
    _shared = target.safe_add ~= nil, -- a lua_shared_dict
  }, Held)
end

local function name_of(self, key)
  if self._shared and key:sub(1, #OWN) == OWN then return VALUE .. key end
  return key
end

--- The value under a key; nil where there is none.
function Held:get(key) return (self._target:get(name_of(self, key))) end

--- Whether a value is of a type that cannot be held.
function Held:refuses(value) return self._shared and not IN_SHARED[type(value)] end

--- Whether another worker has found a key stale since a time.
function Held:made_stale(key, since)
  if not self._shared then return false end
  local of_key, of_all = self._target:get(TOMBSTONE .. key), self._target:get(TOMBSTONE)
  return of_key and of_key >= since or of_all and of_all >= since
end

--- Stores a value, unless it was made stale since it was loaded. What took longer to load than
-- tombstones are kept is not stored.
-- @string key
-- @param value
-- @number since when its load began
-- @treturn bool false where there is no room for it
function Held:put(key, value, since)
  if core.now() - since >= TOMBSTONE_TTL then return true end
  local ok = self._target:set(name_of(self, key), value)
  if self:made_stale(key, since) then self._target:delete(name_of(self, key)) end
  return ok or not self._shared
end

-- A value loaded before another worker's delete must not be stored after it. So the tombstone is
-- written before deleting, and looked for after storing.
local function leave_tombstone(self, key)
  if self._shared then self._target:set(TOMBSTONE .. key, core.now(), TOMBSTONE_TTL) end
end

--- Deletes a key that has become stale.
function Held:delete(key)
  leave_tombstone(self, key)
  self._target:delete(name_of(self, key))
end

--- Deletes all.
function Held:purge()
  leave_tombstone(self, "")
  self._purge(self._target)
  leave_tombstone(self, "") -- purged as well
end

return held
