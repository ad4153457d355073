-- A cache in an nginx worker: the time from COMMIT to the first response without the old value, for
-- both ways of waiting, and the worker's share of a core. Beside it a loop that asks every five
-- seconds for rows WHERE updated_at is later than the last it saw.
local uv = require "luv"

local bench = require "bench.support"
local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
  lua_shared_dict items 10m;
  init_worker_by_lua_block {
    seen, count = {}, 0
    cache = require("forgelog.cache").new({
      conninfo = "$db", cache = ngx.shared.items, wait = $wait,
      keys = function(change)
        if change.table_name ~= "event" then return change.row_id end
        seen[change.row_id] = true
      end,
    })
    cache:start()
    local idle = nil
    function load_item(id)
      local log = idle or assert(require("forgelog").connect("$db", { wait = $wait }))
      idle = nil
      local value = log:query("SELECT n FROM item WHERE id = $1", id)[1].n
      idle = log
      return value
    end
  }
  server {
    listen unix:$socket;
    keepalive_requests 100000000;
    location /up { content_by_lua_block { ngx.exit(cache:fresh() and 200 or 503) } }
    location /seen { content_by_lua_block {
      local count = 0
      for _ in pairs(seen) do count = count + 1 end
      ngx.say(count)
    } }
    location /item { content_by_lua_block { ngx.print("<", cache:get("1", load_item), ">") } }
  }]]

local WAYS = {
  { "ngx.sleep", "nil" },
  { "threads", 'require("forgelog.wait.openresty").threads("forgelog")' },
}

-- Updates of other rows while an item is asked for.
local LOAD = "\\set id random(2, 100)\nUPDATE item SET n = n + 1 WHERE id = :id;"

-- Each event is written once, by a transaction that stays open for up to 20 ms after it has taken
-- its time.
local EVENT = [[
\set pause random(0, 20000)
BEGIN;
INSERT INTO event (updated_at) VALUES (now());
\sleep :pause us
UPDATE event SET committed_at = clock_timestamp() WHERE id = currval('event_id_seq');
COMMIT;
]]

local function quantile(list, share)
  table.sort(list)
  return list[math.max(1, math.ceil(#list * share))]
end

-- A connection to nginx that sends one request after another.
local function client(server)
  local pipe, answer = uv.new_pipe(false), nil
  pipe:connect(server.dir .. "/socket", function(wrong)
    assert(not wrong, wrong)
    answer = ""
  end)
  while not answer do uv.run("once") end
  pipe:read_start(function(_, data) answer = answer .. (data or "<closed>") end)
  return function()
    answer = ""
    pipe:write("GET /item HTTP/1.1\r\nHost: nginx\r\n\r\n")
    local value
    repeat
      uv.run("once")
      value = answer:match("<([^>]*)>")
    until value
    return tonumber(value)
  end, function()
    pipe:close()
    uv.run()
  end
end

local function cpu(pid)
  local file = assert(io.open("/proc/" .. pid .. "/stat"))
  local user, system = file:read("*a"):match("%)" .. (" %S+"):rep(11) .. " (%d+) (%d+)")
  file:close()
  return (user + system) / 100
end

-- Writes a value, and asks until it is answered; milliseconds from the end of the COMMIT.
local function staleness(log, get, samples)
  local times = {}
  for i = 1, samples do
    bench.sleep(math.random() * 0.02)
    local value = get() + 1 -- it is in the cache now
    assert(log:query("UPDATE item SET n = $1 WHERE id = 1", value))
    local committed = bench.now()
    while get() ~= value do uv.sleep(0) end
    times[i] = (bench.now() - committed) * 1000
  end
  return times
end

local function load(conninfo, rate)
  return bench.pgbench({
    conninfo = conninfo, script = LOAD, clients = 4, seconds = 300, args = { "-R", rate } })
end

local function measure(db, log, way)
  local server = nginx.start({ http = HTTP, vars = { db = db, wait = way[2] } })
  local pid, get, close = server:workers()[1], client(server)
  local function share(seconds)
    local before = cpu(pid)
    bench.sleep(seconds)
    return 100 * (cpu(pid) - before) / seconds
  end
  bench.line(way[1] .. ", idle", "worker %.1f %% of a core", share(3))
  for _, rate in ipairs({ 50, 1000 }) do
    local samples = bench.scale(200)
    local running = load(db, rate)
    support.wait_until(function() return log:max_seq() end, "the load")
    bench.sleep(1)
    local before = log:max_seq()
    local percent = share(3)
    local written = (log:max_seq() - before) / 3
    local times = staleness(log, get, samples)
    running:stop()
    bench.line(("%s, %.0f commits/s"):format(way[1], written),
      "COMMIT to new value p50 %5.1f ms, p99 %5.1f ms, most %5.1f ms; worker %.1f %% of a core",
      quantile(times, 0.5), quantile(times, 0.99), quantile(times, 1), percent)
  end
  close()
  server:stop()
end

-- What a loop sees that asks every `pause` seconds for the rows with a later timestamp than the
-- last one it saw.
local function poll_by_timestamp(log, pause, rounds)
  local last, times, seen = nil, {}, 0
  for _ = 1, rounds do
    bench.sleep(pause)
    local rows = assert(log:query("SELECT updated_at::text AS at,"
      .. " EXTRACT(epoch FROM clock_timestamp() - committed_at)::float8 AS age FROM event"
      .. " WHERE updated_at > coalesce($1::timestamptz, '-infinity') ORDER BY updated_at", last))
    for _, row in ipairs(rows) do
      seen, last = seen + 1, row.at
      times[#times + 1] = row.age * 1000
    end
  end
  return times, seen
end

local function compare(db, log)
  local server = nginx.start({ http = HTTP, vars = { db = db, wait = "nil" } })
  local rounds = 4
  local running = bench.pgbench({ conninfo = db, script = EVENT, clients = 24,
    seconds = 5 * (rounds - 1), args = { "-R", 1000 } })
  local times, seen = poll_by_timestamp(log, 5, rounds)
  running:wait()
  local written = log:query("SELECT count(*) AS n FROM event")[1].n
  bench.sleep(0.5)
  local handed = tonumber(server:get("/seen"))
  server:stop()
  bench.line("asking every 5 s, 1,000 commits/s",
    "COMMIT to seen p50 %5.0f ms, p99 %5.0f ms; missed for ever %s of %s",
    quantile(times, 0.5), quantile(times, 0.99), bench.count(written - seen), bench.count(written))
  bench.line("forgelog beside it", "missed %s of %s", bench.count(written - handed),
    bench.count(written))
end

bench.title("A cache in an nginx worker that changes empty")
local db = bench.database()
local log = bench.connect(db)
assert(log:query("CREATE TABLE item (id int PRIMARY KEY, n bigint);"
  .. "INSERT INTO item SELECT g, 0 FROM generate_series(1, 100) g;"
  .. "CREATE TABLE event (id bigserial PRIMARY KEY, updated_at timestamptz,"
  .. " committed_at timestamptz);"
  .. "CREATE INDEX ON event (updated_at)"))
assert(log:watch("item"))
assert(log:watch("event"))
for _, way in ipairs(WAYS) do measure(db, log, way) end
compare(db, log)
log:close()
bench.drop(db)
