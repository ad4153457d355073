--- From where the cache of a worker hears of changes: from a feed of its own, or, where a
-- lua_shared_dict is at hand, from the one feed of its nginx. A private part of forgelog.cache.
-- @module forgelog.cache.source
local check = require "forgelog.connection.options"
local consumer = require "forgelog.consumer"
local following = require "forgelog.cache.following"
local hub = require "forgelog.cache.hub"
local shared = require "forgelog.store.shared"

-- Options of a consumer that are not the cache's own.
local PASSED = { "conninfo", "schema", "wait", "timeout", "tables", "columns", "batch", "poll",
  "linger", "listen", "silence", "backoff", "backoff_max", "settle" }

-- Options by which caches are handed different changes.
local TELLING = { "conninfo", "schema", "tables", "columns" }

local source = {}

local function dictionary_of(options, store, held)
  if options.feed == "worker" then return nil end
  local dict = store and store.dictionary or held and held:dictionary()
  if dict or options.feed ~= "nginx" then return dict end
  check.misuse("cache.start", 'feed = "nginx" needs a lua_shared_dict: name one by the option '
    .. "position")
end

local function zone_of(dict)
  for name, one in pairs(ngx.shared) do
    if one == dict then return name end
  end
end

-- The same text in each worker, in whatever order tables are walked there.
local function text_of(value)
  local kind = type(value)
  if kind == "string" then return ("%q"):format(value) end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind ~= "table" then return kind end
  local fields = {}
  for name, field in pairs(value) do
    fields[#fields + 1] = (type(name) == "string" and name .. "=" or "") .. text_of(field)
  end
  table.sort(fields)
  return "{" .. table.concat(fields, ",") .. "}"
end

local taken = {} -- how many caches of this worker have a name

-- Workers share a feed where their caches are handed the same changes, and hold values in the same
-- place: after a reload with other options a cache has a feed of its own at once.
local function hub_name(options, about, held)
  local told = { about.channels or false, about.ops or false,
    zone_of(held and held:dictionary()) or false }
  for _, name in ipairs(TELLING) do told[name] = options[name] end
  local name = ("%s:%08x"):format(options.name or "cache", ngx.crc32_long(text_of(told)))
  taken[name] = (taken[name] or 0) + 1
  return taken[name] == 1 and name or name .. ":" .. taken[name]
end

local function worker_name(options, store)
  local instance = store.instance and store.instance() or ""
  return ("%s:%s:%s"):format(options.name or "cache", instance,
    tostring(ngx.worker.id() or "agent"))
end

local function make_consumer(options, about, also)
  local chosen = {
    channels = about.channels, ops = about.ops,
    failover = "gap", -- values are read at other times than the changes
  }
  for _, name in ipairs(PASSED) do chosen[name] = options[name] end
  for name, value in pairs(also) do chosen[name] = value end
  return consumer.new(chosen)
end

local function of_worker(options, about, store)
  local feed = following.new(about.bound, about.report)
  return feed, function()
    return make_consumer(options, about, {
      position = store, name = store and worker_name(options, store), on_error = about.report,
      on_changes = about.handle, on_resync = about.purge,
    })
  end
end

-- Which worker leads is decided in shared memory. A consumer with a name would claim it at the
-- server as well, against those of other nginx servers, and against its own node's leader of before
-- that is stopped, whose session stands. So it has none; only its position is kept under one. (The
-- table store needs a name.)
local function place_of(store, name)
  if store.transactional then return store, name end
  return {
    load = function() return store:load(name) end,
    save = function(_, _, position) return store:save(name, position) end,
  }
end

local function of_nginx(options, about, store, held, dict)
  local evicts = held ~= nil and held:dictionary() == dict
  local name = hub_name(options, about, held)
  if not store or store.dictionary then store = shared(zone_of(dict), evicts) end
  local place, claimed = place_of(store, name)
  local feed = hub.new(dict, name, {
    evicts = evicts, bound = about.bound, report = about.report, handle = about.handle,
    purge = about.purge, forget = about.forget,
  })
  return feed, function()
    return make_consumer(options, about, {
      position = place, name = claimed,
      on_error = function(...) feed:report(...) end,
      on_changes = function(changes) feed:tell(changes) end,
      on_resync = function(reason) feed:resync(reason) end,
    })
  end
end

--- Makes what a cache hears from.
-- @tparam table options of the cache
-- @tparam table about `channels`, `ops`, `bound` (seconds), `report(err, attempt)`,
-- `handle(changes)`, `purge(reason)`, `forget(reason)`: see `forgelog.cache.hub`
-- @param held what holds the values; nil: nothing yet
-- @return it, and the function that makes its consumer
function source.new(options, about, held)
  local store = options.position
  if type(store) == "string" then store = shared(store) end
  local dict = dictionary_of(options, store, held)
  if dict then return of_nginx(options, about, store, held, dict) end
  return of_worker(options, about, store)
end

return source
