-- Rows of the table product as JSON, kept in shared memory until somebody changes them.
local metrics = require "forgelog.metrics"
local with_log = require "pool"
local counts = ngx.shared.counts
local shop = {}

local cache = require("forgelog.cache").new({
  cache = ngx.shared.products, position = "positions", tables = { "product" },
  keys = function(change) return change.row_id end,
})

function shop.start() cache:start() end

local function query(log, ...) return log:query(...) end

local function load(id)
  counts:incr("misses", 1, 0)
  local sql = "SELECT row_to_json(p)::text AS json FROM product p WHERE id = $1"
  local rows, err = with_log(query, sql, id)
  if not rows then error(tostring(err), 0) end
  return rows[1] and rows[1].json or false -- kept too, until such a product is inserted
end

function shop.product(id)
  counts:incr("requests", 1, 0)
  local json = cache:get(id, load)
  if not json then return ngx.exit(404) end
  ngx.say(json)
end

function shop.status()
  local stats = cache:stats()
  local requests, misses = counts:get("requests") or 0, counts:get("misses") or 0
  local hit_rate = requests > 0 and 100 * (1 - misses / requests) or 0
  local format = '{"worker": %d, "fresh": %s, "follows for all": %s, "requests": %d, '
    .. '"hit rate": "%.1f %%", "purges": %d}'
  ngx.say(format:format(ngx.worker.id(), tostring(stats.fresh), tostring(stats.leads), requests,
    hit_rate, stats.purges))
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

function shop.page()
  ngx.say([[<!doctype html><title>forgelog</title><body style="font: 1em monospace">
<pre id="rows"></pre><pre id="status"></pre>
<a href="/metrics">/metrics</a>
<script>setInterval(async () => {
  const ask = async path => await (await fetch(path)).text()
  rows.textContent = (await Promise.all([1, 2, 3, 4, 5].map(id => ask('/product/' + id)))).join('')
  document.getElementById('status').textContent = await ask('/status')
}, 250)</script>]])
end

return shop
