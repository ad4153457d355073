-- What could keep the workers of an nginx from following. It runs with the suite on LuaJIT only,
-- since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local nginx = require "support.nginx"
local service = require "support.service"
local support = require "support"
local worker = require "support.worker"

local BOUND = 1 -- seconds: stale_after

local db, log, server

setup(function() db, log = logs.installed() end)
teardown(function()
  log:close()
  support.drop(db)
end)
after_each(function()
  if server then server:stop() end
  server = nil
end)

local function change()
  logs.must(log, "INSERT INTO item (id, n) VALUES (1, 1)"
    .. " ON CONFLICT (id) DO UPDATE SET n = item.n + 1")
end

describe("a cache that is stopped and started at once", function()
  for _, feed in ipairs({ "nginx", "worker" }) do
    it("goes on, with one feed for each " .. feed, function()
      server = worker.start(db, { more = ([[
        again = { cache = ngx.shared.others, feed = "%s", poll = 0.2, stale_after = 0.5 },
      ]]):format(feed) })
      assert.equal("true", server:run([[
        local cache = caches.again
        local function fresh() return cache:fresh() end
        cache:start()
        soon(fresh)
        cache:stop()
        cache:start()
        soon(fresh)
        ngx.sleep(1)                                -- what was proven before is too old by then
        soon(fresh)
        for _ = 1, 3 do                             -- at any moment of its end
          cache:stop()
          ngx.sleep(0.1 * math.random())
          cache:start()
        end
        ngx.sleep(1)
        soon(fresh)
        cache:stop()
        ngx.sleep(1)
        return tostring(not cache:fresh())]]))
    end)
  end
end)

describe("a worker of nginx", function()
  local HTTP = [[
    lua_shared_dict positions 1m;
    $directives
    init_worker_by_lua_block {
      local reports, right = 0, 0
      function busy() repeat ngx.sleep(0.01) until free end
      function sick()
        if bad == "exit" then ngx.exit(444) end
        if bad then error("of no use") end
      end
      $first
      cache = require("forgelog.cache").new({ conninfo = "$db", position = "positions",
        feed = "$feed", stale_after = $bound, poll = 0.3, backoff_max = 0.3, keys = sick,
        cache = require("resty.lrucache").new(10),
        on_error = function(err)
          reports = reports + 1
          if err.message:find("ngx.exit", 1, true) then gone = true end
          local told = err.code == "handler_failed" and err.message:find("of no use", 1, true)
          if told then right = right + 1 end
          said = ("%d of %d"):format(right, reports)
          error("of no use either")
        end })
      cache:start()
    }
    server {
      listen unix:$socket;
      location /up { return 200; }
      location /bad { content_by_lua_block { bad = not bad ngx.print("set") } }
      location /exit { content_by_lua_block { bad = ngx.var.arg_bad and "exit" ngx.print("set") } }
      location /gone { content_by_lua_block {
        cache:fresh()
        ngx.print(tostring(gone))
      } }
      location /free { content_by_lua_block { free = true ngx.print("set") } }
      location /fresh { content_by_lua_block { ngx.print(tostring(cache:fresh())) } }
      location /said { content_by_lua_block { ngx.print(said) } }
    }]]

  local function start(feed, directives, first)
    server = nginx.start({ http = HTTP, vars = { db = db, bound = BOUND, feed = feed,
      directives = directives or "", first = first or "" } })
  end

  local function exits()
    local pid = server:workers()[1]
    server:signal("HUP")
    support.wait_until(function() return not support.alive({ pid = pid }) end, "its exit", 5)
  end

  for _, feed in ipairs({ "nginx", "worker" }) do
    it("goes on where on_error raises, and exits, with one feed for each " .. feed, function()
      start(feed)
      service.ask_until(server, "/fresh", "true")
      server:get("/bad")
      change()
      -- More than one part reports, and each report is an error of forgelog with its cause.
      local right, reports
      support.wait_until(function()
        right, reports = (server:get("/said") or ""):match("(%d+) of (%d+)")
        return reports and tonumber(reports) >= 4
      end, "4 reports")
      assert.equal(reports, right)
      server:get("/bad")
      service.ask_until(server, "/fresh", "true")
      exits()
    end)

    it("goes on where a callback calls ngx.exit, and exits, with one feed for each " .. feed,
      function()
        start(feed)
        service.ask_until(server, "/fresh", "true")
        server:get("/exit?bad=1")
        change()
        service.ask_until(server, "/gone", "true")
        server:get("/exit")
        service.ask_until(server, "/fresh", "true")
        support.wait_until(function()
          return logs.must(log, [[SELECT count(*) AS n FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()]])[1].n == 1
        end, "the one connection of the cache", 5)
        server:get("/exit?bad=1")
        change()
        support.wait_until(function() return server:get("/fresh") == "false" end, "its end")
        exits()
      end)

    it("follows although its timer was dropped, and exits, with one feed for each " .. feed,
      function()
        start(feed, "lua_max_running_timers 2;", "for _ = 1, 2 do ngx.timer.at(0, busy) end")
        local dropped = "lua_max_running_timers are not enough"
        support.wait_until(function() return server:log():find(dropped, 1, true) end, dropped)
        server:get("/free")
        service.ask_until(server, "/fresh", "true")
        exits()
      end)
  end
end)

describe("workers with one feed", function()
  local HTTP = [[
    lua_shared_dict items 1m;
    lua_shared_dict seen 1m;
    init_worker_by_lua_block {
      local seen, me = ngx.shared.seen, ngx.worker.pid()
      local keys = { $keys }
      cache = require("forgelog.cache").new({ conninfo = "$db", cache = ngx.shared.items,
        stale_after = $bound, poll = 0.3, backoff_max = 0.3,
        on_error = function(err) ngx.log(ngx.WARN, tostring(err)) end,
        keys = function(change)
          keys[1](seen, me)
          return change.row_id
        end })
      cache:start()
    }
    server {
      listen unix:$socket;
      location /up { return 200; }
      location /fresh { content_by_lua_block {
        local sick = ngx.shared.seen:get("sick") == ngx.worker.pid()
        ngx.print(sick and "sick " or "well ", tostring(cache:fresh()))
      } }
      location /spin { content_by_lua_block {
        if cache:stats().leads then return ngx.print("leads") end
        collectgarbage("stop")
        ngx.shared.seen:set("spinning", true)
        repeat cache:fresh() until false
      } }
      location /spinning { content_by_lua_block {
        ngx.print(tostring(ngx.shared.seen:get("spinning")))
      } }
    }]]

  local function start(keys)
    server = nginx.start({ main = "worker_processes 2;", http = HTTP,
      vars = { db = db, bound = BOUND, keys = keys } })
    for _ = 1, 6 do service.ask_until(server, "/fresh", "well true") end
  end

  it("are led by another one where the first to lead cannot handle what it is told", function()
    start([[ function(seen, me)
      if cache:stats().leads then seen:safe_add("sick", me) end
      if seen:get("sick") == me then error("of no use") end
    end ]])
    change()
    logs.pause(BOUND + 0.1) -- what was proven before is too old by then
    service.ask_until(server, "/fresh", "well true", 5)
    change()
    logs.pause(BOUND + 0.1)
    service.ask_until(server, "/fresh", "well true", 5)
  end)

  it("go on where it takes long to handle what they are told", function()
    start("function() ngx.sleep(0.2) end")
    logs.must(log, "INSERT INTO item (id, n) SELECT g, 1 FROM generate_series(101, 116) g")
    logs.pause(BOUND + 0.1) -- what was proven before is too old by then
    for _ = 1, 6 do service.ask_until(server, "/fresh", "well true", 30) end
    assert.not_matches("in use", server:log())
  end)

  it("say so where a change is too large to be told, and go on", function()
    logs.must(log, "CREATE TABLE wide (id int PRIMARY KEY, text text)")
    assert(log:watch("wide", { keep = { "text" } }))
    start("function() end")
    logs.must(log, "INSERT INTO wide VALUES (1, repeat('x', 9000))")
    logs.must(log, "UPDATE wide SET text = repeat('y', 9000)")
    support.wait_until(function()
      return server:log():find("bytes of a change are more than the ring of a cache takes", 1, true)
    end, "an error")
    for _ = 1, 6 do service.ask_until(server, "/fresh", "well true") end
  end)

  it("take what they are told where a request ended while it took that", function()
    start([[ function(seen, me)
      if ngx.get_phase() ~= "content" or not seen:safe_add("sick", me) then return end
      ngx.sleep(0.001)
      ngx.exit(444)
    end ]])
    support.wait_until(function() return server:get("/spin", 0.2) ~= "leads" end, "a request")
    assert.equal("true", server:get("/spinning"))
    change()
    service.ask_until(server, "/fresh", "sick true", 5)
  end)
end)
