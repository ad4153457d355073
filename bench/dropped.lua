-- An nginx worker whose database host drops packets: how long another location of that worker takes
-- to answer meanwhile. Requests are sent at a fixed rate, whether those before them were answered
-- or not, so that a worker that stands still for a second shows in each request of that second.
local uv = require "luv"

local bench = require "bench.support"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local ROOT = os.getenv("FORGELOG_ROOT")
local NETWORK = ROOT .. "/spec/support/network"
local SILENT, HOST = "10.77.0.2", "10.77.0.5" -- the first drops packets always, the second at times
local RATE = 500 -- requests a second
local SECONDS = 5 -- of a measurement
local BOUND = 50 -- ms

local HTTP = [[
  init_worker_by_lua_block {
    local forgelog = require "forgelog"
    local wait, ended = $wait, {}
    work, cache = {}, nil
    local function count(log, err)
      local how = log and "done" or err.kind
      ended[how] = (ended[how] or 0) + 1
      return log
    end
    function said()
      local list = {}
      for how, times in pairs(ended) do list[#list + 1] = times .. " " .. how end
      table.sort(list)
      ended = {}
      return table.concat(list, ", ")
    end
    function work.connect(options)
      local log = count(forgelog.connect(options.to, { wait = wait, timeout = options.timeout }))
      if log then log:close() end
    end
    function work.query(options, deadline)
      local log, err = forgelog.connect(options.to, { wait = wait, timeout = options.timeout })
      if not log then return count(nil, err) end
      while ngx.now() < deadline and count(log:query("SELECT pg_sleep(0.05)")) do end
      log:close()
    end
    function work.follow(conninfo)
      cache = require("forgelog.cache").new({ conninfo = conninfo, wait = wait, poll = 0.5,
        stale_after = 1.5, silence = 1, backoff_max = 1, timeout = 1,
        cache = require("resty.lrucache").new(100),
        on_error = function(err) count(nil, err) end })
      cache:start()
    end
  }
  server {
    listen unix:$socket;
    keepalive_requests 100000000;
    location /up { content_by_lua_block { ngx.print("answered") } }
    location /fresh { content_by_lua_block { ngx.print(tostring(cache:fresh())) } }
    location /said { content_by_lua_block { ngx.print(said()) } }
    location /stop { content_by_lua_block { cache:stop() } }
    location /follow { content_by_lua_block { work.follow(ngx.req.get_uri_args().to) } }
    location /begin { content_by_lua_block {
      local options = ngx.req.get_uri_args()
      local call, deadline = work[options.how], ngx.now() + options.seconds
      options.timeout = tonumber(options.timeout)
      for _ = 1, tonumber(options.times) do
        ngx.timer.at(0, function()
          repeat call(options, deadline) until ngx.now() >= deadline
        end)
      end
    } }
  }]]

-- The two ends of the network in which a server of nginx runs: commands for either.
local function network_of(server)
  local pid = select(2, bench.run("pgrep -x tail -P " .. server.process.pid)):match("%d+")
  assert(pid, "the other end of the network is gone")
  local there = ("nsenter --target %s --user --preserve-credentials --net -- "):format(pid)
  local here = ("nsenter --target %s --user --preserve-credentials -- "
    .. "nsenter --target %s --net -- "):format(pid, server.process.pid)
  return here, there
end

-- The database's host: `drop()` and `pass()` say what becomes of packets to and from it.
local function start_host(server)
  local here, there = network_of(server)
  assert(bench.run(there .. "ip address add " .. HOST .. "/24 dev far"))
  local function address_of(inside, device)
    local _, text = bench.run(inside .. "ip -brief link show dev " .. device)
    return assert(text:match("%x%x:%x%x:%x%x:%x%x:%x%x:%x%x"), text)
  end
  local far, near = address_of(there, "far"), address_of(here, "near")
  local set = "ip neighbour replace %s lladdr %s dev %s nud permanent"
  local function send_to(to_host, from_host)
    assert(os.execute(here .. set:format(HOST, to_host, "near")))
    assert(os.execute(there .. set:format("10.77.0.1", from_host, "far")))
  end
  local host = {}
  function host.drop() send_to("02:00:00:00:00:02", "02:00:00:00:00:02") end
  function host.pass() send_to(far, near) end
  host.pass()
  local socket = ("%s/.s.PGSQL.%s"):format(os.getenv("PGHOST"), os.getenv("PGPORT"))
  host.relay = process.companion(("%s%s %s %s %s"):format(there,
    os.getenv("FORGELOG_LUA"), ROOT .. "/bench/relay.lua", HOST, socket))
  support.wait_until(function() return host.relay:output():find("listening") end, "the relay", 5)
  return host
end

-- Sends requests to /up at RATE, and waits for all answers. Returns the milliseconds that each
-- took, in order; `after` is called half a second after the first.
local function ask(server, after)
  local pipe, timer, times, due = uv.new_pipe(false), uv.new_timer(), {}, {}
  local sent, answered, rest, total = 0, 0, "", SECONDS * RATE
  pipe:connect(server.dir .. "/socket", function(wrong)
    assert(not wrong, wrong)
    local started = bench.now()
    pipe:read_start(function(_, data)
      rest = rest .. assert(data, "nginx has closed the connection")
      rest = rest:gsub("answered", function()
        answered = answered + 1
        times[answered] = (bench.now() - due[answered]) * 1000
        return ""
      end):match("[^\n]*$")
      if answered < total then return end
      timer:close()
      pipe:close()
    end)
    timer:start(0, 1, function()
      while sent < total and started + sent / RATE <= bench.now() do
        sent = sent + 1
        due[sent] = started + (sent - 1) / RATE
        pipe:write("GET /up HTTP/1.1\r\nHost: nginx\r\n\r\n")
      end
      if after and bench.now() - started > 0.5 then
        after()
        after = nil
      end
    end)
  end)
  uv.run()
  table.sort(times)
  return times
end

local function measure(server, what, after)
  local times = ask(server, after)
  local function quantile(share) return times[math.ceil(#times * share)] end
  local said = server:get("/said")
  bench.line(what, "p50 %6.2f ms, p99 %7.2f ms, most %7.1f ms%s", quantile(0.5), quantile(0.99),
    quantile(1), said ~= "" and "; " .. said or "")
  return quantile(0.99), said
end

local function escaped(text)
  return (text:gsub("[^%w]", function(char) return ("%%%02x"):format(char:byte()) end))
end

local function situations(server, host, to)
  local function begin(how, options)
    local path = ("/begin?how=%s&times=%d&seconds=%d&timeout=%d&to=%s"):format(how,
      options.times or 4, options.seconds or SECONDS, options.timeout or 1,
      escaped(options.to or to))
    assert(server:get(path))
  end
  local function rest(seconds)
    bench.sleep(seconds)
    server:get("/said", 120)
  end
  local function fresh(wanted)
    support.wait_until(function() return server:get("/fresh") == wanted end,
      "fresh to be " .. wanted, 20)
  end
  local function step(what, after)
    local p99, said = measure(server, what, after)
    bench.target("p99", p99, "<=", BOUND, "ms")
    return said
  end

  measure(server, "nothing beside")
  assert(server:get("/follow?to=" .. escaped(to)))
  fresh("true")
  begin("query", {})
  step("a database that answers")
  rest(1.5)
  step("dropped while the feed sleeps", host.drop)
  fresh("false")
  step("dropped while it reconnects")
  local since = bench.now()
  host.pass()
  fresh("true")
  bench.line("packets pass again", "fresh after %.1f s", bench.now() - since)
  assert(server:get("/stop"))
  begin("query", {})
  local said = step("dropped in the middle of queries", host.drop)
  assert(said:find("done") and said:find("timeout"), said)
  rest(4)
  begin("connect", {})
  step("dropped before connecting")
  host.pass()
  rest(1.5)
  begin("connect", { to = to:gsub(HOST, SILENT .. "," .. HOST) .. " connect_timeout=2",
    timeout = 4 })
  step("the first of two hosts is silent")
  rest(4.5)
  -- One connection of one try: where the lookup blocks, it does so for half a minute or more.
  begin("connect", { to = to:gsub(HOST, "db.example.com"), times = 1, seconds = 0 })
  step("a name that nobody resolves")
end

if not bench.run(NETWORK .. " true") then
  bench.title("An nginx worker whose database host drops packets: skipped, since this user may not "
    .. "make user and network namespaces here")
  return
end
local db = bench.database()
bench.connect(db):close()
local to = ("host=%s port=5432 user=%s %s sslmode=disable gssencmode=disable"):format(HOST,
  os.getenv("PGUSER"), db:match("dbname=%S+"))
for _, way in ipairs({
  { "ngx.sleep", "nil" },
  { "threads", 'require("forgelog.wait.openresty").threads("forgelog")' },
}) do
  bench.title("An nginx worker whose database host drops packets, waiting by %s: %d requests a "
    .. "second of it", way[1], RATE)
  local server = nginx.start({ network = true, http = HTTP, vars = { wait = way[2] } })
  local host = start_host(server)
  situations(server, host, to)
  server:stop()
  host.relay:kill()
  host.relay:wait()
end
bench.drop(db)
