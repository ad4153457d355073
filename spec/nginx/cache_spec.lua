-- forgelog.cache inside the real nginx: each worker is handed each change, no old value stays, a
-- worker exits in time, and the database may go away and come back. It runs with the suite on
-- LuaJIT only, since that is the Lua of nginx.
if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

local logs = require "support.logs"
local make_replica = require "support.replica"
local nginx = require "support.nginx"
local outage = require "support.outage"
local service = require "support.service"
local support = require "support"

-- How a worker may wait, with the text in Lua of the option `wait`.
local WAYS = {
  { name = "naps", wait = "nil", options = 'feed = "worker",' },
  { name = "threads", wait = 'require("forgelog.wait.openresty").threads("forgelog")' },
}

local db, writer, server

after_each(function()
  if server then server:stop() end
  server = nil
end)

describe("forgelog.cache", function()
  setup(function() db, writer = logs.installed() end)
  teardown(function()
    writer:close()
    support.drop(db)
  end)

  -- Waits until each worker has been handed all changes so far.
  local function handed_on(workers)
    service.complete(server, writer, writer:max_seq() - 1, workers or 2)
  end

  for _, way in ipairs(WAYS) do
    it("hands on each change under load and reloads, with " .. way.name, function()
      server = service.start(db, { wait = way.wait, options = way.options })
      local first, before = writer:max_seq() or 0, logs.commits(writer)
      local count = support.scale(5000)
      local running = logs.writers(db, { transactions = math.ceil(count / 8 * 1.15) })
      logs.wait_for_writes(writer)
      for _ = 1, 2 do
        local old = server:workers()
        logs.pause(0.5)
        server:signal("HUP")
        support.wait_until(function()
          return not support.run(("kill -0 %s || kill -0 %s"):format(old[1], old[2]))
        end, "the old workers to exit", 10)
      end
      assert.is_true(logs.under_way(writer))
      running:wait()
      local commits = logs.commits(writer) - before
      -- With one feed for all, a worker is told of what comes after its beginning, and the old
      -- worker and the new one of a number may both be told.
      local anyone = not way.options
      local changes, twice = service.complete(server, writer, first, 2, anyone)
      support.note("openresty, %s: 2 workers, 2 reloads, %d commits, %d changes, lost 0, twice %d",
        way.name, commits, changes, twice)
      assert.is_true(commits >= count)
      assert.is_true(anyone or twice == 0)
    end)
  end

  it("answers the new value once a change is committed", function()
    server = service.start(db)
    logs.must(writer, "INSERT INTO item (id, n) VALUES (-1, 1)")
    handed_on()
    assert.equal("1 miss", server:get("/item?id=-1"))
    service.ask_until(server, "/item?id=-1", "1 hit")
    logs.must(writer, "UPDATE item SET n = 2 WHERE id = -1")
    assert.is_true(service.ask_until(server, "/item?id=-1", "2 hit") < 1)
    logs.must(writer, "DELETE FROM item WHERE id = -1")
    assert.is_true(service.ask_until(server, "/item?id=-1", "nil miss") < 1)
  end)

  it("follows a hot standby, and loads from there", function()
    local at = make_replica()
    server = service.start(at.there)
    logs.must(at.log, "INSERT INTO item (id, n) VALUES (-1, 1)")
    at:catch_up()
    service.ask_until(server, "/item?id=-1", "1 hit")
    logs.must(at.log, "UPDATE item SET n = 2 WHERE id = -1")
    service.ask_until(server, "/item?id=-1", "2 hit")
    server:stop()
    server = nil
    at:stop()
  end)

  it("does not keep an old value that was read just before a commit", function()
    server = service.start(db)
    logs.must(writer, "INSERT INTO item (id, n) VALUES (-2, 1)")
    handed_on()
    local reading = support.start(
      ("curl -s --unix-socket %s/socket 'http://nginx/item?id=-2&pause=1'"):format(server.dir))
    service.ask_until(server, "/read?id=-2", "1") -- it then holds the value for a second
    logs.must(writer, "UPDATE item SET n = 2 WHERE id = -2")
    local _, answer = reading:wait()
    assert.equal("1 miss", answer)
    for _ = 1, 4 do assert.equal("2", server:get("/item?id=-2"):match("%d+")) end
  end)

  it("does not keep an old value where its dictionary is flushed in between", function()
    server = service.start(db, { options = "position = nil,", more = [[
      location /late { content_by_lua_block {
        if cache:stats().leads then return ngx.print("leads") end
        ngx.print(cache:get("item:-4", function()
          ngx.shared.seen:set("read:item:-4", 1)
          require("forgelog.core").poll(nil, "", 1) -- this worker hears of nothing for a second
          ngx.shared.items:flush_all()
          require("forgelog.core").poll(nil, "", 0.05) -- and the other one leads again
          return 1
        end))
      } }]] })
    logs.must(writer, "INSERT INTO item (id, n) VALUES (-4, 1)")
    handed_on()
    local reading = support.start(("until curl -s --unix-socket %s/socket http://nginx/late |"
      .. " grep -v leads; do :; done"):format(server.dir))
    support.wait_until(function() return server:get("/read?id=-4", 0.3) == "1" end, "a load")
    logs.must(writer, "UPDATE item SET n = 2 WHERE id = -4")
    local _, answer = reading:wait()
    assert.equal("1", answer:match("%d"))
    service.ask_until(server, "/item?id=-4", "2 hit")
  end)

  it("is purged on a gap, by a TRUNCATE and by a RELOAD", function()
    server = service.start(db, { workers = 1 })
    logs.must(writer, "INSERT INTO item (id, n) VALUES (-3, 1)")
    handed_on(1)
    service.ask_until(server, "/item?id=-3", "1 hit")
    local worker = server:workers()[1]
    os.execute("kill -STOP " .. worker)
    logs.must(writer, "UPDATE item SET n = 2 WHERE id = -3")
    assert(writer:trim(os.time() + 100, { min_rows = 0 }))
    os.execute("kill -CONT " .. worker)
    service.ask_until(server, "/purged?which=0:trimmed", "1")
    service.ask_until(server, "/item?id=-3", "2 hit")
    logs.must(writer, "TRUNCATE item")
    service.ask_until(server, "/purged?which=0:TRUNCATE", "1")
    assert.equal("nil miss", server:get("/item?id=-3"))
    logs.must(writer, "INSERT INTO forge_change_log (table_name, op) VALUES ('item', 'RELOAD')")
    service.ask_until(server, "/purged?which=0:RELOAD", "1")
  end)
end)

describe("a lua-resty-lrucache in each worker", function()
  local HTTP = [[
    init_worker_by_lua_block {
      local items = require("resty.lrucache").new(100)
      cache = require("forgelog.cache").new({ conninfo = "$db", cache = items })
      cache:start()
    }
    server {
      listen unix:$socket;
      location /up { content_by_lua_block { ngx.exit(cache:fresh() and 200 or 503) } }
      location /held { content_by_lua_block {
        local loaded = " held"
        ngx.print((cache:get(ngx.var.arg_key, function()
          loaded = " loaded"
          local log = assert(require("forgelog").connect("$db"))
          local id = ngx.var.arg_key:match("%d+")
          local row = log:query("SELECT n FROM item WHERE id = $1", id)[1]
          log:close()
          return row.n
        end)), loaded)
      } }
    }]]

  -- Whichever worker answers, it gives this value.
  local function all_answer(key, value)
    for _ = 1, 20 do
      if server:get("/held?key=" .. key):match("%d+") ~= value then return false end
    end
    return true
  end

  it("is emptied by changes", function()
    local own, log = logs.installed()
    logs.must(log, "INSERT INTO item (id, n) VALUES (1, 1), (2, 2)")
    server = nginx.start({ vars = { db = own }, main = "worker_processes 2;", http = HTTP })
    finally(function() log:close() end)
    for _ = 1, 20 do
      support.wait_until(function() return server:get("/up") end, "a fresh cache")
    end
    support.wait_until(function() return server:get("/held?key=item:1") == "1 held" end,
      "a value that is held")
    for _ = 1, 20 do server:get("/held?key=item:2") end
    logs.must(log, "UPDATE item SET n = 10 WHERE id = 1")
    support.wait_until(function() return all_answer("item:1", "10") end, "the new value", 2)
    assert.is_true(all_answer("item:1", "10"))
    assert.equal("2 held", server:get("/held?key=item:2"))
    logs.must(log, "TRUNCATE item; INSERT INTO item (id, n) VALUES (2, 3)")
    support.wait_until(function() return all_answer("item:2", "3") end, "the new value", 2)
    assert.is_true(all_answer("item:2", "3"))
  end)
end)

describe("forgelog.cache with a server of its own", function()
  local database

  setup(function()
    database = support.server()
    db, writer = logs.installed(database.conninfo)
  end)
  teardown(function()
    writer:close()
    database:stop()
  end)

  local function exit_time()
    local worker = server:workers()[1]
    local started = logs.now()
    server:signal("QUIT")
    support.wait_until(function() return not support.alive({ pid = worker }) end,
      "the worker to exit", 15)
    return logs.now() - started
  end

  for _, way in ipairs(WAYS) do
    it("ends an idle worker's feed within a second of its exit, waiting by " .. way.name, function()
      server = service.start(db, { workers = 1, wait = way.wait, options = way.options })
      local seconds = exit_time()
      support.note("exit of an idle worker, %s: %.2f s", way.name, seconds)
      assert.is_true(seconds < 1)
      assert.equal(0, logs.must(writer, "SELECT count(*) AS n FROM pg_stat_activity"
        .. " WHERE pid <> pg_backend_pid() AND datname = current_database()")[1].n)
    end)

    it("exits without waiting for a database that hangs, waiting by " .. way.name, function()
      server = service.start(db, { workers = 1, wait = way.wait, options = way.options })
      local seconds
      outage.during(database, function()
        logs.pause(1.5) -- by then the feed has asked, and waits for an answer
        seconds = exit_time()
      end)
      support.note("exit of a worker whose database hangs, %s: %.2f s", way.name, seconds)
      assert.is_true(seconds < 1.2)
    end)
  end

  it("is not fresh while the database is away, comes back, and has lost nothing", function()
    server = service.start(db)
    logs.must(writer, "INSERT INTO item (id, n) VALUES (-1, 1)")
    local first = writer:max_seq()
    service.complete(server, writer, first - 1, 2)
    service.ask_until(server, "/item?id=-1", "1 hit")
    for round = 1, 2 do
      writer:close()
      if round == 1 then database:kill() else database:stop() end
      local stale = service.ask_until(server, "/fresh", "false")
      database:start()
      writer = logs.connect(db)
      logs.must(writer, "UPDATE item SET n = n + 1 WHERE id = -1")
      logs.must(writer, "INSERT INTO item (n) SELECT g FROM generate_series(1, 100) g")
      service.ask_until(server, "/item?id=-1", ("%d hit"):format(round + 1), 15)
      support.note("database gone: not fresh after %.2f s", stale)
      assert.is_true(stale < 3.5)
    end
    local changes, twice = service.complete(server, writer, first, 2)
    assert.is_true(changes >= 202)
    assert.equal(0, twice)
  end)

  it("is not fresh while the database hangs", function()
    server = service.start(db)
    local stale
    outage.during(database, function() stale = service.ask_until(server, "/fresh", "false") end)
    assert.is_true(stale < 3.5)
    service.ask_until(server, "/fresh", "true")
  end)
end)
