-- A cache in lua-resty-lrucache, and the adapter for lua-resty-mlcache's option ipc, on the real nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local load = require "support.load"
local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
  lua_shared_dict values 1m;
  lua_shared_dict told 1m;
  init_worker_by_lua_block {
    local told, me = ngx.shared.told, ngx.worker.id()
    cache = require("forgelog.cache").new({ conninfo = "$db", tables = { "item" } })
    ipc = cache:ipc()
    -- As mlcache does: its delete tells the others, and what holds the values is made with the adapter.
    local mlcache = { flush_all = function() ipc.broadcast("purge", "") end }
    function mlcache:delete(key)
      ngx.shared.values:delete(key)
      assert(ipc.broadcast("invalidation", key))
    end
    function mlcache:get(key) return ngx.shared.values:get(key) end
    function mlcache:set(key, value) ngx.shared.values:set(key, value) end
    assert(ipc.register_listeners({
      invalidation = { channel = "invalidation", handler = function(key) told:incr(me .. ":" .. key, 1, 0) end },
      purge = { channel = "purge", handler = function() told:incr(me .. ":purge", 1, 0) end },
    }))
    cache:attach(mlcache)
    cache:start()
    target = mlcache
  }
  server {
    listen unix:$socket;
    location /up { content_by_lua_block { ngx.exit(ipc.poll(0.5) and 200 or 503) } }
    location /delete { content_by_lua_block {
      target:delete("a key\nof two lines")
      ngx.print(ngx.worker.id())
    } }
    location /told { content_by_lua_block {
      for worker = 0, 1 do
        ngx.print(ngx.shared.told:get(worker .. ":a key\nof two lines") or 0, " ",
          ngx.shared.told:get(worker .. ":item:1") or 0, " ", ngx.shared.told:get(worker .. ":purge") or 0, ";")
      end
    } }
    location /value { content_by_lua_block { ngx.print((cache:get("item:1", function() return "loaded" end))) } }
    location /held { content_by_lua_block { ngx.print(ngx.shared.values:get("item:1") or "none") } }
  }]]

describe("the ipc adapter", function()
  it("tells other workers through the log, and nothing of what all of them see by themselves", function()
    local db, writer = load.installed()
    local server = nginx.start({ main = "worker_processes 2;", http = HTTP, vars = { db = db } })
    finally(function()
      server:stop()
      writer:close()
    end)
    for _ = 1, 20 do assert(server:get("/up")) end
    load.pause(1)
    local sender = tonumber(server:get("/delete"))
    local wanted = sender == 0 and "0 0 0;1 0 0;" or "1 0 0;0 0 0;"
    local started = load.now()
    support.wait_until(function() return server:get("/told") == wanted end, "the other worker to be told", 3)
    assert.is_true(load.now() - started < 1)
    assert.equal("loaded", server:get("/value"))
    assert.equal("loaded", server:get("/held"))
    load.must(writer, "INSERT INTO item (id, n) VALUES (1, 1)")
    support.wait_until(function() return server:get("/held") == "none" end, "the change to empty the cache", 3)
    load.pause(0.3)
    assert.equal(wanted, server:get("/told"))
  end)
end)

describe("a lua-resty-lrucache in each worker", function()
  it("is emptied by changes", function()
    local db, writer = load.installed()
    load.must(writer, "INSERT INTO item (id, n) VALUES (1, 1), (2, 2)")
    local server = nginx.start({ vars = { db = db }, main = "worker_processes 2;", http = [[
      init_worker_by_lua_block {
        cache = require("forgelog.cache").new({ conninfo = "$db", cache = require("resty.lrucache").new(100) })
        cache:start()
      }
      server {
        listen unix:$socket;
        location /up { content_by_lua_block { ngx.exit(cache:fresh() and 200 or 503) } }
        location /held { content_by_lua_block {
          local loaded = " held"
          ngx.print((cache:get(ngx.var.arg_key, function()
            loaded = " loaded"
            local log = assert(require("forgelog").connect("$db"))
            local row = log:query("SELECT n FROM item WHERE id = $1", ngx.var.arg_key:match("%d+"))[1]
            log:close()
            return row.n
          end)), loaded)
        } }
      }]] })
    finally(function()
      server:stop()
      writer:close()
    end)
    for _ = 1, 20 do support.wait_until(function() return server:get("/up") end, "a fresh cache") end
    support.wait_until(function() return server:get("/held?key=item:1") == "1 held" end, "a value that is held")
    for _ = 1, 20 do server:get("/held?key=item:2") end
    load.must(writer, "UPDATE item SET n = 10 WHERE id = 1")
    load.pause(0.5)
    for _ = 1, 20 do assert.equal("10", server:get("/held?key=item:1"):match("%d+")) end
    assert.equal("2 held", server:get("/held?key=item:2"))
    load.must(writer, "TRUNCATE item; INSERT INTO item (id, n) VALUES (2, 3)")
    load.pause(0.5)
    for _ = 1, 20 do assert.equal("3", server:get("/held?key=item:2"):match("%d+")) end
  end)
end)
