--- A cache in OpenResty that a change of its rows empties. Where a lua_shared_dict is at hand, one
-- worker follows the log for all of its nginx; else each does. Changes are mapped to keys, which
-- are deleted; on a gap all is purged. While a worker cannot know what has changed, `fresh` says
-- so, and `get` asks the database.
-- @module forgelog.cache
local check = require "forgelog.connection.options"
local flights = require "forgelog.cache.flights"
local following = require "forgelog.cache.following"
local forgelog = require "forgelog"
local handling = require "forgelog.cache.handling"
local held = require "forgelog.cache.held"
local keys = require "forgelog.cache.keys"
local reporting = require "forgelog.cache.reporting"
local source = require "forgelog.cache.source"

local cache = {}

--- What the option `keys` returns where every key may be stale.
-- @tfield forgelog.cache.All ALL
cache.ALL = keys.ALL

--- Makes a function for the option `keys`.
-- @function kept
-- @as `forgelog.cache.keys.kept`
cache.kept = keys.kept

local Cache = {}
Cache.__index = Cache

local known = {
  cache = "any", near = "table", keys = "function", on_purge = "function", on_error = "function",
  name = "string", position = "any", feed = "string", stale_after = "seconds",
  load_wait = "seconds", conninfo = "any", schema = "string", wait = "any", timeout = "seconds",
  tables = "names", channels = "names", ops = "ops", columns = "names", batch = "positive",
  poll = "seconds", linger = "seconds", listen = "boolean", silence = "seconds",
  backoff = "seconds", backoff_max = "seconds", settle = "seconds",
}

-- After these, every row of the table may be another one.
local WHOLE_TABLE = { TRUNCATE = true, RELOAD = true }

local FEEDS = { nginx = true, worker = true }

local function default_keys(change)
  return change.row_id and change.table_name .. ":" .. change.row_id
end

--- Makes a cache; `start` sets it going.
-- @tparam forgelog.cache.Options options
-- @treturn forgelog.cache.Cache
function cache.new(options)
  options = check.options("cache.new", options, known)
  local stale_after = options.stale_after or 3
  if stale_after <= (options.poll or 1) then
    check.misuse("cache.new", "stale_after must be more than poll")
  end
  if not FEEDS[options.feed or "nginx"] then
    check.misuse("cache.new", 'feed must be "nginx" or "worker"')
  end
  local self
  self = setmetatable({
    _options = options, _stale_after = stale_after,
    _keys = options.keys or default_keys,
    _channels = (options.tables or options.channels)
      and { (table.unpack or unpack)(options.channels or {}) },
    _ops = options.ops and { (table.unpack or unpack)(options.ops) },
    _listeners = {}, _handling = handling.new(),
    _flights = flights.new(options.load_wait or 1, function() self._source:catch_up() end),
    _source = following.new(stale_after), -- until it is started
    _count = { hits = 0, misses = 0, refused = 0, invalidated = 0, purges = 0 },
  }, Cache)
  if options.cache then self:attach(options.cache) end
  return self
end

--- Names what holds the values, where that is made after this. (`get` needs its `get(key)`, which
-- returns nil for what it does not hold, and `set(key, value)`. None of these may wait. A
-- lua-resty-mlcache has others: use its own, and `fresh`.)
-- @tparam any target a lua_shared_dict, a lua-resty-lrucache, or anything like them
function Cache:attach(target) self._held = held.new(target, self._options.near) end

local function drop(self, key)
  self._flights:drop(key)
  self._count.invalidated = self._count.invalidated + 1
  if self._held then self._held:delete(key) end
end

--- Deletes a key as a change would, and keeps what is being loaded under it from being stored.
-- Where one worker follows for all, the others do so as soon as they look; else each has to be
-- told.
-- @tparam string|integer key text or a whole number
function Cache:invalidate(key)
  key = keys.text("cache.invalidate", key)
  -- Of a change that is being handled every worker hears by itself.
  if not self:handling() then self._source:announce({ stale = key, by = ngx.worker.pid() }) end
  drop(self, key)
end

local function purged(self, reason)
  self._count.purges = self._count.purges + 1
  if self._options.on_purge then self._options.on_purge(reason) end
end

-- Empties what is this worker's own, where another one empties the rest.
local function forget(self, reason)
  self._flights:drop_all()
  if self._held then self._held:forget() end
  purged(self, reason)
end

-- Empties what all share, and what is this worker's own.
local function empty(self, reason)
  self._flights:drop_all()
  if self._held then self._source:flush(function() self._held:purge() end, reason) end
  purged(self, reason)
end

--- Empties the cache. Where one worker follows for all, the others empty what is their own as soon
-- as they look; else each has to do so.
-- @string[opt] reason for `on_purge`
function Cache:purge(reason)
  if not self:handling() then self._source:begin_anew(reason) end
  empty(self, reason)
end

-- What all workers are told to do.
local function purge(self, reason)
  if self._source:spares() then return forget(self, reason) end
  empty(self, reason)
end

local function handle(self, change)
  if change.stale then -- it is none: another worker has announced it
    return change.by ~= ngx.worker.pid() and drop(self, change.stale)
  end
  local listener = self._listeners[change.table_name]
  if listener then return listener(change) end
  if WHOLE_TABLE[change.op] then return purge(self, change.op) end
  local stale = self._keys(change)
  if stale == keys.ALL then return purge(self, change.op) end
  if type(stale) ~= "table" then stale = { stale } end
  for _, key in pairs(stale) do -- of an INSERT the old one may be missing, and leave a hole
    if key then drop(self, keys.text("what keys returned", key)) end
  end
end

local function in_handling(self, call)
  return function(...) self._handling:call(call, self, ...) end
end

local function handle_all(self, changes)
  for _, change in ipairs(changes) do handle(self, change) end
end

--- Has a function called with each change of a table_name, in place of what is done with other
-- changes: for programs that write rows of their own into the log, as `forgelog.cache.ipc` does.
-- Where the option `ops` is given, these have to have the op BROADCAST.
-- @string name the table_name
-- @tparam fun(change:forgelog.Change) call called with the change
function Cache:listen(name, call)
  if self._channels then self._channels[#self._channels + 1] = name end
  if self._ops then self._ops[#self._ops + 1] = "BROADCAST" end
  self._listeners[name] = call
end

--- Whether who asks handles changes at this moment: then every other worker sees them too.
-- @treturn boolean
function Cache:handling() return self._handling:is_mine() end

--- Another connection to the same log, as the options say.
-- @treturn forgelog.Log
-- @fails as from `forgelog.connect`
function Cache:connect()
  local options = self._options
  return forgelog.connect(options.conninfo, {
    schema = options.schema, wait = options.wait, timeout = options.timeout,
  })
end

--- Starts following, in a timer of this worker: call it in init_worker_by_lua.
function Cache:start()
  if not self._make then
    self._source, self._make = source.new(self._options, {
      channels = self._channels, ops = self._ops, bound = self._stale_after,
      report = reporting(self._options.on_error), handle = in_handling(self, handle_all),
      purge = in_handling(self, empty), forget = in_handling(self, forget),
    }, self._held)
  end
  assert(self._source:start(self._make))
end

--- Has it end, within a quarter of a second and the statement at hand.
function Cache:stop() self._source:stop() end

--- Whether this worker knows of every change up to now, as far as the last answer of the database
-- is not older than `stale_after`: not before it has caught up, nor while it is cut off.
-- @treturn boolean
function Cache:fresh() return self._source:fresh() end

local function answer(self, ok, value, err)
  if not ok then error(value, 0) end
  if self._held:refuses(value) then
    check.misuse("cache.get", ("load returned a %s, which a lua_shared_dict cannot hold; return "
      .. "it as text, or hold it in a lua-resty-lrucache"):format(type(value)))
  end
  return value, err
end

local function keep(self, key, value, since, is_valid)
  local feed = self._source
  local function holds() return feed:current() and is_valid() end
  if value == nil or self._held:refuses(value) or not feed:proven() then return end
  local count = self._count
  if not self._held:put(key, value, since, holds) then count.refused = count.refused + 1 end
end

--- The value under a key; where there is none, or the cache is not fresh, what `load` returns. It
-- is stored unless the key was made stale in the meantime (so an old value read just before a
-- commit never stays). nil is not stored; false is, and is served until a change makes its key
-- stale, so let `load` return it for what does not exist. What several ask for at one time is
-- loaded once in a worker, and all are given that load's results, or the error that it raises; so
-- what `load` returns must follow from the key alone. None of them is given what began to be loaded
-- before the key was made stale, if it asked after that.
-- @tparam string|integer key text, or a whole number up to 2^53, which is held as its digits
-- @tparam fun(key:any,...:any):any,any load called with the key as given and the further arguments;
-- must read the primary, committed data. May wait.
-- @tparam any ... further arguments for it
-- @treturn any the value; or what `load` returned: a value, or nil
-- @treturn any with nil: the error that `load` returned
function Cache:get(key, load, ...)
  local name, cached, count = keys.text("cache.get", key), self._held, self._count
  if not cached then check.misuse("cache.get", "nothing holds values: give the option cache") end
  local fresh, value = self:fresh(), nil
  if fresh then value = cached:get(name) end
  if value ~= nil then
    count.hits = count.hits + 1
    return value
  end
  count.misses = count.misses + 1
  local since = self._flights:since(name)
  -- What began to be loaded before another worker found the key stale is not for this one.
  if since and cached:made_stale(name, since) then self._flights:drop(name) end
  local keep_it = fresh and function(...) keep(self, name, ...) end or nil
  return answer(self, self._flights:load(name, keep_it, load, key, ...))
end

--- What it has done and how it stands.
-- @treturn forgelog.cache.Stats
function Cache:stats()
  local stats = self._source:stats()
  for name, value in pairs(self._count) do stats[name] = value end
  stats.fresh, stats.loads = self:fresh(), self._flights.loads
  return stats
end

--- What lua-resty-mlcache takes as its option `ipc`: see `forgelog.cache.ipc`.
-- @treturn forgelog.cache.ipc.Ipc
function Cache:ipc() return require("forgelog.cache.ipc")(self) end

return cache
