-- Several nginx of one configuration on one log: none keeps another from following. It runs with
-- the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local service = require "support.service"
local support = require "support"

describe("two nginx of one configuration", function()
  local db, log
  local servers = {}

  setup(function() db, log = logs.installed() end)
  teardown(function()
    for _, server in ipairs(servers) do server:stop() end
    log:close()
    support.drop(db)
  end)

  it("are both fresh, by one connection each", function()
    for at = 1, 2 do servers[at] = service.start(db) end
    for _, server in ipairs(servers) do service.ask_until(server, "/fresh", "true") end
    local rows = logs.must(log, "SELECT count(*) AS n FROM pg_stat_activity"
      .. " WHERE pid <> pg_backend_pid() AND datname = current_database()"
      .. " AND backend_type = 'client backend'")
    assert.equal(2, rows[1].n)
  end)
end)
