-- A worker that is killed between two steps of storing a value which is old by then, inside the
-- real nginx. It runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local service = require "support.service"
local support = require "support"

describe("a cache in shared memory", function()
  local db, log, server

  setup(function() db, log = logs.installed() end)
  teardown(function()
    if server then server:stop() end
    log:close()
    support.drop(db)
  end)

  it("does not keep an old value whose worker is killed once it has stored it", function()
    server = service.start(db, { more = [[
      location /late { content_by_lua_block {
        local items, seen = ngx.shared.items, ngx.shared.seen
        if cache:stats().leads then return ngx.print("leads") end
        function items.set(dict, ...)
          if ... ~= "item:-5" then return getmetatable(dict).__index.set(dict, ...) end
          items.set = nil
          seen:set("read:item:-5", "storing")
          -- Until the other one has heard of the change, and has proven that it is told.
          while seen:get("read:item:-5") == "storing" do
            require("forgelog.core").poll(nil, "", 1.5)
          end
          dict:set(...)
          os.execute("kill -9 " .. ngx.worker.pid())
          require("forgelog.core").poll(nil, "", 1)
        end
        cache:get("item:-5", function() return 1 end)
      } }
      location /go_on { content_by_lua_block {
        if ngx.shared.items:get("forgelog:stale:item:-5") then
          ngx.shared.seen:set("read:item:-5", "known")
          ngx.print("known")
        end
      } }]] })
    logs.must(log, "INSERT INTO item (id, n) VALUES (-5, 1)")
    service.complete(server, log, log:max_seq() - 1, 2)
    logs.pause(1) -- until it is proven that this is told, and the next worker does not begin there
    support.wait_until(function()
      return server:get("/late", 0.3) ~= "leads" and server:get("/read?id=-5", 0.3) == "storing"
    end, "a value to be stored")
    logs.must(log, "UPDATE item SET n = 2 WHERE id = -5")
    local workers = table.concat(server:workers(), " ")
    support.wait_until(function() return server:get("/go_on", 0.3) == "known" end,
      "the other worker to hear of the change")
    support.wait_until(function() return table.concat(server:workers(), " ") ~= workers end,
      "the worker to be killed")
    service.ask_until(server, "/item?id=-5", "2 hit")
    for _ = 1, 10 do assert.equal("2", server:get("/item?id=-5"):match("%d+")) end
  end)
end)
