-- What several ask forgelog.cache for at one time is loaded once, inside the real nginx: whoever
-- asks first is ended, fails, is slow, or has loaded what became stale. It runs with the suite on
-- LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local support = require "support"
local worker = require "support.worker"

local MORE = [[
  idle = { cache = lrucache.new(100), poll = 0.5 },
  alone = { cache = lrucache.new(100), load_wait = 0 },
]]

-- The second asks from a phase that cannot wait, while another request loads.
local LOCATIONS = [[
  location /slow { content_by_lua_block {
    ngx.print((caches.lrucache:get("phase", function()
      in_slow = true
      ngx.sleep(0.25)
      return "slow"
    end)))
  } }
  location /log {
    content_by_lua_block { ngx.print("answered") }
    log_by_lua_block {
      said_in_log = caches.lrucache:get("phase", function() return "at once" end)
    }
  }
  location /leave { content_by_lua_block {
    ngx.say(caches.lrucache:get("left", function() ngx.exit(200) end))
  } }
  location /wait { content_by_lua_block {
    waits = true
    ngx.print(caches.lrucache:get(ngx.var.arg_key, function() ngx.sleep(600) end))
  } }
]]

local db, server

setup(function()
  local log
  db, log = logs.installed()
  log:close()
  server = worker.start(db, { more = MORE, locations = LOCATIONS })
end)
teardown(function()
  server:stop()
  support.drop(db)
end)

local function run(holder, code)
  return server:run(("local cache = caches.%s\n"):format(holder) .. code)
end

for _, holder in ipairs({ "shared", "lrucache", "own" }) do
  describe("twenty that ask for one key in " .. holder, function()
    it("are given what one has loaded", function()
      assert.equal("20 x true value nil; 0 hits, 20 misses, 1 loads", run(holder, [[
        local said
        local count = counted(cache, function()
          said = at_once(20, cache.get, cache, "one", function() ngx.sleep(0.02) return "value" end)
        end)
        return tally(said) .. "; " .. count]]))
    end)

    it("are given its nil and error, its false, or raise what it raised", function()
      assert.equal("20 x true true nil why nil; 20 x true true false nil nil; "
        .. "20 x true false raised nil nil; 0 hits, 60 misses, 3 loads", run(holder, [[
        local said = {}
        local function try(how, ...)
          local load = how == "raise" and function() ngx.sleep(0.01) error("raised", 0) end
            or function(_, ...) ngx.sleep(0.01) return ... end
          local function get(...)
            local ok, value, err = pcall(cache.get, cache, how, load, ...)
            return ("%s %s %s"):format(ok, value, err)
          end
          said[#said + 1] = tally(at_once(20, get, ...))
        end
        local count = counted(cache, function()
          try("error", nil, "why")
          try("false", false)
          try("raise")
        end)
        return table.concat(said, "; ") .. "; " .. count]]))
    end)
  end)
end

describe("a load that is under way", function()
  it("is for nobody who asks after the key was made stale", function()
    assert.equal("before: 5 x old, after: 5 x new, kept: new, 2 loads", run("shared", [[
      local value, before, after = "old", {}, {}
      local function load()
        local read = value
        ngx.sleep(read == "old" and 0.1 or 0.01)
        return read
      end
      local function into(list)
        return function()
          local found = cache:get("stale", load)
          list[#list + 1] = found
        end
      end
      local count = counted(cache, function()
        local threads = {}
        for i = 1, 5 do threads[i] = ngx.thread.spawn(into(before)) end
        value = "new"
        cache:invalidate("stale")
        for i = 6, 10 do threads[i] = ngx.thread.spawn(into(after)) end
        for i = 1, 10 do ngx.thread.wait(threads[i]) end
      end)
      return ("before: %s, after: %s, kept: %s, %s"):format(tally(before), tally(after),
        cache:get("stale", error), count:match("%d+ loads"))]]))
    assert.equal("new", run("lrucache", [[
      local function old() ngx.sleep(0.05) return "old" end
      local first = ngx.thread.spawn(cache.get, cache, "p", old)
      cache:purge("test")
      local value = cache:get("p", function() return "new" end)
      ngx.thread.wait(first)
      return cache:get("p", error)]]))
  end)

  it("is for nobody who asks after another worker has found the key stale", function()
    assert.equal("new", run("shared", [[
      -- As another worker does: this one has not heard of the change.
      local other = require("forgelog.cache").new({ cache = ngx.shared.items })
      local function old() ngx.sleep(0.05) return "old" end
      local first = ngx.thread.spawn(cache.get, cache, "o", old)
      other:invalidate("o")
      local value = cache:get("o", function() return "new" end)
      ngx.thread.wait(first)
      assert(cache:get("o", error) == "new")
      return value]]))
  end)

  it("is waited for where the cache is not fresh, and then not kept", function()
    assert.equal("10 x true 1 nil; 0 hits, 10 misses, 1 loads; 2", run("idle", [[
      local n, said = 0, nil
      local function load() n = n + 1 ngx.sleep(0.01) return n end
      local count = counted(cache, function() said = at_once(10, cache.get, cache, "x", load) end)
      return tally(said) .. "; " .. count .. "; " .. cache:get("x", load)]]))
  end)

  it("may get other keys, and the same key, which it then loads by itself", function()
    assert.equal("outer(other, inner); inner is not kept: outer(other, inner)", run("lrucache", [[
      local function load(key)
        return ("outer(%s, %s)"):format(cache:get("of " .. key, function() return "other" end),
          cache:get(key, function() ngx.sleep(0.01) return "inner" end))
      end
      return cache:get("nested", load) .. "; inner is not kept: " .. cache:get("nested", error)]]))
  end)

  it("that waits for one that waits for it goes on after load_wait", function()
    assert.equal("2 x true done nil", run("lrucache", [[
      local started, depth = require("forgelog.core").now(), 0
      local said = {}
      local function load(_, other)
        ngx.sleep(0.01)
        depth = depth + 1
        if depth > 2 then return "done" end
        return cache:get(other, load, "none")
      end
      local threads = { ngx.thread.spawn(cache.get, cache, "a", load, "b"),
        ngx.thread.spawn(cache.get, cache, "b", load, "a") }
      for i, thread in ipairs(threads) do
        local ok, value = ngx.thread.wait(thread)
        said[i] = tostring(ok) .. " " .. tostring(value) .. " nil"
      end
      assert(require("forgelog.core").now() - started < 1)
      return tally(said)]]))
  end)
end)

-- Asks for a key while a load of it is under way that will never end. Returns how many loads that
-- took, and the seconds.
local function asked_for(key)
  local said = run("lrucache", ([[
    local now, said = require("forgelog.core").now, nil
    local started = now()
    local count = counted(cache, function()
      said = at_once(20, cache.get, cache, %q, function() ngx.sleep(0.01) return "loaded" end)
    end)
    local loads = count:match("%%d+ loads")
    return ("%%s; %%s; %%s"):format(tally(said), loads, now() - started)]]):format(key))
  local answers, seconds = said:match("^(.*); ([%d.]+)$")
  assert.equal("20 x true loaded nil; 1 loads", answers, said)
  return tonumber(seconds)
end

describe("a request that ends in the middle of its load", function()
  it("keeps the others waiting for load_wait at most: by ngx.exit", function()
    server:get("/leave")
    assert.is_true(asked_for("left") < logs.at_most(0.5))
  end)

  it("keeps the others waiting for load_wait at most: its client has gone", function()
    assert.is_nil(server:get("/wait?key=gone", 0.1))
    assert.equal("true", server:run("return tostring(waits)"))
    assert.is_true(asked_for("gone") < logs.at_most(0.5))
  end)

  it("keeps the others waiting for load_wait at most: its thread is killed", function()
    assert.equal("3 x true loaded nil; 1 loads", run("lrucache", [[
      local thread = ngx.thread.spawn(cache.get, cache, "killed", function() ngx.sleep(600) end)
      local said
      local count = counted(cache, function()
        local all = ngx.thread.spawn(function()
          said = at_once(3, cache.get, cache, "killed", function() return "loaded" end)
        end)
        ngx.sleep(0.01)
        ngx.thread.kill(thread)
        ngx.thread.wait(all)
      end)
      return tally(said) .. "; " .. count:match("%d+ loads")]]))
  end)

  it("leaves nothing behind", function()
    local kilobytes = tonumber(run("lrucache", [[
      local function used() collectgarbage() collectgarbage() return collectgarbage("count") end
      local before = used()
      for i = 1, 100 do
        local key = i .. ("x"):rep(100000)
        local thread = ngx.thread.spawn(cache.get, cache, key, function() ngx.sleep(600) end)
        ngx.thread.kill(thread)
      end
      return used() - before]]))
    assert.is_true(kilobytes < 2000, kilobytes .. " kB")
  end)

  it("and was only slow answers all who wait, and keeps nothing that became stale since", function()
    assert.equal("slow, slow, second, new; 3 loads", run("lrucache", [[
      local second_began, said = false, nil
      local function slow() soon(function() return second_began end) return "slow" end
      local function second() second_began = true ngx.sleep(0.1) return "second" end
      local function get(load) return (cache:get("slow", load)) end
      local count = counted(cache, function()
        local first = ngx.thread.spawn(get, slow)
        local threads = { ngx.thread.spawn(get, second), ngx.thread.spawn(get, error) }
        local function result(thread) return (select(2, ngx.thread.wait(thread))) end
        said = { result(first), result(threads[2]) }
        -- The second load is under way still.
        cache:invalidate("slow")
        get(function() return "new" end)
        said[3] = result(threads[1])
        said[4] = get(error)
      end)
      return table.concat(said, ", ") .. "; " .. count:match("%d+ loads")]]))
  end)
end)

describe("a get that cannot wait", function()
  it("loads by itself", function()
    local slow = support.start(
      ("curl -s --unix-socket %s/socket http://nginx/slow"):format(server.dir))
    server:run_until("return tostring(in_slow)", "true")
    assert.equal("answered", server:get("/log"))
    assert.equal("at once", server:run("return tostring(said_in_log)"))
    local _, answer = slow:wait()
    assert.equal("slow", answer)
  end)

  it("is never made to, with load_wait = 0", function()
    assert.equal("5 x true value nil; 5 loads", run("alone", [[
      local said
      local count = counted(cache, function()
        said = at_once(5, cache.get, cache, "k", function() ngx.sleep(0.01) return "value" end)
      end)
      return tally(said) .. "; " .. count:match("%d+ loads")]]))
  end)
end)
