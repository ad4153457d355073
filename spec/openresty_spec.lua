-- Inside the real nginx with its Lua module, as Debian ships them. Run once, with the suite on LuaJIT, whose core nginx loads.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local contract = require "support.contract"
local exposition = require "support.exposition"
local load = require "support.load"
local nginx = require "support.nginx"
local service = require "support.service"
local support = require "support"

local db, writer

setup(function() db, writer = load.installed() end)
teardown(function() writer:close() end)

local server
after_each(function()
  if server then server:stop() end
  server = nil
end)

describe("the waiter openresty", function()
  local HTTP = [[
    server {
      listen unix:$socket;
      location /up { return 200; }
      location /contract { content_by_lua_block {
        local openresty = require "forgelog.wait.openresty"
        local wait = ngx.var.arg_wait == "threads" and openresty.threads("forgelog") or nil
        local item = require("support.contract")[tonumber(ngx.var.arg_item)]
        local function run()
          local ok, err = pcall(item.test, { wait = wait, conninfo = "$db", spawn = ngx.thread.spawn })
          return ok and "ok" or tostring(err)
        end
        if ngx.var.arg_place == "request" then return ngx.say(run()) end
        local answer
        ngx.timer.at(0, function() answer = run() end)
        repeat ngx.sleep(0.01) until answer
        ngx.say(answer)
      } }
    }]]

  for _, way in ipairs({ "naps", "threads" }) do
    for _, place in ipairs({ "request", "timer" }) do
      it(("keeps the contract with %s in a %s"):format(way, place), function()
        server = nginx.start({ http = HTTP, vars = { db = db } })
        for i, item in ipairs(contract) do
          local answer = server:get(("/contract?item=%d&wait=%s&place=%s"):format(i, way, place))
          assert(answer == "ok\n", ("%s: %s%s"):format(item.name, tostring(answer), answer and "" or server:log()))
        end
        assert.is_nil(server:log():match("%[error%].*"))
      end)
    end
  end
end)

describe("the phases that may not yield", function()
  it("are told by name", function()
    local try = [[_by_lua_block {
      local ok, err = pcall(require("forgelog").connect, "$db")
      ngx.log(ngx.ERR, "PHASE ", tostring(ok), " ", tostring(err))
    } ]]
    local filters = "header_filter" .. try .. "body_filter" .. try .. "log" .. try
    server = nginx.start({ vars = { db = db },
      http = ("init_worker%s server { listen unix:$socket; location /up { %s return 200 x; } }"):format(try, filters) })
    server:get("/up")
    for _, phase in ipairs({ "init_worker", "header_filter", "body_filter", "log" }) do
      local said = ("PHASE false forgelog: nothing can wait in the phase %s; do this in a timer"):format(phase)
      support.wait_until(function() return server:log():find(said, 1, true) end, said, 3)
    end
  end)
end)

describe("a host's name", function()
  it("is warned of, an address is not", function()
    local _, name = support.run("getent hosts $(hostname) | awk '{ print $2 }'")
    name = name:match("%S+")
    if not name or name == "localhost" then return pending("this machine's own name does not resolve") end
    server = nginx.start({ http = [[server { listen unix:$socket; location /up { content_by_lua_block {
      for _, host in ipairs({ "127.0.0.1", "::1", "localhost", "/tmp" }) do
        require("forgelog").connect("port=1 host=" .. host)
      end
      ngx.log(ngx.WARN, "now the name")
      require("forgelog").connect("port=1 host=$name")
      require("forgelog").connect("port=1 host=$name hostaddr=127.0.0.1")
    } } }]], vars = { name = name } })
    local before, after = server:log():match("^(.-)now the name(.*)$")
    assert.is_nil(before:match("blocks the worker"))
    assert.equal(1, select(2, after:gsub("looking up " .. name:gsub("%p", "%%%0") .. " blocks the worker", "")))
  end)
end)

describe("forgelog.cache", function()
  for _, way in ipairs({ "naps", "threads" }) do
    local wait = way == "threads" and 'require("forgelog.wait.openresty").threads("forgelog")' or nil

    it(("hands each worker each change once under load and reloads, with %s"):format(way), function()
      server = service.start(db, { wait = wait })
      local first, before = writer:max_seq() or 0, load.commits(writer)
      local count = support.scale(5000)
      local running = load.writers(db, { transactions = math.ceil(count / 8 * 1.15) })
      support.wait_until(function() return load.under_way(writer) end, "the load")
      for _ = 1, 2 do
        local old = server:workers()
        load.pause(0.5)
        server:signal("HUP")
        support.wait_until(function()
          return not support.run(("kill -0 %s || kill -0 %s"):format(old[1], old[2]))
        end, "the old workers to exit", 3)
      end
      assert.is_true(load.under_way(writer))
      running:wait()
      local commits = load.commits(writer) - before
      local changes, twice = service.complete(server, writer, first, 2)
      support.note("openresty, %s: 2 workers, 2 reloads, %d commits, %d changes, lost 0, twice %d", way, commits, changes, twice)
      assert.is_true(commits >= count)
      assert.equal(0, twice)
    end)
  end

  it("answers the new value once a change is committed", function()
    server = service.start(db)
    load.must(writer, "INSERT INTO item (id, n) VALUES (-1, 1)")
    load.pause(0.1)
    assert.equal("1 miss", server:get("/item?id=-1"))
    service.ask_until(server, "/item?id=-1", "1 hit")
    load.must(writer, "UPDATE item SET n = 2 WHERE id = -1")
    assert.is_true(service.ask_until(server, "/item?id=-1", "2 hit") < 1)
    load.must(writer, "DELETE FROM item WHERE id = -1")
    assert.is_true(service.ask_until(server, "/item?id=-1", "nil miss") < 1)
  end)

  it("does not keep an old value that was read just before a commit", function()
    server = service.start(db)
    load.must(writer, "INSERT INTO item (id, n) VALUES (-2, 1)")
    load.pause(0.1)
    local reading = support.start(("curl -s --unix-socket %s/socket 'http://nginx/item?id=-2&pause=1'"):format(server.dir))
    load.pause(0.5)
    load.must(writer, "UPDATE item SET n = 2 WHERE id = -2")
    local _, answer = reading:wait()
    assert.equal("1 miss", answer)
    for _ = 1, 4 do assert.equal("2", server:get("/item?id=-2"):match("%d+")) end
  end)

  it("is purged on a gap and by a TRUNCATE", function()
    server = service.start(db, { workers = 1 })
    load.must(writer, "INSERT INTO item (id, n) VALUES (-3, 1)")
    load.pause(0.1)
    service.ask_until(server, "/item?id=-3", "1 hit")
    local worker = server:workers()[1]
    os.execute("kill -STOP " .. worker)
    load.must(writer, "UPDATE item SET n = 2 WHERE id = -3")
    assert(writer:trim(os.time() + 100, { min_rows = 0 }))
    os.execute("kill -CONT " .. worker)
    service.ask_until(server, "/purged?which=0:trimmed", "1")
    service.ask_until(server, "/item?id=-3", "2 hit")
    load.must(writer, "TRUNCATE item")
    service.ask_until(server, "/purged?which=0:TRUNCATE", "1")
    assert.equal("nil miss", server:get("/item?id=-3"))
  end)
end)

describe("examples/openresty", function()
  local running, base

  local function get(path)
    local ok, text = support.run("curl -sf " .. base .. path)
    return ok and text or ""
  end

  -- The status, the type and the text of an answer.
  local function answer(path)
    local _, text = support.run(("curl -s -w '\\n%%{http_code} %%{content_type}' %s%s"):format(base, path))
    local body, status, kind = text:match("^(.*)\n(%d+) ([^\n]*)$")
    return tonumber(status), kind, body
  end

  before_each(function()
    local port = math.random(20000, 30000)
    base = "http://127.0.0.1:" .. port
    local settings = db:gsub("^host=(%S+) port=(%S+) user=(%S+) dbname=(%S+)$", "PGHOST=%1 PGPORT=%2 PGUSER=%3 PGDATABASE=%4")
    running = support.start(("%s exec %s/examples/openresty/run %d 60"):format(settings, os.getenv("FORGELOG_ROOT"), port))
    support.wait_until(function() return get("/status"):find('"fresh": true', 1, true) end, "the example to be fresh", 10)
  end)
  after_each(function()
    running:kill("QUIT")
    running:wait()
  end)

  it("answers from its cache until a row is changed", function()
    for _ = 1, 20 do assert.truthy(get("/product/1"):find('"price":10}', 1, true)) end
    assert.is_true(tonumber(get("/status"):match('"hit rate": "([%d.]+)')) >= 80)
    support.psql("UPDATE product SET price = 99 WHERE id = 1", db)
    support.wait_until(function() return get("/product/1"):find('"price":99}', 1, true) end, "the new price", 1)
    assert.truthy(get("/"):find("setInterval", 1, true))
  end)

  -- What /metrics says now, read strictly.
  local function scrape()
    local status, kind, text = answer("/metrics")
    assert.equal(200, status, text)
    assert.equal("text/plain; version=0.0.4", kind)
    return exposition.parse(text)
  end

  it("tells Prometheus how the log is doing, whoever holds the horizon", function()
    local other = load.connect(db)
    load.must(other, "BEGIN; UPDATE product SET price = price WHERE id = 2")
    local started = load.now()
    local shown = scrape()
    assert.is_true(load.now() - started < load.at_most(2))
    assert.equal(1, shown:value("forgelog_open_writers"))
    assert.equal(0, shown:value("forgelog_horizon_known")) -- it was open before this worker looked
    assert.is_nil(shown:sample("forgelog_horizon_seq"))
    load.must(other, "COMMIT")
    for _ = 1, 20 do shown = scrape() end
    assert.equal(0, shown:value("forgelog_open_writers"))
    assert.equal(writer:max_seq(), shown:value("forgelog_horizon_seq"))
    assert.equal(1, shown:value("forgelog_table_healthy", { table = "product" }))

    load.must(other, "BEGIN; UPDATE product SET price = price + 1 WHERE id = 2")
    load.must(writer, "UPDATE product SET price = price + 1 WHERE id = 3")
    support.wait_until(function()
      shown = scrape()
      return shown:value("forgelog_above_horizon") == 2
    end, "a worker that saw it begin")
    assert.equal(writer:max_seq() - 2, shown:value("forgelog_horizon_seq"))
    load.must(other, "ROLLBACK")
    other:close()
  end)

  it("answers many scrapes at a time, and 503 in one line while there is no database", function()
    local one = ("curl -s -o /dev/null -w '%%{http_code}\\n' %s/metrics"):format(base)
    local _, output = support.run(("for i in $(seq 30); do %s & done; wait"):format(one))
    assert.equal(("200\n"):rep(30), output)
    local name = db:match("dbname=(%S+)")
    support.psql("ALTER DATABASE " .. name .. " ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid)"
      .. " FROM pg_stat_activity WHERE datname = '" .. name .. "'")
    for _ = 1, 5 do
      local status, _, text = answer("/metrics")
      assert.equal(503, status)
      assert.matches("^forgelog: connect: [^\n]+\n$", text)
    end
    support.psql("ALTER DATABASE " .. name .. " ALLOW_CONNECTIONS true")
    scrape()
    writer:close()
    writer = load.connect(db)
  end)
end)
