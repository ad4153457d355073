-- A cache of two levels inside the real nginx: a lua-resty-lrucache in each worker before a
-- lua_shared_dict of all. It runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local support = require "support"
local worker = require "support.worker"

local db, log, server

setup(function()
  db, log = logs.installed()
  logs.must(log, "CREATE TABLE quiet (id int PRIMARY KEY)")
  assert(log:watch("quiet"))
end)
teardown(function()
  log:close()
  support.drop(db)
end)
after_each(function()
  if server then server:stop() end
  server = nil
end)

-- Two caches of one worker that share a lua_shared_dict, in the place of two workers. They hear of
-- changes from the spec alone, one before the other.
local MORE = [[
  one = { cache = ngx.shared.others, near = lrucache.new(100), feed = "worker",
    tables = { "quiet" } },
  other = { cache = ngx.shared.others, near = lrucache.new(100), feed = "worker",
    tables = { "quiet" } },
]]

describe("a cache with near", function()
  local function run(code)
    server = server or worker.start(db, { more = MORE })
    return server:run("local one, other, far = caches.one, caches.other, ngx.shared.others\n"
      .. code)
  end

  it("takes what another worker has loaded into its own memory", function()
    assert.equal("loaded, other: loaded, false; near: loaded, false; 4 hits, 0 misses, 0 loads",
      run([[
      local said = { one:get("a", function() return "loaded" end) }
      one:get("b", function() return false end)
      local function get()
        said[#said + 1] = other:get("a", error) .. ", " .. tostring(other:get("b", error))
      end
      local count = counted(other, function()
        get()
        far:delete("a")
        far:delete("b")
        get()
      end)
      return ("%s, other: %s; near: %s; %s"):format(said[1], said[2], said[3], count)]]))
  end)

  it("deletes in its own memory what a change makes stale", function()
    assert.equal("new, new", run([[
      one:get("c", function() return "old" end)
      other:get("c", error)
      for _, cache in ipairs({ one, other }) do cache:invalidate("c") end
      return one:get("c", function() return "new" end) .. ", " .. other:get("c", error)]]))
    assert.equal("new, new", run([[
      one:get("d", function() return "old" end)
      other:get("d", error)
      for _, cache in ipairs({ one, other }) do cache:purge("test") end
      return one:get("d", function() return "new" end) .. ", " .. other:get("d", error)]]))
  end)

  -- As where a tombstone was dropped for want of room.
  for how, mark in pairs({ ["invalidate(key)"] = "key", ["purge('test')"] = "''" }) do
    it("keeps no old value that another worker stores late, after " .. how, function()
      local code = [[
        local key = "late"
        other:get(key, function()
          one:$how                                  -- this worker has heard of the change
          far:delete("forgelog:stale:" .. $mark)
          return "old"
        end)
        local seen = one:get(key, error)            -- in shared memory, without a tombstone
        other:invalidate(key)
        return seen .. ", " .. one:get(key, function() return "new" end)]]
      assert.equal("old, new", run((code:gsub("%$(%w+)", { how = how, mark = mark }))))
    end)
  end

  it("gives an old value to nobody who has heard of the change, not for a moment", function()
    assert.equal("new", run([[
      local seen
      function far.set(dict, key, ...)
        far.set = nil
        one:invalidate(key)                         -- this worker hears of the change here
        local ok = dict:set(key, ...)
        seen = one:get(key, function() return "new" end)
        return ok
      end
      other:get("moment", function() return "old" end)
      return seen]]))
  end)

  it("leaves a new value in its place where an old one comes late", function()
    assert.equal("new", run([[
      other:get("place", function()
        one:invalidate("place")
        one:get("place", function() return "new" end)
        return "old"
      end)
      return tostring(far:get("place"))]]))
  end)

  it("makes no old value stay that another worker has stored in the place of its own", function()
    assert.equal("true, new", run([[
      local late
      function far.replace(dict, key, ...)
        far.replace = nil
        late = dict:set(key, "old", 0.1) -- as by another worker, which is killed then
        return dict:replace(key, ...)
      end
      one:get("other", function() return "new" end)
      return ("%s, %s"):format(tostring(late), tostring(far:get("other")))]]))
  end)

  -- The error ends the worker that stores in its place, as far as the others can tell.
  it("soon ends an old value that took a newer one's place, though its worker is killed", function()
    assert.equal("killed, nil", run([[
      function far.replace(dict, key, ...)
        far.replace = nil
        one:invalidate(key)                         -- this worker hears of the change
        one:get(key, function() return "newer" end)
        dict:replace(key, ...)
        error("killed")
      end
      local _, why = pcall(other.get, other, "killed", function() return "old" end)
      ngx.sleep(0.11)                               -- as long as it lives
      return ("%s, %s"):format(why:match("killed"), tostring(far:get("killed")))]]))
  end)

  for what, act in pairs({
    ["another worker has stored in the place of its own"] = [[dict:set(key, "old", 0.1, 1)]],
    ["was flushed before"] = [[one:purge("test")]],
  }) do
    it("does not make a value stay that " .. what, function()
      assert.equal("true, nil", run(([[
        for i = 1, 100 do far:set(i, i) end -- the oldest few are gone at once after a flush
        local called = false
        function far.expire(dict, key, ...)
          called, far.expire = true, nil
          %s
          return dict:expire(key, ...)
        end
        other:get("stay", function() return "mine" end)
        local held = far:get("stay")
        far:delete("stay")
        return ("%%s, %%s"):format(tostring(called), tostring(held))]]):format(act)))
    end)
  end

  it("keeps nothing where all is purged just before it would be made to stay", function()
    assert.equal("nil", run([[
      for i = 1, 100 do far:set(i, i) end -- the oldest few are gone at once after a flush
      function far.replace(dict, ...)
        far.replace = nil
        one:purge("test")
        return dict:replace(...)
      end
      other:get("purged", function() return "old" end)
      return tostring(far:get("purged"))]]))
  end)

  it("does not stop to give back the room of all that is purged", function()
    assert.equal("1000", run([[
      local freed
      function far.flush_expired(dict, ...)
        far.flush_expired = nil
        freed = dict:flush_expired(...)
        return freed
      end
      for i = 1, 3000 do far:set(i, i) end
      one:purge("test")
      return tostring(freed)]]))
  end)

  -- Another one empties what all share, perhaps a moment later.
  it("takes nothing from before it has forgotten what it held, in the moment after that", function()
    assert.equal("old, new", run([[
      local LONG_AGO = 70000
      one:get("aged", function() return "old" end)
      local value, flags = far:get("aged")
      far:set("aged", value, 0, (flags - LONG_AGO) % (2 ^ 31 - 2))
      other._held:forget()
      local seen = other:get("aged", error)
      one:invalidate("aged")
      return seen .. ", " .. other:get("aged", function() return "new" end)]]))
  end)

  it("needs a lua_shared_dict behind it", function()
    assert.matches("near must be a lua-resty-lrucache, and cache a lua_shared_dict", run([[
      local lrucache = require "resty.lrucache"
      return refusal(require("forgelog.cache").new, { cache = lrucache.new(1),
        near = lrucache.new(1) })]]), 1, true)
  end)
end)
