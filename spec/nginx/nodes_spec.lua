-- What could keep an nginx from following: another one of its configuration on the same log, and
-- that it runs too many timers for a while. It runs with the suite on LuaJIT only, since that is
-- the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local nginx = require "support.nginx"
local service = require "support.service"
local support = require "support"

describe("an nginx on a log", function()
  local db, log
  local servers = {}

  setup(function() db, log = logs.installed() end)
  teardown(function()
    for _, server in ipairs(servers) do server:stop() end
    log:close()
    support.drop(db)
  end)

  it("is fresh beside another of its configuration, by one connection each", function()
    for at = 1, 2 do servers[at] = service.start(db) end
    for _, server in ipairs(servers) do service.ask_until(server, "/fresh", "true") end
    local rows = logs.must(log, "SELECT count(*) AS n FROM pg_stat_activity"
      .. " WHERE pid <> pg_backend_pid() AND datname = current_database()"
      .. " AND backend_type = 'client backend'")
    assert.equal(2, rows[1].n)
  end)

  it("is fresh though a timer was dropped a timer while too many ran", function()
    local server = nginx.start({ vars = { db = db }, http = [[
      lua_shared_dict positions 1m;
      lua_max_running_timers 2;
      init_worker_by_lua_block {
        ngx.timer.at(0, function() ngx.sleep(0.5) end)
        cache = require("forgelog.cache").new({ conninfo = "$db", position = "positions",
          cache = require("resty.lrucache").new(10) })
        cache:start()
      }
      server {
        listen unix:$socket;
        location /up { return 200; }
        location /fresh { content_by_lua_block { ngx.print(tostring(cache:fresh())) } }
      }]] })
    servers[#servers + 1] = server
    service.ask_until(server, "/fresh", "true", 5)
    assert.matches("lua_max_running_timers are not enough", server:log(), 1, true)
  end)
end)
