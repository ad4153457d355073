--- Workers of nginx that ask two caches all the time, each with one feed for all of them, and write
-- down what these served; and whether anything of that was stale. One cache is in each worker's own
-- memory, beside a ring too short for a worker that sleeps; the other is in a dictionary with its
-- ring, and that is full all the time.
-- @module support.hub
local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

local hub = { STALE_AFTER = 1, IDS = 200 }

local HTTP = [[
  lua_shared_dict items 1m;
  lua_shared_dict positions 64k;
  init_worker_by_lua_block {
    local new, lrucache = require("forgelog.cache").new, require("resty.lrucache")
    local pid, purges = ngx.worker.pid(), {}
    local function options(name, more)
      more.conninfo, more.name, more.stale_after, more.poll = "$db application_name=" .. name,
        name, $bound, 0.3
      more.tables, more.backoff_max, more.silence = { "item" }, 0.3, 1
      more.keys = function(change) return change.row_id end
      more.on_error = function(err) ngx.log(ngx.WARN, "REPORTED ", tostring(err)) end
      more.on_purge = function(reason) purges[#purges + 1] = ("p %s %s\n"):format(name, reason) end
      return more
    end
    caches = {
      own = new(options("own", { cache = lrucache.new(1000), position = "positions" })),
      shared = new(options("shared", { cache = ngx.shared.items, near = lrucache.new(1000) })),
    }
    for _, cache in pairs(caches) do cache:start() end
    local idle = {}
    local function load_item(id)
      local log = table.remove(idle)
        or assert(require("forgelog").connect("$db application_name=load", { timeout = 1 }))
      local rows = log:query("SELECT n FROM item WHERE id = $1", id)
      if not rows then
        log:close()
        error("no answer")
      end
      idle[#idle + 1] = log
      return rows[1].n
    end
    -- One line for each answer: h or m for a hit or a miss, the cache, the row, its value, and when
    -- it was asked for; or u, the cache and how long it was not fresh; or p, the cache and why it
    -- was purged.
    local unfresh = {}
    local function ask(name, cache)
      ngx.update_time()
      local began, hits, id = ngx.now(), cache:stats().hits, math.random($ids)
      if cache:fresh() then
        local since = unfresh[name]
        unfresh[name] = nil
        if since then return ("u %s %.3f\n"):format(name, began - since) end
      else
        unfresh[name] = unfresh[name] or began
      end
      local ok, value = pcall(cache.get, cache, id, load_item)
      if not ok then return "" end
      local how = cache:stats().hits > hits and "h" or "m"
      return ("%s %s %d %d %.3f\n"):format(how, name, id, value, began)
    end
    ngx.timer.at(0, function()
      math.randomseed(pid)
      local file = assert(io.open("$dir/served." .. pid, "a"))
      while not ngx.worker.exiting() do
        local lines = {}
        for _ = 1, 5 do
          for name, cache in pairs(caches) do lines[#lines + 1] = ask(name, cache) end
        end
        ngx.shared.items:set("junk:" .. math.random(5000), ("x"):rep(900))
        file:write(table.concat(lines), table.concat(purges))
        purges = {}
        file:flush()
        ngx.sleep(0.005)
      end
    end)
  }
  server {
    listen unix:$socket;
    location /up { content_by_lua_block {
      ngx.exit(caches.own:fresh() and caches.shared:fresh() and 200 or 503)
    } }
    location /flush { content_by_lua_block { ngx.shared[ngx.var.arg_dict]:flush_all() } }
    location /leader { content_by_lua_block {
      ngx.print(caches[ngx.var.arg_cache]:stats().leader)
    } }
  }]]

-- Each version of a row is written down with its time.
hub.WRITE = ([[
\set id random_exponential(1, %d, 6)
WITH u AS (UPDATE item SET n = n + 1 WHERE id = :id RETURNING id, n)
INSERT INTO history SELECT id, n, extract(epoch FROM clock_timestamp())::float8 FROM u;]]):format(
  hub.IDS)

--- Starts nginx, on a database with a watched table item.
-- @int workers
function hub.start(db, log, workers)
  logs.must(log, ("DROP TABLE IF EXISTS history; CREATE UNLOGGED TABLE history (id int, n bigint,"
    .. " at float8); INSERT INTO item SELECT g, 0 FROM generate_series(1, %d) g"
    .. " ON CONFLICT (id) DO UPDATE SET n = 0"):format(hub.IDS))
  return nginx.start({
    main = ("worker_processes %d;"):format(workers), http = HTTP,
    vars = { db = db, ids = hub.IDS, bound = hub.STALE_AFTER },
  })
end

--- Writers that go on until they are stopped.
function hub.writers(db)
  return support.pgbench({ conninfo = db, clients = 2, seconds = 600,
    scripts = { { weight = 1, text = hub.WRITE } }, args = { "-R", "300" } })
end

--- The process id of the worker that leads a cache, once one that lives does.
-- @string[opt] other than this one
function hub.leader(server, cache, other)
  local pid
  support.wait_until(function()
    pid = server:get("/leader?cache=" .. cache)
    return pid and pid ~= "" and pid ~= other and support.run("kill -0 " .. pid)
  end, "a leader of " .. cache, 10)
  return pid
end

--- How many connections a cache has.
function hub.connections(log, cache)
  return logs.must(log, "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1",
    cache)[1].n
end

-- When each version of each row was committed, or a moment earlier.
local function history(log)
  local at = {}
  for _, row in ipairs(logs.must(log, "SELECT id, n, at FROM history")) do
    at[row.id] = at[row.id] or {}
    at[row.id][row.n] = row.at
  end
  return at
end

--- Reads what was served, and how much of it was older than it may be.
-- @return by the names of the caches: `requests`, `hits`, `stale`, `oldest` (seconds that the
-- version behind an answer had been committed), `unfresh` (the longest time in a worker), `purges`
-- (how often, by reason)
function hub.judge(server, log)
  local at, said = history(log), {}
  for _, name in ipairs({ "own", "shared" }) do
    said[name] = { requests = 0, hits = 0, stale = 0, oldest = 0, unfresh = 0, example = "",
      purges = {} }
  end
  local _, files = support.run("cat " .. server.dir .. "/served.*")
  for how, name, rest in files:gmatch("(%a) (%a+) ([^\n]*)\n") do
    local one = said[name]
    if how == "u" then
      one.unfresh = math.max(one.unfresh, tonumber(rest))
    elseif how == "p" then
      one.purges[rest] = (one.purges[rest] or 0) + 1
    else
      one.requests = one.requests + 1
    end
    if how == "h" then
      local id, n, asked = rest:match("^(%d+) (%d+) ([%d.]+)$")
      local next_at = (at[tonumber(id)] or {})[n + 1]
      local age = next_at and asked - next_at or 0
      one.hits, one.oldest = one.hits + 1, math.max(one.oldest, age)
      if age > hub.STALE_AFTER then one.stale, one.example = one.stale + 1, rest end
    end
  end
  return said
end

return hub
