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

describe("a program's word to a cache with near", function()
  local db, log, server

  setup(function()
    db, log = logs.installed()
    server = service.start(db, { options = [[near = require("resty.lrucache").new(100),]],
      more = [[
        location /get { content_by_lua_block {
          local seen = ngx.shared.seen
          ngx.print(ngx.worker.id(), " ", (cache:get(ngx.var.arg_key, function()
            return seen:get("version") or "old"
          end)))
        } }
        location /call { content_by_lua_block {
          ngx.shared.seen:set("version", "new")
          if ngx.var.arg_how == "purge" then
            cache:purge("test")
          else
            cache:invalidate(ngx.var.arg_key)
          end
          ngx.print(ngx.worker.id())
        } }
        location /again { content_by_lua_block { ngx.shared.seen:delete("version") } }
        location /count { content_by_lua_block {
          ngx.print(ngx.worker.id(), " ", cache:stats().invalidated)
        } }]] })
  end)
  teardown(function()
    if server then server:stop() end
    log:close()
    support.drop(db)
  end)

  -- Asks until both workers have answered; returns what each said last.
  local function both(path)
    local said = {}
    support.wait_until(function()
      local worker, text = (server:get(path) or ""):match("^(%d) (.*)$")
      if worker then said[worker] = text end
      return said["0"] and said["1"]
    end, "both workers", 5)
    return said["0"] .. " " .. said["1"]
  end

  for _, how in ipairs({ "invalidate", "purge" }) do
    it("reaches what every worker has in its own memory: " .. how, function()
      server:get("/again")
      assert.equal("old old", both("/get?key=" .. how))
      server:get(("/call?how=%s&key=%s"):format(how, how))
      assert.equal("new new", both("/get?key=" .. how))
    end)
  end

  it("is told once, and not again by those who hear of it", function()
    local before = both("/count")
    local worker = server:get("/call?key=once")
    both("/get?key=once") -- they have heard of it
    local a, b = before:match("(%d+) (%d+)")
    assert.equal(("%d %d"):format(a + 1, b + 1), both("/count"), worker)
  end)
end)
