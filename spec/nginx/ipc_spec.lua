-- The adapter for lua-resty-mlcache's option ipc, inside the real nginx. It runs with the suite on
-- LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
  lua_shared_dict values 1m;
  lua_shared_dict told 1m;
  init_worker_by_lua_block {
    local told, me = ngx.shared.told, ngx.worker.id()
    cache = require("forgelog.cache").new({ conninfo = "$db", tables = { "item" },
      ops = { "INSERT", "UPDATE", "DELETE", "TRUNCATE", "RELOAD" } })
    ipc = cache:ipc()
    -- As mlcache does: its delete tells the others.
    local mlcache = { flush_all = function() ipc.broadcast("purge", "") end }
    function mlcache:delete(key)
      ngx.shared.values:delete(key)
      assert(ipc.broadcast("invalidation", key))
    end
    function mlcache:get(key) return ngx.shared.values:get(key) end
    function mlcache:set(key, value) ngx.shared.values:set(key, value) end
    assert(ipc.register_listeners({
      invalidation = {
        channel = "invalidation", handler = function(key) told:incr(me .. ":" .. key, 1, 0) end,
      },
      purge = { channel = "purge", handler = function() told:incr(me .. ":purge", 1, 0) end },
    }))
    cache:attach(mlcache)
    cache:start()
    target = mlcache
  }
  server {
    listen unix:$socket;
    location /up { content_by_lua_block {
      if not ipc.poll(0.5) then return ngx.exit(503) end
      ngx.print(ngx.worker.id())
    } }
    location /delete { content_by_lua_block {
      target:delete("a key\nof two lines")
      ngx.print(ngx.worker.id())
    } }
    location /told { content_by_lua_block {
      for worker = 0, 1 do
        local function times(what) return ngx.shared.told:get(worker .. ":" .. what) or 0 end
        ngx.print(times("a key\nof two lines"), " ", times("item:1"), " ", times("purge"), ";")
      end
    } }
    location /value { content_by_lua_block {
      ngx.print((cache:get("item:1", function() return "loaded" end)))
    } }
    location /held { content_by_lua_block {
      ngx.print(ngx.shared.values:get("item:1") or "none")
    } }
  }]]

describe("the ipc adapter", function()
  it("tells other workers through the log, but not of changes that all of them see", function()
    local db, writer = logs.installed()
    local server = nginx.start({ main = "worker_processes 2;", http = HTTP, vars = { db = db } })
    finally(function()
      server:stop()
      writer:close()
      support.drop(db)
    end)
    local fresh = {}
    support.wait_until(function()
      fresh[server:get("/up") or "none"] = true
      return fresh["0"] and fresh["1"]
    end, "both workers to be fresh")
    local sender = tonumber(server:get("/delete"))
    local wanted = sender == 0 and "0 0 0;1 0 0;" or "1 0 0;0 0 0;"
    local started = logs.now()
    support.wait_until(function() return server:get("/told") == wanted end,
      "the other worker to be told", 3)
    assert.is_true(logs.now() - started < 1)
    assert.equal("loaded", server:get("/value"))
    assert.equal("loaded", server:get("/held"))
    logs.must(writer, "INSERT INTO item (id, n) VALUES (1, 1)")
    support.wait_until(function() return server:get("/held") == "none" end,
      "the change to empty the cache", 3)
    logs.pause(0.3) -- a worker that is told wrongly is told by then
    assert.equal(wanted, server:get("/told"))
  end)
end)

