-- One feed for all workers of an nginx, inside the real one: one connection, and no stale value,
-- whatever befalls the leader, the others, nginx, its dictionaries and the server. It runs with the
-- suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local hub = require "support.hub"
local logs = require "support.logs"
local nginx = require "support.nginx"
local outage = require "support.outage"
local support = require "support"

local NAMES = { "own", "shared" }
local CONF = "/nginx.conf"

describe("one feed for all workers", function()
  local database, db, log, server, running

  setup(function()
    database = support.server()
    db, log = logs.installed(database.conninfo)
    server = hub.start(db, log, 4)
  end)
  teardown(function()
    if running then running:stop() end
    if server then server:stop() end
    log:close()
    database:stop()
  end)

  local function all_fresh()
    for _ = 1, 12 do
      if not server:get("/up") then return false end
    end
    return true
  end

  -- Waits until each worker is fresh, by one connection.
  local function fresh_again()
    support.wait_until(all_fresh, "all workers to be fresh", 15)
    for _, name in ipairs(NAMES) do
      support.wait_until(function() return hub.connections(log, name) == 1 end,
        "one connection of " .. name, 5)
    end
  end

  local function signal(name, pid) assert(os.execute(("kill -%s %s"):format(name, pid))) end

  local function leaders() return { hub.leader(server, "own"), hub.leader(server, "shared") } end

  -- A worker that is none of these.
  local function another(pids)
    for _, pid in ipairs(server:workers()) do
      if pid ~= pids[1] and pid ~= pids[2] then return pid end
    end
  end

  -- Its session at the server stands all the time. That must not keep another one from following.
  local function stopped_for_a_while(pid)
    nginx.suspend(pid)
    logs.pause(2.2)
    local ok, err = pcall(support.wait_until, function() return server:get("/up", 0.5) end,
      "a fresh worker beside one that is stopped", logs.at_most(2))
    signal("CONT", pid)
    assert.is_true(ok, err)
    fresh_again()
  end

  before_each(function()
    fresh_again()
    running = hub.writers(db)
  end)
  after_each(function()
    if running then running:stop() end
    running = nil
  end)

  it("is taken over within a second of the leader's death", function()
    local most = 0
    for _, name in ipairs(NAMES) do
      local leader, began = hub.leader(server, name), logs.now()
      signal("KILL", leader)
      hub.leader(server, name, leader)
      most = math.max(most, logs.now() - began)
      fresh_again()
    end
    support.note("one feed for all: taken over after a kill within %.2f s", most)
    assert.is_true(most < logs.at_most(1))
  end)

  it("goes on when a worker sleeps longer than its lease, and wakes up", function()
    local now = leaders()
    stopped_for_a_while(now[1])
    stopped_for_a_while(another(leaders()))
  end)

  it("goes on over a reload with another number of workers, a gap and a flush", function()
    assert(log:touch("item"))
    local text = support.read(server.dir .. CONF)
    server:write("nginx.conf", (text:gsub("worker_processes 4", "worker_processes 3")))
    local took = logs.soon(1, function()
      fresh_again()
      local old = leaders()
      server:signal("HUP")
      local began = logs.now()
      for at, name in ipairs(NAMES) do hub.leader(server, name, old[at]) end
      return logs.now() - began
    end)
    support.note("one feed for all: taken over after a reload within %.2f s", took)
    assert.is_true(took < logs.at_most(1))
    fresh_again()
    for _, name in ipairs({ "items", "positions" }) do
      server:get("/flush?dict=" .. name)
      fresh_again()
    end
    assert(log:trim(os.time() + 100, { min_rows = 0 }))
    fresh_again()
  end)

  it("is fresh in no worker while the server hangs, nor when it is gone", function()
    outage.during(database, function()
      logs.pause(hub.STALE_AFTER + 0.05)
      for _ = 1, 12 do assert.is_nil(server:get("/up")) end
    end)
    fresh_again()
    running:stop()
    running = nil
    log:close()
    database:stop()
    database:start()
    log = logs.connect(db)
  end)

  it("served nothing stale in all that", function()
    logs.pause(1)
    running:stop()
    running = nil
    logs.pause(2 * hub.STALE_AFTER) -- what is still old now is stale for ever
    local commits = logs.must(log, "SELECT count(*) AS n FROM history")[1].n
    for name, one in pairs(hub.judge(server, log)) do
      local purges = {}
      for reason, times in pairs(one.purges) do purges[#purges + 1] = reason .. " " .. times end
      support.note("one feed for all, cache %s: %d commits, %d requests, %d hits, stale %d, the"
        .. " oldest %.3f s behind, longest not fresh %.2f s; purges: %s", name, commits,
        one.requests, one.hits, one.stale, one.oldest, one.unfresh, table.concat(purges, ", "))
      assert.is_true(one.hits > 1000)
      assert.equal(0, one.stale, one.example)
      assert.is_true((one.purges.RELOAD or 0) > 1) -- not in the leader alone
      assert.is_true(name ~= "own" or (one.purges.behind or 0) > 0)
    end
    assert.is_true(commits > 1000)
  end)
end)
