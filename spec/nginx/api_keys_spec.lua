-- examples/api_keys as it stands, inside the real nginx: whom its two workers let in. It runs with
-- the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local command = require "support.command"
local nginx = require "support.nginx"
local support = require "support"

describe("examples/api_keys", function()
  local db, running, base

  setup(function() db = support.database() end)
  teardown(function() support.drop(db) end)

  -- The answers to requests with a key, of which several come from each worker: from the worker's
  -- pid to a list of their statuses.
  local function ask(key)
    local one = "curl -s -o /dev/null -w '%%{http_code} %%header{x-worker}\\n' -H 'apikey: %s' %s/"
    local all = "for i in $(seq 12); do " .. one .. " & done; wait"
    local _, output = support.run(all:format(key, base))
    local answers, workers = {}, 0
    for status, worker in output:gmatch("(%d+) (%d+)\n") do
      if not answers[worker] then workers = workers + 1 end
      answers[worker] = answers[worker] or {}
      table.insert(answers[worker], status)
    end
    return answers, workers
  end

  -- Whether each of two workers answers all requests with this status.
  local function all_answer(key, wanted)
    local answers, workers = ask(key)
    for _, statuses in pairs(answers) do
      for _, status in ipairs(statuses) do
        if status ~= wanted then return false end
      end
    end
    return workers == 2
  end

  local function soon(key, wanted)
    support.wait_until(function() return all_answer(key, wanted) end,
      ("%s for %s by both workers"):format(wanted, key), 2)
    assert.is_true(all_answer(key, wanted) or all_answer(key, wanted))
  end

  local function stats()
    local _, text = support.run("curl -sf " .. base .. "/status")
    return text or ""
  end

  -- It ends where another program has taken the port meanwhile.
  local function start()
    local port = nginx.free_port()
    base = "http://127.0.0.1:" .. port
    running = support.start(("exec env %s %s/examples/api_keys/run %d 60"):format(
      command.environment(db), os.getenv("FORGELOG_ROOT"), port))
    support.wait_until(function()
      return stats():find('"fresh": true', 1, true) or not support.alive(running)
    end, "the example to be fresh", 10)
    return support.alive(running)
  end

  before_each(function()
    for _ = 1, 3 do
      if start() then return end
    end
    error("examples/api_keys/run does not start: " .. select(3, running:wait()))
  end)
  after_each(function()
    running:kill("QUIT")
    running:wait()
  end)

  it("keeps what it knows of a key until that key changes, in every worker", function()
    soon("ann-1", "200")
    soon("bob-1", "200")
    soon("ann-2", "401")
    soon("bob-2", "401")
    for _ = 1, 5 do all_answer("bob-1", "200") end
    assert.truthy(tonumber(stats():match('"hits": (%d+)')) > 5)

    support.psql("DELETE FROM api_keys WHERE key = 'ann-1'", db)
    soon("ann-1", "401")
    support.psql("INSERT INTO api_keys (key, consumer) VALUES ('ann-2', 'ann')", db)
    soon("ann-2", "200")
    support.psql("UPDATE api_keys SET key = 'bob-2' WHERE key = 'bob-1'", db)
    soon("bob-1", "401")
    soon("bob-2", "200")
    -- That of the start; a worker that begins after it has none.
    assert.is_true(tonumber(stats():match('"purges": (%d+)')) <= 1)
    support.psql("TRUNCATE api_keys", db)
    soon("bob-2", "401")
  end)

  it("lets nobody in once it cannot ask", function()
    soon("", "401")
    support.psql("INSERT INTO api_keys (key, consumer) VALUES ('cleo-1', 'cleo')", db)
    soon("cleo-1", "200")
    local name = db:match("dbname=(%S+)")
    support.psql(("ALTER DATABASE %s ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid)"
      .. " FROM pg_stat_activity WHERE datname = '%s'"):format(name, name))
    support.wait_until(function() return all_answer("cleo-1", "503") end, "503 by both", 10)
    support.psql("ALTER DATABASE " .. name .. " ALLOW_CONNECTIONS true")
    soon("cleo-1", "200")
  end)
end)
