-- examples/openresty as it stands, inside the real nginx: its pages and its metrics. It runs with
-- the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local command = require "support.command"
local exposition = require "support.exposition"
local logs = require "support.logs"
local nginx = require "support.nginx"
local support = require "support"

describe("examples/openresty", function()
  local db, writer, running, base

  setup(function() db, writer = logs.installed() end)
  teardown(function()
    writer:close()
    support.drop(db)
  end)

  local function get(path)
    local ok, text = support.run("curl -sf " .. base .. path)
    return ok and text or ""
  end

  -- The status, the type and the text of an answer.
  local function answer(path)
    local _, text = support.run(("curl -s -w '\\n%%{http_code} %%{content_type}' %s%s"):format(
      base, path))
    local body, status, kind = text:match("^(.*)\n(%d+) ([^\n]*)$")
    return tonumber(status), kind, body
  end

  local root = os.getenv("FORGELOG_ROOT") -- the tree whose example is run

  local function start()
    local port = nginx.free_port()
    base = "http://127.0.0.1:" .. port
    running = support.start(("exec env %s %s/examples/openresty/run %d 60"):format(
      command.environment(db), root, port))
    support.wait_until(function()
      return get("/status"):find('"fresh": true', 1, true) or not support.alive(running)
    end, "the example to be fresh", 10)
    return support.alive(running)
  end

  -- It ends where another program has taken the port meanwhile.
  local function start_somewhere()
    for _ = 1, 3 do
      if start() then return end
    end
    error("examples/openresty/run does not start: " .. select(3, running:wait()))
  end
  local function stop()
    running:kill("QUIT")
    running:wait()
  end
  before_each(start_somewhere)
  after_each(stop)

  it("answers from its cache until a row is changed", function()
    for _ = 1, 20 do assert.truthy(get("/product/1"):find('"price":10}', 1, true)) end
    assert.is_true(tonumber(get("/status"):match('"hit rate": "([%d.]+)')) >= 80)
    support.psql("UPDATE product SET price = 99 WHERE id = 1", db)
    support.wait_until(function() return get("/product/1"):find('"price":99}', 1, true) end,
      "the new price", 1)
    assert.truthy(get("/"):find("setInterval", 1, true))
  end)

  it("is served by root from a tree that nobody else can read", function()
    if not support.run("test $(id -u) = 0") then return pending("whoever runs this is not root") end
    stop()
    local own, tree = root, support.path("tree")
    assert(support.run(("mkdir -p -m 700 '%s' && cd '%s' && cp -R --parents src examples "
      .. "build/jit/forgelog '%s'"):format(tree, root, tree)))
    root = tree
    local ok, why = pcall(start_somewhere)
    root = own
    assert(ok, why)
    support.psql("UPDATE product SET price = 7 WHERE id = 1", db)
    support.wait_until(function() return get("/product/1"):find('"price":7}', 1, true) end,
      "the price", 1)
  end)

  -- What /metrics says now, read strictly.
  local function scrape()
    local status, kind, text = answer("/metrics")
    assert.equal(200, status, text)
    assert.equal("text/plain; version=0.0.4", kind)
    return exposition.parse(text)
  end

  it("tells Prometheus how the log is doing, whoever holds the horizon", function()
    local other = logs.connect(db)
    logs.must(other, "BEGIN; UPDATE product SET price = price WHERE id = 2")
    local started = logs.now()
    local shown = scrape()
    assert.is_true(logs.now() - started < logs.at_most(2))
    assert.equal(1, shown:value("forgelog_open_writers"))
    -- The writer was open before this worker looked.
    assert.equal(0, shown:value("forgelog_horizon_known"))
    assert.is_nil(shown:sample("forgelog_horizon_seq"))
    logs.must(other, "COMMIT")
    for _ = 1, 20 do shown = scrape() end
    assert.equal(0, shown:value("forgelog_open_writers"))
    assert.equal(writer:max_seq(), shown:value("forgelog_horizon_seq"))
    assert.equal(1, shown:value("forgelog_table_healthy", { table = "product" }))

    logs.must(other, "BEGIN; UPDATE product SET price = price + 1 WHERE id = 2")
    logs.must(writer, "UPDATE product SET price = price + 1 WHERE id = 3")
    support.wait_until(function()
      shown = scrape()
      return shown:value("forgelog_above_horizon") == 2
    end, "a worker that saw it begin")
    assert.equal(writer:max_seq() - 2, shown:value("forgelog_horizon_seq"))
    logs.must(other, "ROLLBACK")
    other:close()
  end)

  it("answers many scrapes at a time, and 503 in one line while there is no database", function()
    local one = ("curl -s -o /dev/null -w '%%{http_code}\\n' %s/metrics"):format(base)
    local _, output = support.run(("for i in $(seq 30); do %s & done; wait"):format(one))
    assert.equal(("200\n"):rep(30), output)
    local name = db:match("dbname=(%S+)")
    support.psql(("ALTER DATABASE %s ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid)"
      .. " FROM pg_stat_activity WHERE datname = '%s'"):format(name, name))
    for _ = 1, 5 do
      local status, _, text = answer("/metrics")
      assert.equal(503, status)
      assert.matches("^forgelog: connect: [^\n]+\n$", text)
    end
    support.psql("ALTER DATABASE " .. name .. " ALLOW_CONNECTIONS true")
    scrape()
    writer:close()
    writer = logs.connect(db)
  end)
end)
