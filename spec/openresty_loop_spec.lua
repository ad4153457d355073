-- Nginx's event loop is never blocked, a worker exits in time, and the database may go away and come back.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local load = require "support.load"
local nginx = require "support.nginx"
local service = require "support.service"
local support = require "support"

local database, db, writer, server

-- A server of its own, since it is stopped and made to hang.
setup(function()
  database = support.server()
  db, writer = load.installed(database.conninfo)
end)
teardown(function()
  writer:close()
  database:stop()
end)
after_each(function()
  if server then server:stop() end
  server = nil
end)

-- Stops all processes of the database in their tracks, or lets them go on.
local function database_signal(name)
  local file = assert(io.open(database.dir .. "/data/postmaster.pid"))
  local pid = file:read("*l")
  file:close()
  os.execute(("kill -%s %s $(pgrep -P %s)"):format(name, pid, pid))
end

-- Sends requests one after another on one connection, a millisecond apart; returns the milliseconds that 99 of 100 kept to.
local BOUND = 2 -- ms that forgelog may add to the p99 of a worker's requests

local function p99(seconds)
  local uv = require "luv"
  local pipe, times, sent = uv.new_pipe(false), {}, 0
  local deadline = load.now() + seconds
  local timer = uv.new_timer()
  local function request()
    sent = load.now()
    pipe:write("GET /up HTTP/1.1\r\nHost: nginx\r\n\r\n")
  end
  pipe:connect(server.dir .. "/socket", function(wrong)
    assert(not wrong, wrong)
    pipe:read_start(function(_, data)
      assert(data and data:find("200 OK", 1, true), "no answer")
      times[#times + 1] = load.now() - sent
      if load.now() < deadline then return timer:start(1, 0, request) end
      timer:close()
      pipe:close()
    end)
    request()
  end)
  uv.run()
  table.sort(times)
  return times[math.ceil(#times * 0.99)] * 1000, #times
end

-- What a timer does for `seconds`, while the database answers slowly or not at all.
local BUSY = [[
server {
  listen unix:$socket;
  keepalive_requests 1000000;
  location /up { return 200; }
  location /begin { content_by_lua_block {
    local core, forgelog, openresty = require "forgelog.core", require "forgelog", require "forgelog.wait.openresty"
    local seconds, wait = tonumber(ngx.var.arg_seconds), ngx.var.arg_wait
    if wait == "threads" then wait = openresty.threads("forgelog") end
    local work = {}
    function work.statement(log) assert(log:query("SELECT pg_sleep(0.2)")) end
    function work.hanging(log) log:query("SELECT 1") end
    function work.connection()
      local log, err = forgelog.connect("host=127.0.0.1 port=$silent dbname=x user=x", { wait = wait, timeout = 0.3 })
      assert(not log and err.kind == "timeout", tostring(err))
    end
    local how, hangs = ngx.var.arg_how, ngx.var.arg_how == "hanging"
    local log = assert(forgelog.connect("$db", { wait = wait, timeout = hangs and 0.3 or nil }))
    ngx.timer.at(0, function()
      ngx.sleep(0.3)
      local deadline = core.now() + seconds
      repeat work[how](log) until core.now() > deadline
      log:close()
    end)
  } }
}]]

describe("the worker's event loop", function()
  local silent

  setup(function()
    -- A port that takes connections and never answers.
    silent = support.start([[exec lua5.4 -e '
      local socket = require "socket"
      local listening = assert(socket.bind("127.0.0.1", 0, 64))
      print((select(2, listening:getsockname())))
      io.stdout:flush()
      socket.sleep(600)']])
  end)
  teardown(function()
    silent:kill()
    silent:wait()
  end)
  before_each(function()
    local port = support.wait_until(function() return silent:output():match("%d+") end, "a port")
    server = nginx.start({ http = BUSY, vars = { db = db, silent = port } })
  end)

  -- Requests beside a database that answers slowly, and without: the better of rounds in turn, for others use this machine
  -- too, and what they take only ever adds. A blocked worker is blocked in each round.
  local function measure(how, wait, rounds, most)
    local alone, beside, requests = math.huge, math.huge, 0
    for round = 1, most or rounds do
      if round > rounds and beside - alone <= BOUND then break end
      alone = math.min(alone, (p99(0.7)))
      assert(server:get(("/begin?how=%s&wait=%s&seconds=1"):format(how, wait)))
      if how == "hanging" then database_signal("STOP") end
      load.pause(0.35)
      local time, count = p99(0.7)
      if how == "hanging" then database_signal("CONT") end
      beside, requests = math.min(beside, time), requests + count
      load.pause(0.6)
    end
    support.note("%s, %s: p99 of %d requests %.2f ms, without forgelog %.2f ms", how, wait, requests, beside, alone)
    return beside - alone
  end

  for _, how in ipairs({ "statement", "connection", "hanging" }) do
    for _, wait in ipairs({ "openresty", "threads" }) do
      it(("is not blocked by a slow %s, waiting by %s"):format(how, wait), function()
        local more = measure(how, wait, 3, 12)
        assert.is_nil(server:log():match("%[error%].*"))
        if load.measurable() then assert.is_true(more <= BOUND, more .. " ms") end
      end)
    end

    it(("is blocked by a slow %s with the waiter of plain scripts, which this can tell"):format(how), function()
      assert.is_true(measure(how, "poll", 1) > 50)
    end)
  end
end)

describe("a worker that exits", function()
  local function exit_time()
    local worker = server:workers()[1]
    local started = load.now()
    server:signal("QUIT")
    support.wait_until(function() return not support.run("kill -0 " .. worker) end, "the worker to exit", 15)
    return load.now() - started
  end

  for _, way in ipairs({ "openresty", "threads" }) do
    local wait = way == "threads" and 'require("forgelog.wait.openresty").threads("forgelog")' or nil

    it(("ends its idle feed within a second, waiting by %s"):format(way), function()
      server = service.start(db, { workers = 1, wait = wait })
      local seconds = exit_time()
      support.note("exit of an idle worker, %s: %.2f s", way, seconds)
      assert.is_true(seconds < 1)
      assert.equal(0, load.must(writer, "SELECT count(*) AS n FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        .. " AND datname = current_database()")[1].n)
    end)

    it(("does not wait for a database that hangs, waiting by %s"):format(way), function()
      server = service.start(db, { workers = 1, wait = wait })
      database_signal("STOP")
      load.pause(1.5)
      local seconds = exit_time()
      database_signal("CONT")
      support.note("exit of a worker whose database hangs, %s: %.2f s", way, seconds)
      assert.is_true(seconds < 1.2)
    end)
  end
end)

describe("forgelog.cache, when the database goes away,", function()
  it("says that it is not fresh, comes back by itself, and has lost nothing", function()
    server = service.start(db)
    load.must(writer, "INSERT INTO item (id, n) VALUES (-1, 1)")
    local first = writer:max_seq()
    load.pause(0.2)
    service.ask_until(server, "/item?id=-1", "1 hit")
    for round = 1, 2 do
      writer:close()
      if round == 1 then database:kill() else database:stop() end
      local stale = service.ask_until(server, "/fresh", "false")
      database:start()
      writer = load.connect(db)
      load.must(writer, "UPDATE item SET n = n + 1 WHERE id = -1")
      load.must(writer, "INSERT INTO item (n) SELECT g FROM generate_series(1, 100) g")
      service.ask_until(server, ("/item?id=-1"), ("%d hit"):format(round + 1), 15)
      support.note("database gone: not fresh after %.2f s", stale)
      assert.is_true(stale < 3.5)
    end
    local changes, twice = service.complete(server, writer, first, 2)
    assert.is_true(changes >= 202)
    assert.equal(0, twice)
  end)

  it("says so too when the database hangs", function()
    server = service.start(db)
    database_signal("STOP")
    local stale = service.ask_until(server, "/fresh", "false")
    database_signal("CONT")
    assert.is_true(stale < 3.5)
    service.ask_until(server, "/fresh", "true")
  end)
end)
