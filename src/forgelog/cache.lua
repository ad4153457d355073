--- A cache in OpenResty that a change of its rows empties: each worker follows the log by itself,
-- so nothing is lost on a second hop. Changes are mapped to keys, which are deleted; on a gap all
-- is purged. While this worker cannot know what has changed, `fresh` says so, and `get` asks the
-- database.
-- @module forgelog.cache
local check = require "forgelog.connection.options"
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local forgelog = require "forgelog"
local keys = require "forgelog.cache.keys"

local SLICE = 0.25 -- seconds between two looks whether the worker exits
local FOREVER = 1e8 -- seconds until a timer that is there for the worker's exit
-- Prefix of the keys under which shared memory keeps when a key became stale ...
local TOMBSTONE = "forgelog:stale:"
local TOMBSTONE_TTL = 60 -- ... and for how many seconds

local cache = { ALL = keys.ALL, kept = keys.kept }

local Cache = {}
Cache.__index = Cache

local known = {
  cache = "any", keys = "function", on_purge = "function", on_error = "function", name = "string",
  position = "any", stale_after = "seconds", conninfo = "any", schema = "string", wait = "any",
  timeout = "seconds", tables = "names", channels = "names", ops = "ops", columns = "names",
  batch = "positive", poll = "seconds", linger = "seconds", listen = "boolean", silence = "seconds",
  backoff = "seconds", backoff_max = "seconds", settle = "seconds",
}

-- After these, every row of the table may be another one.
local WHOLE_TABLE = { TRUNCATE = true, RELOAD = true }

local function default_keys(change)
  return change.row_id and change.table_name .. ":" .. change.row_id
end

local function report(err, attempt)
  ngx.log(ngx.ERR, "forgelog: ", tostring(err), " (attempt ", attempt, ")")
end

--- Makes a cache; `start` sets it going.
-- @tparam table options `cache` (what holds the values: a lua_shared_dict, a lua-resty-lrucache, or
-- anything with `delete` and `flush_all` or `purge`; see also `attach`), `keys` (called with a
-- change: the key that it makes stale, a list of keys, `cache.ALL`, or nil; default:
-- `table_name:row_id`; see also `forgelog.cache.keys`),
-- `position` (name of a lua_shared_dict of its own where positions are kept over reloads, so that a
-- cache in shared memory need not be purged; or a store; default: in memory, purged at each start),
-- `name` (default "cache": tells several caches of one worker apart), `stale_after` (seconds
-- without word from the database after which the cache is not fresh; default 3; more than `poll`),
-- `on_purge` (called with the reason), `on_error` (default: to nginx's error log), and the options
-- of `forgelog.consumer`: `conninfo`, `schema`, `tables`, `channels`, `ops`, `columns`, `wait`,
-- `timeout`, `poll` ...
-- @return a cache
function cache.new(options)
  options = check.options("cache.new", options, known)
  local self = setmetatable({
    _options = options,
    _keys = options.keys or default_keys,
    _report = options.on_error or report,
    _channels = (options.tables or options.channels)
      and { (table.unpack or unpack)(options.channels or {}) },
    _ops = options.ops and { (table.unpack or unpack)(options.ops) },
    _listeners = {},
    _loading = {},
    _bound = (options.stale_after or 3) - (options.poll or 1),
    _proven = -math.huge,
    _count = { hits = 0, misses = 0, invalidated = 0, purges = 0 },
  }, Cache)
  if self._bound <= 0 then check.misuse("cache.new", "stale_after must be more than poll") end
  if options.cache then self:attach(options.cache) end
  return self
end

--- Names what holds the values, where that is made after this. (`get` needs its `get(key)` and
-- `set(key, value)`; a lua-resty-mlcache has others: use its own, and `fresh`.)
function Cache:attach(target)
  local purge = target and (target.flush_all or target.purge)
  if not purge or not target.delete then
    check.misuse("cache", "what holds the values must have delete, and flush_all or purge")
  end
  self._target, self._purge = target, purge
  self._shared = target.safe_add ~= nil -- a lua_shared_dict: other workers delete from it too
end

-- A value loaded before another worker's delete must not be stored after it. So write a tombstone
-- with a timestamp before deleting, and check it after storing. (A worker that loads for longer
-- than tombstones are kept does not store.)
local function leave_tombstone(self, key)
  if self._shared then self._target:set(TOMBSTONE .. key, core.now(), TOMBSTONE_TTL) end
end

local function made_stale(self, key, since)
  if not self._shared then return false end
  local of_key, of_all = self._target:get(TOMBSTONE .. key), self._target:get(TOMBSTONE)
  return of_key and of_key >= since or of_all and of_all >= since
end

--- Deletes a key as a change would, and keeps what is being loaded under it from being stored.
function Cache:invalidate(key)
  local loading = self._loading[key]
  if loading then
    loading.stale, self._loading[key] = true, nil
  end
  self._count.invalidated = self._count.invalidated + 1
  if not self._target then return end
  leave_tombstone(self, key)
  self._target:delete(key)
end

--- Empties the cache.
function Cache:purge(reason)
  for _, loading in pairs(self._loading) do loading.stale = true end
  self._loading = {}
  self._count.purges = self._count.purges + 1
  if self._target then
    leave_tombstone(self, "")
    self._purge(self._target)
    leave_tombstone(self, "") -- purged as well
  end
  if self._options.on_purge then self._options.on_purge(reason) end
end

local function handle(self, change)
  local listener = self._listeners[change.table_name]
  if listener then return listener(change) end
  if WHOLE_TABLE[change.op] then return self:purge(change.op) end
  local stale = self._keys(change)
  if stale == keys.ALL then return self:purge(change.op) end
  if type(stale) ~= "table" then return stale and self:invalidate(stale) end
  for _, key in pairs(stale) do -- of an INSERT the old one may be missing, and leave a hole
    if key then self:invalidate(key) end
  end
end

-- The mark is for targets that broadcast: every worker sees the change by itself.
local function handle_all(self, changes)
  self._handling = true
  local ok, err = pcall(function()
    for _, change in ipairs(changes) do handle(self, change) end
  end)
  self._handling = false
  if not ok then error(err, 0) end
end

local function worker_name(options, store)
  local instance = store and store.instance and store.instance() or ""
  local worker = tostring(ngx.worker.id() or "agent")
  return ("%s:%s:%s"):format(options.name or "cache", instance, worker)
end

local function make_consumer(self)
  local options, chosen = self._options, {}
  for name in pairs(known) do chosen[name] = options[name] end
  chosen.cache, chosen.keys, chosen.on_purge, chosen.stale_after = nil, nil, nil, nil
  if type(options.position) == "string" then
    chosen.position = require("forgelog.store.shared")(options.position)
  end
  chosen.name = chosen.position and worker_name(options, chosen.position)
  chosen.channels, chosen.ops = self._channels, self._ops
  chosen.on_error = self._report
  chosen.on_changes = function(changes) handle_all(self, changes) end
  chosen.on_resync = function(reason)
    self._handling = true
    local ok, err = pcall(self.purge, self, reason)
    self._handling = false
    if not ok then error(err, 0) end
  end
  return consumer.new(chosen)
end

-- Whether this worker knows of all that was committed when its feed looked last.
local function caught_up(self, handled, err)
  local stats = self._consumer:stats()
  if not stats.connected then return false end
  if handled then return stats.lag_changes == 0 end
  return err.code == "no_change"
end

local function step(self)
  local ok, handled, err = pcall(self._consumer.step, self._consumer, SLICE)
  if ok and caught_up(self, handled, err) then self._proven = core.now() end
  if ok or ngx.worker.exiting() then return end
  self._report(handled, 1)
  ngx.sleep(1)
end

local function work(premature, self)
  while not premature and not self._stopping and not ngx.worker.exiting() do step(self) end
  pcall(self._consumer.close, self._consumer)
  self._proven, self._running, self._stopping = -math.huge, false, false
end

-- A worker exits once its last timer is done: this one lets the feed end in order (a thread's
-- answer counts as none).
local function linger(premature, self)
  while premature and self._running do ngx.sleep(0.01) end
end

--- Has a function called with each change of a table_name, in place of what is done with other
-- changes: for programs that write rows of their own into the log, as `forgelog.cache.ipc` does.
-- Where the option `ops` is given, these have to have the op BROADCAST.
-- @string name the table_name
-- @func call called with the change
function Cache:listen(name, call)
  if self._channels then self._channels[#self._channels + 1] = name end
  if self._ops then self._ops[#self._ops + 1] = "BROADCAST" end
  self._listeners[name] = call
end

--- Whether changes are being handled at this moment: then every other worker sees them too.
function Cache:handling() return self._handling or false end

--- Another connection to the same log, as the options say.
-- @return a log; or nil and an error
function Cache:connect()
  local options = self._options
  return forgelog.connect(options.conninfo, {
    schema = options.schema, wait = options.wait, timeout = options.timeout,
  })
end

--- Starts following, in a timer of this worker: call it in init_worker_by_lua.
function Cache:start()
  if self._running then return end
  self._consumer = make_consumer(self)
  self._running = true
  assert(ngx.timer.at(0, work, self))
  assert(ngx.timer.at(FOREVER, linger, self))
end

--- Has it end, within a quarter of a second and the statement at hand.
function Cache:stop() self._stopping = self._running end

--- Whether this worker knows of every change up to now, as far as the last answer of the database
-- is not older than `stale_after`: not before it has caught up, nor while it is cut off.
function Cache:fresh() return core.now() - self._proven <= self._bound end

local function begin_loading(self, key)
  local loading = self._loading[key] or { count = 0, stale = false }
  loading.count = loading.count + 1
  self._loading[key] = loading
  return loading
end

local function end_loading(self, key, loading)
  loading.count = loading.count - 1
  if loading.count == 0 and self._loading[key] == loading then self._loading[key] = nil end
end

--- The value under a key; where there is none, or the cache is not fresh, what `load` returns. It
-- is stored unless the key was made stale in the meantime (so an old value read just before a
-- commit never stays). nil is not stored.
-- @param key the key
-- @func load called with the key and the further arguments; must read the primary, committed data.
-- May wait.
-- @param ... further arguments for it
-- @return the value; or what `load` returned
function Cache:get(key, load, ...)
  local fresh, count = self:fresh(), self._count
  local value = fresh and self._target:get(key)
  if value ~= nil and value ~= false then
    count.hits = count.hits + 1
    return value
  end
  count.misses = count.misses + 1
  if not fresh then return load(key, ...) end
  local loading, since = begin_loading(self, key), core.now()
  local ok, loaded, err = pcall(load, key, ...)
  end_loading(self, key, loading)
  if not ok then error(loaded, 0) end
  local storable = loaded ~= nil and not loading.stale and self:fresh()
  if storable and core.now() - since < TOMBSTONE_TTL then
    self._target:set(key, loaded)
    if made_stale(self, key, since) then self._target:delete(key) end
  end
  return loaded, err
end

--- What `forgelog.consumer` tells, and of this worker: `fresh`, `hits`, `misses`, `invalidated`
-- (keys), `purges`.
function Cache:stats()
  local stats = self._consumer and self._consumer:stats() or {}
  for name, value in pairs(self._count) do stats[name] = value end
  stats.fresh = self:fresh()
  return stats
end

--- What lua-resty-mlcache takes as its option `ipc`: see `forgelog.cache.ipc`.
function Cache:ipc() return require("forgelog.cache.ipc")(self) end

return cache
