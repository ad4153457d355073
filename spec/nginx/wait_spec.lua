-- The waiter of OpenResty inside the real nginx: it keeps the contract of a waiter, and never
-- blocks the event loop. It runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local contract = require "support.contract"
local logs = require "support.logs"
local nginx = require "support.nginx"
local outage = require "support.outage"
local support = require "support"

-- The database has a server of its own, since it is made to hang.
local database, db, server

setup(function()
  database = support.server()
  local log
  db, log = logs.installed(database.conninfo)
  log:close()
end)
teardown(function() database:stop() end)
after_each(function()
  if server then server:stop() end
  server = nil
end)

describe("the waiter openresty", function()
  local HTTP = [[
    server {
      listen unix:$socket;
      location /up { return 200; }
      location /contract { content_by_lua_block {
        local openresty = require "forgelog.wait.openresty"
        local wait = ngx.var.arg_wait == "threads" and openresty.threads("forgelog") or nil
        local item = require("support.contract")[tonumber(ngx.var.arg_item)]
        local function run()
          local place = { wait = wait, conninfo = "$db", spawn = ngx.thread.spawn }
          local ok, err = pcall(item.test, place)
          return ok and "ok" or tostring(err)
        end
        if ngx.var.arg_place == "request" then return ngx.say(run()) end
        local answer
        ngx.timer.at(0, function() answer = run() end)
        repeat ngx.sleep(0.01) until answer
        ngx.say(answer)
      } }
    }]]

  for _, way in ipairs({ "naps", "threads" }) do
    for _, place in ipairs({ "request", "timer" }) do
      it(("keeps the contract with %s in a %s"):format(way, place), function()
        server = nginx.start({ http = HTTP, vars = { db = db } })
        for i, item in ipairs(contract) do
          local answer = server:get(("/contract?item=%d&wait=%s&place=%s"):format(i, way, place))
          assert(answer == "ok\n", ("%s: %s%s"):format(
            item.name, tostring(answer), answer and "" or server:log()))
        end
        assert.is_nil(server:log():match("%[error%].*"))
      end)
    end
  end
end)

describe("a worker that is told to exit", function()
  it("does so although a coroutine waits for a signal without end", function()
    local http = [[server {
      listen unix:$socket;
      location /up { return 200; }
      location /wait { content_by_lua_block {
        ngx.timer.at(0, function()
          local waiter = require "forgelog.wait.openresty"
          local task = waiter.spawn(function() waiter.signal():wait() end)
          ngx.log(ngx.ERR, "SLEEPS ", tostring(task.ended))
          while not task.ended do ngx.sleep(0.01) end
          ngx.log(ngx.ERR, "ENDED ", tostring(task.raised))
        end)
        ngx.say("ok")
      } }
    }]]
    server = nginx.start({ http = http, vars = { db = db } })
    assert.equal("ok\n", server:get("/wait"))
    support.wait_until(function() return server:log():find("SLEEPS false", 1, true) end, "it", 3)
    server:signal("QUIT")
    support.wait_until(function() return #server:workers() == 0 end, "the worker's end", 3)
    local said = server:log():match("ENDED [^,]*")
    assert.equal("ENDED forgelog: closed: the worker is exiting", said or server:log())
  end)
end)

describe("the phases that may not yield", function()
  it("are told by name", function()
    local try = [[_by_lua_block {
      local ok, err = pcall(require("forgelog").connect, "$db")
      ngx.log(ngx.ERR, "PHASE ", tostring(ok), " ", tostring(err))
    } ]]
    local filters = "header_filter" .. try .. "body_filter" .. try .. "log" .. try
    local http = "init_worker%s server { listen unix:$socket; location /up { %s return 200 x; } }"
    server = nginx.start({ vars = { db = db }, http = http:format(try, filters) })
    server:get("/up")
    for _, phase in ipairs({ "init_worker", "header_filter", "body_filter", "log" }) do
      local said = ("PHASE false forgelog: nothing can wait in the phase %s; "
        .. "do this in a timer"):format(phase)
      support.wait_until(function() return server:log():find(said, 1, true) end, said, 3)
    end
  end)
end)

local BOUND = 2 -- ms that forgelog may add to the p99 of a worker's requests

-- Sends requests one after another on one connection, a millisecond apart. Returns the milliseconds
-- within which 99 of 100 were answered, and the number of requests.
local function p99(seconds)
  local uv = require "luv"
  local pipe, times, sent = uv.new_pipe(false), {}, 0
  local deadline = logs.now() + seconds
  local timer = uv.new_timer()
  local function request()
    sent = logs.now()
    pipe:write("GET /up HTTP/1.1\r\nHost: nginx\r\n\r\n")
  end
  pipe:connect(server.dir .. "/socket", function(wrong)
    assert(not wrong, wrong)
    pipe:read_start(function(_, data)
      assert(data and data:find("200 OK", 1, true), "no answer")
      times[#times + 1] = logs.now() - sent
      if logs.now() < deadline then return timer:start(1, 0, request) end
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
    local core, forgelog = require "forgelog.core", require "forgelog"
    local openresty = require "forgelog.wait.openresty"
    local seconds, wait = tonumber(ngx.var.arg_seconds), ngx.var.arg_wait
    if wait == "threads" then wait = openresty.threads("forgelog") end
    local work = {}
    function work.statement(log) assert(log:query("SELECT pg_sleep(0.2)")) end
    function work.hanging(log) log:query("SELECT 1") end
    function work.connection()
      local silent = "host=127.0.0.1 port=$silent dbname=x user=x"
      local log, err = forgelog.connect(silent, { wait = wait, timeout = 0.3 })
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
    local port = support.wait_until(function() return silent:output():match("%d+") end,
      "a port")
    server = nginx.start({ http = BUSY, vars = { db = db, silent = port } })
  end)

  -- Measures requests beside a database that answers slowly, and requests alone, in turn. The best
  -- round of each counts, since others use this machine too, and the time they take only ever adds;
  -- a blocked worker is blocked in each round.
  local function measure(how, wait, rounds, most)
    local alone, beside, requests = math.huge, math.huge, 0
    for round = 1, most or rounds do
      if round > rounds and beside - alone <= BOUND then break end
      alone = math.min(alone, (p99(0.7)))
      assert(server:get(("/begin?how=%s&wait=%s&seconds=1"):format(how, wait)))
      if how == "hanging" then outage.begin(database) end
      logs.pause(0.35)
      local time, count = p99(0.7)
      if how == "hanging" then outage.finish(database) end
      beside, requests = math.min(beside, time), requests + count
      logs.pause(0.6)
    end
    support.note("%s, %s: p99 of %d requests %.2f ms, without forgelog %.2f ms", how, wait,
      requests, beside, alone)
    return beside - alone
  end

  for _, how in ipairs({ "statement", "connection", "hanging" }) do
    for _, wait in ipairs({ "openresty", "threads" }) do
      it(("is not blocked by a slow %s, waiting by %s"):format(how, wait), function()
        local more = measure(how, wait, 2, 12)
        assert.is_nil(server:log():match("%[error%].*"))
        if logs.measurable() then assert.is_true(more <= BOUND, more .. " ms") end
      end)
    end

    it(("is blocked by a slow %s with the waiter of plain scripts"):format(how), function()
      local more
      for _ = 1, 3 do -- this machine may have begun too late what is to be slow
        more = measure(how, "poll", 1)
        if more > 50 then break end
      end
      assert.is_true(more > 50, more .. " ms")
    end)
  end
end)

