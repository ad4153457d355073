-- Workers with a cache of two levels inside the real nginx: what they keep, and what they share. It
-- runs with the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

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

describe("workers with near", function()
  local HTTP = [[
    lua_shared_dict items 1m;
    lua_shared_dict positions $positions;
    init_worker_by_lua_block {
      cache = require("forgelog.cache").new({ conninfo = "$db", cache = ngx.shared.items,
        near = require("resty.lrucache").new(1000), position = "positions", batch = $batch,
        name = "items of the shop, by number" }) -- it is part of each key in a dictionary
      cache:start()
      local spare = {}
      function load_item(key)
        local log = table.remove(spare) or assert(require("forgelog").connect("$db"))
        local row = assert(log:query("SELECT n FROM item WHERE id = $1", key:match("%d+")))[1]
        spare[#spare + 1] = log
        return row and row.n or false
      end
    }
    server {
      listen unix:$socket;
      location /up { content_by_lua_block { ngx.exit(cache:fresh() and 200 or 503) } }
      location /all { content_by_lua_block {
        ngx.print(ngx.worker.pid(), " ", tostring(cache:fresh()))
        for id = 1, 10 do ngx.print(" ", tostring((cache:get("item:" .. id, load_item)))) end
      } }
      location /state { content_by_lua_block {
        local said, stats = cache:fresh() and " fresh" or "", cache:stats()
        ngx.print(ngx.worker.pid(), said, " leader ", tostring(stats.leader), " invalidated ",
          stats.invalidated, " purges ", stats.purges, " held ",
          tostring(ngx.shared.items:get("item:1")), " free ", ngx.shared.positions:free_space())
      } }
    }]]

  local PUT = [[
    \set id random(1, 10)
    INSERT INTO item (id, n) VALUES (:id, 1) ON CONFLICT (id) DO UPDATE SET n = item.n + 1;]]
  local DELETE = "\\set id random(1, 10)\nDELETE FROM item WHERE id = :id;"

  local function start(positions, batch)
    server = nginx.start({ vars = { db = db, positions = positions, batch = batch },
      main = "worker_processes 2;", http = HTTP })
  end

  -- What a worker says, once that fits a pattern.
  local function await(pattern)
    local found
    support.wait_until(function()
      found = { (server:get("/state", 0.3) or ""):match(pattern) }
      return found[1]
    end, pattern, 20)
    return (table.unpack or unpack)(found)
  end

  local function hold()
    support.wait_until(function()
      server:get("/all")
      return server:get("/state"):find("held [^n]")
    end, "a value that is held")
  end

  local TOUCH = [[
    INSERT INTO item (id, n) SELECT g, 1 FROM generate_series(%d, %d) g
      ON CONFLICT (id) DO UPDATE SET n = item.n + 1]]

  it("keep what they share where one of them falls behind", function()
    start("32k", 50) -- for the least of all rings
    await("fresh leader %d")
    hold()
    local leader, behind = await("leader (%d+)"), nil
    for _, pid in ipairs(server:workers()) do
      if pid ~= leader then behind = pid end
    end
    local purges = await("^" .. behind .. " fresh .* purges (%d+)")
    nginx.suspend(behind)
    logs.must(log, TOUCH:format(101, 1100))
    await("invalidated %d%d%d%d")
    assert.not_matches("no room", server:log())
    assert(os.execute("kill -CONT " .. behind))
    await(("^%s fresh .* purges %d "):format(behind, purges + 1))
    assert.matches("held [^n]", server:get("/state"))
  end)

  it("keep what they share where one batch is more than the ring holds", function()
    start("32k", 1000)
    await("fresh leader %d")
    hold()
    logs.must(log, TOUCH:format(101, 1100))
    local leader = await("fresh leader (%d+) invalidated %d%d%d%d")
    await("^" .. leader .. " fresh .* held [^n]")
    logs.must(log, TOUCH:format(1, 1))
    await("^" .. leader .. " fresh .* held nil")
  end)

  it("keep what they share where wide changes are more than the dictionary holds", function()
    logs.must(log, "CREATE TABLE wide (id int PRIMARY KEY, text text)")
    assert(log:watch("wide", { keep = { "text" } }))
    start("128k", 1000)
    await("fresh leader %d")
    hold()
    logs.must(log, "INSERT INTO wide SELECT g, repeat('x', 4000) FROM generate_series(1, 1000) g")
    local leader = await("fresh leader (%d+) invalidated %d%d%d%d")
    local free = await("^" .. leader .. " fresh .* held [^n].* free (%d+)")
    assert.is_true(tonumber(free) > 40000, free) -- others may keep something there, too
    assert.not_matches("no room", server:log())
  end)

  it("serve what was committed last, after a load and reloads", function()
    start("1m", 50)
    local asked, reloads, first = 0, 0, log:max_seq() or 0
    local running = support.pgbench({ conninfo = db, clients = 2, seconds = 600,
      args = { "-R", "400" },
      scripts = { { weight = 1, text = PUT }, { weight = 1, text = DELETE } } })
    -- Reloads come while others write: each after another hundred requests and changes.
    support.wait_until(function()
      for _ = 1, 20 do
        if server:get("/all") then asked = asked + 1 end
      end
      local rounds = math.min(asked, (log:max_seq() or 0) - first) / 100
      if rounds > reloads + 1 and reloads < 2 then
        reloads = reloads + 1
        server:signal("HUP")
      end
      return rounds > 3
    end, "300 requests beside 300 changes", 30)
    running:stop()
    support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
    local wanted = {}
    for id = 1, 10 do
      local row = logs.must(log, "SELECT n FROM item WHERE id = $1", id)[1]
      wanted[id] = row and tostring(row.n) or "false"
    end
    wanted = "true " .. table.concat(wanted, " ")
    local right, workers = {}, 0
    support.wait_until(function()
      local answer = server:get("/all")
      local pid, said = (answer or ""):match("^(%d+) (.*)$")
      if not pid then return end
      if said ~= wanted then right = {} else right[pid] = (right[pid] or 0) + 1 end
      workers = 0
      for _, times in pairs(right) do
        if times >= 5 then workers = workers + 1 end
      end
      return workers >= 2
    end, wanted .. " from both workers", 5)
    support.note("near: %d requests for 10 rows beside %d changes and %d reloads", asked,
      log:max_seq() - first, reloads)
  end)
end)
