-- Rows of the tables product and api_key, kept in shared memory until somebody changes them.
local forgelog_cache = require "forgelog.cache"
local live = require "live"
local metrics = require "forgelog.metrics"
local with_log = require "pool"

local counts = ngx.shared.counts
local shop = {}

local SQL = {
  product = [[
    SELECT json_build_object('id', id, 'name', name, 'price', price,
        'committed', extract(epoch FROM pg_xact_commit_timestamp(xmin)))::text AS value
      FROM product WHERE id = $1]],
  api_key = "SELECT owner AS value FROM api_key WHERE key = $1",
}

local cache

-- Each worker calls it with each change: the key to forget. Its pages hear of the change too.
local function key_of(change)
  live.tell("change", change.table_name .. " " .. change.row_id)
  return change.table_name .. ":" .. change.row_id
end

local function purged(reason)
  if reason ~= "start" and cache:stats().leads then counts:incr("resyncs", 1, 0) end
  live.tell("purge", reason)
end

cache = forgelog_cache.new({
  cache = ngx.shared.values, position = "positions", tables = { "product", "api_key" },
  keys = key_of, on_purge = purged, poll = 0.5, backoff_max = 1,
})

-- The worker that follows for all notes up to when it has heard all.
local function note()
  local stats = cache:stats()
  if stats.leads and stats.caught_up then counts:set("heard", ngx.now() - stats.caught_up) end
end

function shop.start()
  cache:start()
  assert(ngx.timer.every(0.2, note))
end

local function query(log, ...) return log:query(...) end

local function load(key)
  counts:incr("loads", 1, 0)
  local name, id = key:match("^([%w_]+):(.*)$")
  local rows, err = with_log(query, SQL[name], id)
  if not rows then error(tostring(err), 0) end
  return rows[1] and rows[1].value or false -- kept too, until such a row is inserted
end

local function get(key)
  counts:incr("lookups", 1, 0)
  local ok, value = pcall(cache.get, cache, key, load)
  if ok then return value end
  ngx.log(ngx.WARN, value)
  return ngx.exit(503) -- while nobody can be asked
end

function shop.product(id)
  local json = get("product:" .. id)
  if not json then return ngx.exit(404) end
  ngx.say(json)
end

function shop.key(key) ngx.print(get("api_key:" .. key) and "accepted" or "refused") end

-- What the script `stage` says of the two servers.
local function servers()
  local file = io.open((os.getenv("STAGE") or "") .. "/servers")
  if not file then return "null" end
  local json = file:read("*a")
  file:close()
  return json
end

-- How the cache stands, as JSON: `lag` in seconds, `open` for how long a transaction stays open.
function shop.figures()
  local now, open = ngx.now(), counts:get("open_until")
  local lookups, loads = counts:get("lookups") or 0, counts:get("loads") or 0
  local format = '{"now": %.3f, "worker": %d, "fresh": %s, "lag": %.3f, "lookups": %d, '
    .. '"loads": %d, "resyncs": %d, "open": %s, "servers": %s}'
  return format:format(now, ngx.worker.id(), tostring(cache:fresh()),
    now - (counts:get("heard") or now), lookups, loads, counts:get("resyncs") or 0,
    open and ("%.1f"):format(math.max(0, open - now)) or "null", servers())
end

-- For Prometheus. A kept connection has seen most writers begin. For the others it waits up to
-- `settle` seconds.
local function get_status(log) return log:status({ settle = 0.2 }) end

function shop.metrics()
  local status, err = with_log(get_status)
  if status then return ngx.print(metrics(status)) end
  ngx.status = 503 -- luacheck: ignore 122
  ngx.say((tostring(err):gsub("%s+", " ")))
end

return shop
