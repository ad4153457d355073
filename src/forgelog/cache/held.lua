--- What holds the values of a cache: one thing, or a lua-resty-lrucache of each worker (near)
-- before a lua_shared_dict of all. A private part of forgelog.cache.
--
-- Workers hear of a change one after another. One that has not may store into the lua_shared_dict,
-- after another has deleted there, what it read before the change. So a key that became stale
-- leaves a tombstone there. Whoever stores, looks afterwards for it, and for what it has not heard
-- itself. Until then its value is marked as unsure: nobody is given it, and it has but a moment to
-- live, so that it goes by itself if the worker is stopped or killed in between. Only then does the
-- value itself take that place. A change after it was stored has deleted what stood there, and then
-- there is nothing to be replaced; but what stands there may also be newer, of another worker. So
-- the value itself has but a moment to live, too, until the same is known of it.
--
-- A tombstone may be dropped for want of room, and what a worker took into its own memory would
-- stay: so each value tells when it was loaded, and is taken only where this worker has found its
-- key stale no later than that.
-- @module forgelog.cache.held
local check = require "forgelog.connection.options"
local core = require "forgelog.core"

local OWN = "forgelog:" -- names in shared memory that begin so are forgelog's own ...
local VALUE = "forgelog:value:" -- ... or are those of values whose key begins so too, or is empty
local TOMBSTONE = "forgelog:stale:" -- before a name, or alone for all of them: when it became stale
local TOMBSTONE_TTL = 60 -- seconds
local UNSURE_TTL = 0.1 -- seconds that a value lives unless it is made to stay

-- A value's flags in shared memory: when its load began, in milliseconds that begin anew after 24
-- days. They are read back for what is younger than a tombstone's life; whatever is older, and was
-- made to stay, has not been overtaken.
local ROUND = 2 ^ 31 - 2
local UNSURE = 2 ^ 31 - 1 -- the flags of a value of which it is not known yet whether it may stay
local PRECISION = 0.002 -- seconds that flags may be off

local FREED = 1000 -- values whose room a purge gives back at once

local BUCKETS = 4096 -- of keys that share the time at which one of them was found stale

local IN_SHARED = { string = true, number = true, boolean = true, ["nil"] = true }

local Held = {}
Held.__index = Held

local held = {}

--- Checks what holds the values.
-- @param target a lua_shared_dict, a lua-resty-lrucache, or anything with `delete` and `flush_all`
-- or `purge`
-- @param[opt] near a lua-resty-lrucache before that
function held.new(target, near)
  local purge = target and (target.flush_all or target.purge)
  if not purge or not target.delete then
    check.misuse("cache", "what holds the values must have delete, and flush_all or purge")
  end
  local shared = target.safe_add ~= nil -- a lua_shared_dict
  if near and not (shared and near.get and near.set and near.delete and near.flush_all) then
    check.misuse("cache", "near must be a lua-resty-lrucache, and cache a lua_shared_dict")
  end
  return setmetatable({
    _target = target, _purge = purge, _shared = shared, _near = near,
    _found_stale = {}, -- with near: by bucket, when this worker found one of its keys stale
    _purged = core.now(), -- the same for all keys; what a worker before it found is not known
    _forgot = -math.huge,
  }, Held)
end

local function flags_of(time) return math.floor(time * 1000) % ROUND + 1 end

local function bucket_of(key) return ngx.crc32_short(key) % BUCKETS end

-- The name of a value in shared memory, which takes no empty one.
local function name_of(key)
  if key == "" or key:sub(1, #OWN) == OWN then return VALUE .. key end
  return key
end

-- Whether what was loaded at the time that flags tell is not older than what this worker knows.
-- Where it has forgotten what it held, because another one empties what all share, that may take
-- that one a moment: what was there before is not taken until then.
local function may_be_near(self, key, flags)
  if not flags then return false end
  local now = core.now()
  local age = (flags_of(now) - flags) % ROUND / 1000
  if age > TOMBSTONE_TTL then
    return now - self._forgot > TOMBSTONE_TTL and self._target:ttl(name_of(key)) == 0
  end
  local since = now - age - PRECISION
  return since > self._purged and since > (self._found_stale[bucket_of(key)] or -math.huge)
end

--- The value under a key; nil where there is none.
function Held:get(key)
  if not self._shared then return (self._target:get(key)) end
  local near = self._near
  local value = near and near:get(key)
  if value ~= nil then return value end
  local found, flags = self._target:get(name_of(key))
  if found == nil or flags == UNSURE then return nil end
  if near and may_be_near(self, key, flags) then near:set(key, found) end
  return found
end

--- Whether a value is of a type that cannot be held.
function Held:refuses(value) return self._shared and not IN_SHARED[type(value)] end

--- Whether another worker has found a key stale since a time.
function Held:made_stale(key, since)
  if not self._shared then return false end
  local of_key = self._target:get(TOMBSTONE .. name_of(key))
  local of_all = self._target:get(TOMBSTONE)
  return of_key and of_key >= since or of_all and of_all >= since
end

-- Whether what is stored may stay. (The time last: a tombstone that was not there may have ended.)
local function may_stay(self, key, since, holds)
  return holds() and not self:made_stale(key, since) and core.now() - since < TOMBSTONE_TTL
end

-- Has a value take its place, and stay there, unless it may not by then. What a change has deleted
-- in between is not there any more; but what was flushed comes back, so it is asked once more. And
-- what another worker has stored there in between may be older, and that worker killed.
local function make_stay(self, name, value, flags, may)
  local target = self._target
  target:replace(name, value, UNSURE_TTL, flags)
  if not may() then return false end
  if not target:expire(name, 0) then return may() end
  local found, are = target:get(name)
  return found == value and are == flags and may()
end

--- Stores a value, unless it was made stale since it was loaded. What took longer to load than
-- tombstones are kept is not stored.
-- @string key
-- @param value
-- @number since when its load began
-- @func holds called once a change would delete what was stored: whether this worker knows of all
-- changes by then, and none has made the value stale
-- @treturn bool false where there is no room for it
function Held:put(key, value, since, holds)
  if not self._shared then
    self._target:set(key, value)
    return true
  end
  if self:made_stale(key, since) then return true end -- there may be a newer one in its place
  local name = name_of(key)
  if not self._target:set(name, value, UNSURE_TTL, UNSURE) then return false end
  local function may() return may_stay(self, key, since, holds) end
  local stays = may() and make_stay(self, name, value, flags_of(since), may)
  if not stays then
    self._target:delete(name) -- another may have stored a newer one meanwhile: that is loaded again
    return true
  end
  if self._near then self._near:set(key, value) end
  return true
end

local function leave_tombstone(self, name)
  self._target:set(TOMBSTONE .. name, core.now(), TOMBSTONE_TTL)
end

--- Deletes a key that has become stale.
function Held:delete(key)
  if not self._shared then return self._target:delete(key) end
  if self._near then
    self._found_stale[bucket_of(key)] = core.now()
    self._near:delete(key)
  end
  local name = name_of(key)
  leave_tombstone(self, name) -- before deleting: who stores looks for it after that
  self._target:delete(name)
end

--- The lua_shared_dict that holds the values; nil where something else does.
function Held:dictionary() return self._shared and self._target or nil end

--- Deletes all that is held in this worker's own memory.
function Held:forget()
  if not self._shared then return self._purge(self._target) end
  if not self._near then return end
  self._purged = core.now()
  self._forgot = self._purged
  self._near:flush_all()
end

--- Deletes all.
function Held:purge()
  self:forget()
  if not self._shared then return end
  leave_tombstone(self, "")
  self._purge(self._target)
  leave_tombstone(self, "") -- purged as well
  -- What is flushed takes its room until something else is stored there. To give all of it back at
  -- once would hold up every worker; this much is for those who may drop nothing for room.
  self._target:flush_expired(FREED)
end

return held
