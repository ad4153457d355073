-- Workers of nginx of which one empties what all share, while another one stores what it read
-- before. It runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local service = require "support.service"
local support = require "support"

-- The other worker goes on when it is told, and blocks until then, so that it handles nothing.
local MORE = [[
  location /who { content_by_lua_block {
    ngx.print(cache:stats().leads and "leads" or "follows")
  } }
  location /late { content_by_lua_block {
    local seen, core = ngx.shared.seen, require "forgelog.core"
    if cache:stats().leads then return ngx.print("leads") end
    cache:get(ngx.var.arg_how, function()
      seen:set("late", "read")
      while seen:get("late") ~= "flushed" do core.poll(nil, "", 0.01) end
      return "old"
    end)
    seen:set("late", "stored")
    ngx.print("stored")
  } }
  location /purge { content_by_lua_block {
    local seen, items, core = ngx.shared.seen, ngx.shared.items, require "forgelog.core"
    if not cache:stats().leads then return ngx.print("follows") end
    if seen:get("late") ~= "read" then return ngx.print("early") end
    local marks = 0
    function items.set(dict, name, ...)
      if name == "forgelog:stale:" then marks = marks + 1 end
      if marks == 2 then                            -- all is flushed
        items.set = nil
        seen:set("late", "flushed")
        while seen:get("late") ~= "stored" do core.poll(nil, "", 0.01) end
      end
      return getmetatable(dict).__index.set(dict, name, ...)
    end
    if ngx.var.arg_how == "purge" then
      cache:purge("test")
    else
      cache._source:resync("gap")
    end
    ngx.print("purged")
  } }
  location /value { content_by_lua_block {
    ngx.print((cache:get(ngx.var.arg_how, function() return "new" end)))
  } }
  location /again { content_by_lua_block { ngx.shared.seen:delete("late") } }]]

describe("a cache in shared memory beside its ring", function()
  local db, log, server

  setup(function()
    db, log = logs.installed()
    server = service.start(db, { more = MORE })
  end)
  teardown(function()
    if server then server:stop() end
    log:close()
    support.drop(db)
  end)

  for how, what in pairs({ purge = "a purge", resync = "a resync" }) do
    it("keeps nothing that another worker stores in the middle of " .. what, function()
      server:get("/again")
      support.wait_until(function() return server:get("/late?how=" .. how, 0.3) ~= "leads" end,
        "a read", 5)
      support.wait_until(function() return server:get("/purge?how=" .. how) == "purged" end, what,
        5)
      for _ = 1, 10 do assert.equal("new", server:get("/value?how=" .. how)) end
    end)
  end
end)
