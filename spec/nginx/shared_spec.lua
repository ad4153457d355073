-- store/shared.lua inside the real nginx: positions that outlive workers. It runs with the suite on
-- LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local nginx = require "support.nginx"
local support = require "support"

local HTTP = [[
  lua_shared_dict positions 12k;
  lua_shared_dict others 64k;
  server {
    listen unix:$socket;
    location /up { return 200; }
    location /save { content_by_lua_block {
      local store = require("forgelog.store").shared("positions")
      local text = ("x"):rep(tonumber(ngx.var.arg_size) or 0)
      local ok, err = store:save(ngx.var.arg_name, ngx.var.arg_position or text)
      ngx.print(tostring(ok), " ", err and err.kind .. ": " .. err.message or "")
    } }
    location /load { content_by_lua_block {
      local store = require("forgelog.store").shared("positions")
      ngx.print(tostring(store:load(ngx.var.arg_name)))
    } }
    location /instance { content_by_lua_block {
      ngx.print(require("forgelog.store").shared("positions"):instance())
    } }
    location /full { content_by_lua_block {
      local i, ok = 0, true
      while ok do
        i, ok = i + 1, ngx.shared.positions:safe_set("filler:" .. i, "")
      end
      local cache = require("forgelog.cache").new({ cache = require("resty.lrucache").new(10),
        position = "positions", on_error = function(err) told = err.message end })
      cache:start()
      ngx.sleep(0.02)
      ngx.print(tostring(cache:fresh()), " ", told or "nothing")
      cache:stop()
    } }
    location /late {
      content_by_lua_block {
        local dict, said = ngx.shared.others, {}
        local function fill()
          for _, size in ipairs({ 1000, 400, 200, 100, 50, 1 }) do
            local i = 0
            repeat i = i + 1 until not dict:safe_set(size .. ":" .. i, ("x"):rep(size))
          end
        end
        local ring = require("forgelog.cache.ring").new(dict, "ring", false)
        local _, id = ring:restart("test")
        local cache = require("forgelog.cache").new({ cache = require("resty.lrucache").new(10),
          position = "others", on_error = function(err)
            if err.message:find("no room", 1, true) then said.told = err.message end
          end })
        cache:start()
        ngx.sleep(0.02)
        fill()
        -- The leader is gone, as it seems.
        for _, key in ipairs(dict:get_keys(0)) do
          if key:find("^forgelog:lease:") then
            dict:safe_set(key, "gone 1 " .. ("-"):rep(#dict:get(key) - 7))
          end
        end
        ngx.sleep(0.05)
        cache:stop()
        local ok, err = ring:prove(id, 1, 1)
        ngx.print(tostring(said.told), "; ", tostring(ok), " ", err and err.message or "")
      }
    }
    location /refused {
      content_by_lua_block {
        local cache = require("forgelog.cache").new({ cache = require("resty.lrucache").new(10),
          position = "others", on_error = function() end })
        local at = ngx.timer.at
        ngx.timer.at = function() return nil, "too many pending timers" end
        local first = pcall(cache.start, cache)
        local given = 0
        ngx.timer.at = function(seconds, ...)
          if seconds == 0 then given = given + 1 end
          if given > 1 then return nil, "too many pending timers" end
          return at(seconds, ...)
        end
        local second = pcall(cache.start, cache) -- its feed has no timer yet
        ngx.sleep(0.05)
        ngx.timer.at = at
        ngx.sleep(1.2)
        ngx.print(tostring(first), " ", tostring(second), " ", tostring(cache:stats().leads), " ",
          tostring(cache:stats().last_error ~= nil)) -- it has tried to connect
        cache:stop()
      }
    }
    location /none { content_by_lua_block {
      ngx.print(tostring(select(2, pcall(require("forgelog.store").shared, "elsewhere"))))
    } }
  }]]

describe("the shared store", function()
  local server
  before_each(function() server = nginx.start({ http = HTTP }) end)
  after_each(function() server:stop() end)

  it("keeps each consumer's position, and who this nginx is, beyond a reload", function()
    assert.equal("nil", server:get("/load?name=a"))
    assert.equal("true ", server:get("/save?name=a&position=1:7"))
    assert.equal("true ", server:get("/save?name=b&position=1:8"))
    local instance, old = server:get("/instance"), server:workers()[1]
    server:signal("HUP")
    support.wait_until(function() return not support.run("kill -0 " .. old) end, "a new worker", 10)
    assert.equal("1:7", server:get("/load?name=a"))
    assert.equal("1:8", server:get("/load?name=b"))
    assert.equal(instance, server:get("/instance"))
  end)

  it("tells one nginx from another by more than the time", function()
    local other = nginx.start({ http = HTTP })
    local one, another = server:get("/instance"), other:get("/instance")
    other:stop()
    assert.matches("^%x+%.%x+$", one)
    assert.not_equal(one:match("%.(.*)"), another:match("%.(.*)"))
  end)

  it("says so where a dictionary is full, and keeps what it held", function()
    assert.equal("true ", server:get("/save?name=a&position=1:7"))
    assert.matches("^nil query: lua_shared_dict positions: no memory", server:get(
      "/save?name=a&size=20000"))
    assert.equal("1:7", server:get("/load?name=a"))
  end)

  it("has a cache say so where it is full", function()
    assert.equal("false no room in the lua_shared_dict of a cache: no memory", server:get("/full"))
  end)

  it("has a cache say so where it became full: to take over, to tell how fresh it is", function()
    local none = "no room in the lua_shared_dict of a cache: no memory"
    assert.equal(none .. "; nil " .. none, server:get("/late"))
  end)

  it("has a cache begin once nginx has a timer for it", function()
    assert.equal("false true true true", server:get("/refused"))
  end)

  it("says so where there is no such dictionary", function()
    assert.matches("there is no lua_shared_dict elsewhere in nginx.conf", server:get("/none"), 1,
      true)
  end)
end)
