--- Which worker follows the log for all workers of an nginx: a lease in a lua_shared_dict, renewed
-- again and again. A private part of forgelog.cache.
--
-- Its end is told by the clock of `forgelog.core`, which all processes of a machine share and
-- nobody sets; the life of a value in a dictionary ends by the time of day. That two workers lead
-- for a moment costs a connection and no more: all that a leader says is true of itself alone.
-- @module forgelog.cache.lease
local core = require "forgelog.core"
local ring = require "forgelog.cache.ring"

local SECONDS = 1.5 -- without a sign of a process that lives, after which another one leads
local RENEWED = 0.2 -- seconds after which a lease is renewed
local LOOKED = 0.1 -- seconds between two looks whether the leader's process lives
local OFFERED = 0.5 -- seconds for which others may take what this worker offers
local TAKEN = 2 -- seconds after which a worker that died while it took over is given up

local Lease = {}
Lease.__index = Lease

local lease = {}

local made = 0

--- Names a lease.
-- @param dict a lua_shared_dict
-- @string name
-- @bool evicts as for `forgelog.cache.ring`
function lease.new(dict, name, evicts)
  made = made + 1
  return setmetatable({
    _dict = dict, _key = "forgelog:lease:" .. name, _looked = -math.huge,
    _offered = -math.huge,
    _set = evicts and dict.set or dict.safe_set, _add = evicts and dict.add or dict.safe_add,
    _token = ("%d.%d.%d"):format(ngx.worker.pid(), math.floor(core.now() * 1e6), made),
  }, Lease)
end

local function record(self, seconds)
  local identity = core.process() or "-"
  local ends = math.floor((core.now() + (seconds or SECONDS)) * 1e6)
  return ("%s %d %s"):format(self._token, ends, identity)
end

-- Who leads by what stands there: its token, the end of its lease, its process.
local function read(self)
  local text = self._dict:get(self._key)
  if type(text) ~= "string" then return nil end
  local token, ends, identity = text:match("^(%S+) (%d+) (%S+)$")
  return token, token and tonumber(ends) / 1e6, identity
end

--- Whether this worker leads, by what stands there.
function Lease:holds() return read(self) == self._token end

--- The process id of the worker that leads; nil: none does.
function Lease:leader()
  local token = read(self)
  return token and tonumber(token:match("^%d+"))
end

-- Of those who see the end of a lease, one takes it over.
local function take_over(self, token)
  local key = ("%s:%s:%d"):format(self._key, token, math.floor(core.now() / TAKEN))
  local ok, why = self._add(self._dict, key, true, 5 * TAKEN)
  if ok then ok, why = self._set(self._dict, self._key, record(self)) end
  if ok or why == "exists" then return ok or false end
  return nil, ring.no_room(why)
end

local function is_over(self, ends, identity)
  local now = core.now()
  if now > ends then return true end
  if now - self._looked < LOOKED then return false end
  self._looked = now
  return core.lives(identity) == false
end

-- While it is offered it is not renewed.
local function renew(self, ends)
  local now = core.now()
  if ends - now > SECONDS - RENEWED or now - self._offered < OFFERED then return end
  self._set(self._dict, self._key, record(self))
end

-- Takes the lease where nobody has ever had it, or it was dropped.
local function take(self)
  local ok, why = self._add(self._dict, self._key, record(self))
  if ok or why == "exists" then return ok or false end
  return nil, ring.no_room(why)
end

--- Renews this worker's lease, or takes it where nobody has it.
-- @treturn bool whether this worker leads; or nil and an error
function Lease:hold()
  local token, ends, identity = read(self)
  if not token then return take(self) end
  if token == self._token then
    renew(self, ends)
    return true
  end
  if not is_over(self, ends, identity) then return false end
  return take_over(self, token)
end

--- Lets any other worker take it; where none does, this one goes on.
function Lease:offer()
  self._offered = core.now()
  self._set(self._dict, self._key, record(self, 0))
end

--- Gives it back, for another worker to take at once.
function Lease:resign()
  if self:holds() then self._dict:delete(self._key) end
end

--- What stands there, for `restore`; nil: nothing.
function Lease:read() return self._dict:get(self._key) end

--- Has the leader stay, after its dictionary was flushed.
function Lease:restore(text) self._add(self._dict, self._key, text) end

return lease
