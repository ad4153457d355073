-- Lets in whoever has a key of the table api_keys. Each worker keeps the answers of the database,
-- also that there is no such key, until somebody changes that key: a key that is deleted is refused
-- at once, one that is added is let in at once.
local lrucache = require "resty.lrucache"
local with_log = require "pool"
local forgelog_cache = require "forgelog.cache"

-- The cache is by the text of the key. That is not the primary key, so it is kept with each change
-- (log:watch("api_keys", { keep = { "key" } })): after a DELETE nothing else would tell it.
local cache = forgelog_cache.new({
  cache = lrucache.new(10000), tables = { "api_keys" }, keys = forgelog_cache.kept("key"),
  position = "positions", -- shared memory, by which one worker follows for all
})

local gate = {}

function gate.start() cache:start() end

local function query(log, ...) return log:query(...) end

local function load(key)
  local rows, err = with_log(query, "SELECT consumer FROM api_keys WHERE key = $1", key)
  if not rows then error(tostring(err), 0) end
  return rows[1] and rows[1].consumer or false -- kept too, until such a key is inserted
end

-- Ends the request unless the key is somebody's. While the database cannot be asked, a worker that
-- has not heard of it for three seconds lets nobody in.
function gate.check(key)
  if not key or key == "" then return ngx.exit(401) end
  local ok, consumer = pcall(cache.get, cache, key, load)
  if not ok then
    ngx.log(ngx.ERR, consumer)
    return ngx.exit(503)
  end
  if not consumer then return ngx.exit(401) end
  ngx.ctx.consumer = consumer -- luacheck: ignore 122
end

function gate.status()
  local stats = cache:stats()
  local format = '{"fresh": %s, "hits": %d, "misses": %d, "purges": %d}'
  ngx.say(format:format(tostring(stats.fresh), stats.hits, stats.misses, stats.purges))
end

return gate
