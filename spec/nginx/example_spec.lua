-- examples/openresty as it stands, inside the real nginx: its answers and its metrics. It runs with
-- the suite on LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local exposition = require "support.exposition"
local logs = require "support.logs"
local shop = require "support.shop"
local support = require "support"

describe("examples/openresty", function()
  local server, writer, running

  setup(function()
    server = shop.server()
    running = shop.start(server)
    writer = logs.connect(server.conninfo)
  end)
  teardown(function()
    writer:close()
    running:stop()
    server:stop()
  end)

  -- The status, the type and the text of an answer.
  local function answer(path)
    local _, text = support.run(("curl -s -w '\\n%%{http_code} %%{content_type}' %s%s"):format(
      running.base, path))
    local body, status, kind = text:match("^(.*)\n(%d+) ([^\n]*)$")
    return tonumber(status), kind, body
  end

  local function costs(price)
    return running:get("/product/1"):find(('"price" : %s,'):format(price), 1, true)
  end

  local function soon_costs(price)
    running:psql("UPDATE product SET price = " .. price .. " WHERE id = 1")
    support.wait_until(function() return costs(price) end, "the new price", 1)
  end

  it("answers from its cache until a row is changed", function()
    soon_costs("10.25")
    local function loads() return tonumber(running:get("/status"):match('"loads": (%d+)')) end
    -- A price that was read before its change was heard of is loaded once more.
    support.wait_until(function()
      local before = loads()
      for _ = 1, 20 do assert.truthy(costs("10.25")) end
      return loads() == before
    end, "answers from the cache alone", 2)
    soon_costs("99.99")
    local status, kind, text = answer("/product/7")
    assert.equal(404, status, kind .. text)
  end)

  it("lets in who has a key, until that is deleted", function()
    assert.equal("accepted", running:get("/key/ann-1"))
    running:psql("DELETE FROM api_key WHERE key = 'ann-1'")
    support.wait_until(function() return running:get("/key/ann-1") == "refused" end, "refusal", 1)
  end)

  it("does what a button says only for its own page", function()
    for _, how in ipairs({ "-X POST", "-H 'X-Button: yes'" }) do
      local _, status = support.run(("curl -s -o /dev/null -w '%%{http_code}' %s %s/do/change")
        :format(how, running.base))
      assert.equal("403", status)
    end
  end)

  it("is served by root from a tree that nobody else can read", function()
    if not support.run("test $(id -u) = 0") then return pending("whoever runs this is not root") end
    local tree = support.path("tree")
    assert(support.run(("mkdir -p -m 700 '%s' && cd '%s' && cp -R --parents src examples "
      .. "spec/support build/jit/forgelog '%s'"):format(tree, os.getenv("FORGELOG_ROOT"), tree)))
    running:stop()
    running = shop.start(server, tree)
    soon_costs("7.75")
    assert.truthy(running:get("/"):find("page.js", 1, true))
  end)

  -- What /metrics says now, read strictly.
  local function scrape()
    local status, kind, text = answer("/metrics")
    assert.equal(200, status, text)
    assert.equal("text/plain; version=0.0.4", kind)
    return exposition.parse(text)
  end

  it("tells Prometheus how the log is doing, whoever holds the horizon", function()
    local other = logs.connect(server.conninfo)
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
    local one = ("curl -s -o /dev/null -w '%%{http_code}\\n' %s/metrics"):format(running.base)
    local _, output = support.run(("for i in $(seq 30); do %s & done; wait"):format(one))
    assert.equal(("200\n"):rep(30), output)
    server:stop()
    for _ = 1, 3 do
      local status, _, text = answer("/metrics")
      assert.equal(503, status)
      assert.matches("^forgelog: connect: [^\n]+\n$", text)
    end
    server:start()
    scrape()
    writer:close()
    writer = logs.connect(server.conninfo)
  end)
end)
