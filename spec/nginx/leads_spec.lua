-- What could keep the workers of an nginx from following. It runs with the suite on LuaJIT only,
-- since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local support = require "support"
local worker = require "support.worker"

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
