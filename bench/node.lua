-- A node of 16 nginx workers, each with a cache in its own memory: one feed for all of them, and
-- one feed each. Connections, the server's processor time idle and beside writers, and the time
-- from COMMIT until the last worker has deleted the key.
local bench = require "bench.support"
local nginx = require "support.nginx"
local support = require "support"

local WORKERS, RATE = 16, 200
local SECONDS, SAMPLES = bench.scale(5), bench.scale(100)

local HTTP = [[
  lua_shared_dict positions 1m;
  lua_shared_dict seen 20m;
  init_worker_by_lua_block {
    local now, me = require("forgelog.core").now, ngx.worker.id()
    cache = require("forgelog.cache").new({
      conninfo = "$db application_name=node", cache = require("resty.lrucache").new(1000),
      position = "positions", feed = "$feed",
      keys = function(change)
        if change.table_name == "sample" then
          ngx.shared.seen:set(change.row_id .. ":" .. me, now())
        end
        return change.row_id
      end,
    })
    cache:start()
    ngx.timer.at(0, function()
      while not cache:fresh() do ngx.sleep(0.01) end
      ngx.shared.seen:incr("ready", 1, 0)
    end)
  }
  server {
    listen unix:$socket;
    location /up { content_by_lua_block {
      ngx.exit(ngx.shared.seen:get("ready") == $workers and 200 or 503)
    } }
    location /seen { content_by_lua_block {
      local seen = ngx.shared.seen
      for _, key in ipairs(seen:get_keys(0)) do
        ngx.say(key, "=", ("%.6f"):format(seen:get(key)))
      end
    } }
  }]]

local LOAD = "\\set id random(1, 100)\nUPDATE item SET n = n + 1 WHERE id = :id;"

local function quantile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * share))]
end

-- Hundredths of a core that the server uses.
local function server_share()
  local before = bench.server_time()
  bench.sleep(SECONDS)
  return 100 * (bench.server_time() - before) / SECONDS
end

-- When the last worker had deleted each key; a key that some worker was not told of is not there.
local function last_told(server)
  local last, count = {}, {}
  for id, _, at in server:get("/seen"):gmatch("(%d+):(%d+)=([%d.]+)") do
    id, at = tonumber(id), tonumber(at)
    last[id], count[id] = math.max(last[id] or 0, at), (count[id] or 0) + 1
  end
  for id in pairs(last) do
    if count[id] < WORKERS then last[id] = nil end
  end
  return last
end

local function latencies(server, log, first)
  local committed, times = {}, {}
  for id = first, first + SAMPLES - 1 do
    bench.sleep(0.01 + math.random() * 0.02)
    assert(log:query("INSERT INTO sample VALUES ($1)", id))
    committed[id] = bench.now()
  end
  bench.sleep(1)
  local last = last_told(server)
  for id, at in pairs(committed) do
    assert(last[id], "a worker was not told")
    times[#times + 1] = (last[id] - at) * 1000
  end
  return times
end

local function measure(feed)
  local db = bench.database()
  local log = bench.connect(db)
  assert(log:query("CREATE TABLE item (id int PRIMARY KEY, n int);"
    .. " CREATE TABLE sample (id int PRIMARY KEY);"
    .. " INSERT INTO item SELECT g, 0 FROM generate_series(1, 100) g"))
  assert(log:watch("item"))
  assert(log:watch("sample"))
  local server = nginx.start({ main = ("worker_processes %d;"):format(WORKERS), http = HTTP,
    vars = { db = db, feed = feed, workers = WORKERS } })
  local connections = assert(log:query("SELECT count(*) AS n FROM pg_stat_activity"
    .. " WHERE application_name = 'node'"))[1].n
  local function line(what, share, times)
    bench.line(("%s, %s"):format(feed == "nginx" and "one feed for all" or "a feed each", what),
      "connections %2d, server %5.1f %% of a core, COMMIT to the last p50 %4.1f ms, p99 %4.1f ms",
      connections, share, quantile(times, 0.5), quantile(times, 0.99))
  end
  line("idle", server_share(), latencies(server, log, 1))
  local running = bench.pgbench({ conninfo = db, script = LOAD, clients = 2, seconds = 300,
    args = { "-R", RATE } })
  support.wait_until(function() return log:max_seq() end, "the load")
  bench.sleep(1)
  line(RATE .. " commits/s", server_share(), latencies(server, log, 1 + SAMPLES))
  running:stop()
  server:stop()
  log:close()
  bench.drop(db)
  return connections
end

bench.title("a node of %d nginx workers", WORKERS)
measure("worker")
bench.target("connections of a node", measure("nginx"), "<=", 1)
