-- The adapter for lua-resty-mlcache's option ipc, inside the real nginx. It runs with the suite on
-- LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
  lua_shared_dict values 1m;
  lua_shared_dict told 1m;
  init_by_lua_block {
    local told = ngx.shared.told
    local function count(what) told:incr(ngx.worker.id() .. ":" .. what, 1, 0) end
    function make()
      cache = require("forgelog.cache").new({ conninfo = "$db", tables = { "item" },
        ops = { "INSERT", "UPDATE", "DELETE", "TRUNCATE", "RELOAD" },
        keys = function(change)
          if change.row_id ~= "7" then return "item:" .. change.row_id end
          told:incr("waiting", 1, 0)
          repeat ngx.sleep(0.01) until told:get("go")
        end })
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
        invalidation = { channel = "invalidation", handler = count },
        purge = { channel = "purge", handler = function() count("purge") end },
      }))
      cache:attach(mlcache)
      target = mlcache
    end
    $early
  }
  init_worker_by_lua_block {
    $late
    cache:start()
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
    location /waiting { content_by_lua_block { ngx.print(ngx.shared.told:get("waiting")) } }
    location /go { content_by_lua_block { ngx.shared.told:set("go", true) } }
    location /value { content_by_lua_block {
      ngx.print((cache:get("item:1", function() return "loaded" end)))
    } }
    location /held { content_by_lua_block {
      ngx.print(ngx.shared.values:get("item:1") or "none")
    } }
  }]]

describe("the ipc adapter", function()
  local db, writer, server

  before_each(function() db, writer = logs.installed() end)
  after_each(function()
    if server then server:stop() end
    writer:close()
    support.drop(db)
  end)

  local function start(vars)
    vars.db, vars.early, vars.late = db, vars.early or "", vars.late or ""
    server = nginx.start({ main = "worker_processes 2;", http = HTTP, vars = vars })
    local fresh = {}
    support.wait_until(function()
      fresh[server:get("/up") or "none"] = true
      return fresh["0"] and fresh["1"]
    end, "both workers to be fresh")
  end

  -- One worker deletes a key. Returns what is said once the other one was told.
  local function delete(after)
    local sender = server:get("/delete")
    if after then server:get(after) end
    local wanted = sender == "0" and "0 0 0;1 0 0;" or "1 0 0;0 0 0;"
    support.wait_until(function() return server:get("/told") == wanted end,
      "the other worker to be told", 3)
    return wanted
  end

  it("tells other workers through the log, but not of changes that all of them see", function()
    start({ late = "make()" })
    local started = logs.now()
    local wanted = delete()
    assert.is_true(logs.now() - started < 1)
    assert.equal("loaded", server:get("/value"))
    assert.equal("loaded", server:get("/held"))
    logs.must(writer, "INSERT INTO item (id, n) VALUES (1, 1)")
    support.wait_until(function() return server:get("/held") == "none" end,
      "the change to empty the cache", 3)
    logs.pause(0.3) -- a worker that is told wrongly is told by then
    assert.equal(wanted, server:get("/told"))
  end)

  it("tells other workers where it was made before they were", function()
    start({ early = "make()" })
    delete()
  end)

  it("tells of what a request deletes while its worker handles a change", function()
    start({ late = "make()" })
    logs.must(writer, "INSERT INTO item (id, n) VALUES (7, 1)")
    support.wait_until(function() return server:get("/waiting") == "2" end, "both workers", 3)
    delete("/go")
  end)
end)
