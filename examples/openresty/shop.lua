-- Rows of the table product as JSON, kept in shared memory until somebody changes them.
local forgelog = require "forgelog"
local counts = ngx.shared.counts
local shop, idle = {}, {} -- idle: connections of this worker that no request uses now

local cache = require("forgelog.cache").new({
  cache = ngx.shared.products, position = "positions", tables = { "product" },
  keys = function(change) return change.row_id end,
})

function shop.start() cache:start() end

local function query(...)
  local log = table.remove(idle) or assert(forgelog.connect())
  local rows, err = log:query(...)
  if rows then idle[#idle + 1] = log else log:close() end
  if not rows and err.kind == "lost" and #idle > 0 then return query(...) end
  return assert(rows, tostring(err))
end

local function load(id)
  counts:incr("misses", 1, 0)
  local row = query("SELECT row_to_json(p)::text AS json FROM product p WHERE id = $1", id)[1]
  return row and row.json
end

function shop.product(id)
  counts:incr("requests", 1, 0)
  local json = cache:get(id, load)
  if not json then return ngx.exit(404) end
  ngx.say(json)
end

function shop.status()
  local stats, requests, misses = cache:stats(), counts:get("requests") or 0, counts:get("misses") or 0
  local format = '{"worker": %d, "fresh": %s, "requests": %d, "hit rate": "%.1f %%", "lag": "%.3f s", "resyncs": %d}'
  ngx.say(format:format(ngx.worker.id(), tostring(stats.fresh), requests,
    requests > 0 and 100 * (1 - misses / requests) or 0, stats.lag_seconds or 0, stats.resyncs or 0))
end

function shop.page()
  ngx.say([[<!doctype html><title>forgelog</title><body style="font: 1em monospace"><pre id="rows"></pre><pre id="status"></pre>
<script>setInterval(async () => {
  const ask = async path => await (await fetch(path)).text()
  rows.textContent = (await Promise.all([1, 2, 3, 4, 5].map(id => ask('/product/' + id)))).join('')
  document.getElementById('status').textContent = await ask('/status')
}, 250)</script>]])
end

return shop
