-- Watching and unwatching a table that is in use: whoever works with it goes on.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("watching a table that is in use", function()
  local db, log, holder, others
  before_each(function()
    others = {}
    db, log = logs.installed(nil, { orders = "id int PRIMARY KEY, n int", items = "id int" })
    must(log, "INSERT INTO orders SELECT g, g FROM generate_series(1, 100) g")
    holder = logs.connect(db)
    must(holder, "SET application_name = 'holder'")
  end)
  after_each(function()
    for _, other in ipairs(others) do other:close() end
    holder:close()
    log:close()
    support.drop(db)
  end)

  local function another()
    others[#others + 1] = logs.connect(db)
    return others[#others]
  end

  -- Calls a method of a log in another process; it prints what that returned.
  local function apart(call)
    return support.lua(([[
      local core = require "forgelog.core"
      local log = assert(require("forgelog").connect((...)))
      assert(log:query("SET application_name = 'apart'; SET lock_timeout = '7s'"))
      local started = core.now()
      local ok, err = log:%s
      print(("%%.2f %%s %%s %%s"):format(core.now() - started,
        log:query("SHOW lock_timeout")[1].lock_timeout, tostring(ok),
        type(err) == "table" and err.code .. " " .. err.message or tostring(err)))]])
      :format(call), db)
  end

  local function says(run)
    local ok, output, errors = run:wait()
    assert.is_true(ok, errors)
    local seconds, rest = output:match("^(%S+) (.-)\n$")
    return rest, tonumber(seconds)
  end

  local function waits()
    return must(log, [[SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
      AND datname = current_database() AND application_name = 'apart') AS yes]])[1].yes
  end

  -- A load, and the seconds that its slowest transaction takes; so many of them are waited for.
  local function load(script, seconds)
    local path = support.path("transactions")
    local run = support.pgbench { conninfo = db, clients = 3, seconds = seconds, script = script,
      args = { "--log", "--log-prefix=" .. path } }
    return function()
      local count = run:wait()
      local _, most = support.run(
        ("cat %s.* | awk '$3 > most { most = $3 } END { print most / 1000000 }'"):format(path))
      return tonumber(most), count
    end
  end

  local UPDATE = "\\set id random(2, 100)\nUPDATE orders SET n = n + 1 WHERE id = :id;"

  it("never kills a writer of a partition that wants the partitioned table next", function()
    must(log, [[CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
      CREATE TABLE part2 PARTITION OF parts DEFAULT; ALTER TABLE parts ADD n int]])
    must(holder, "SET deadlock_timeout = '50ms'")
    must(holder, "BEGIN; INSERT INTO part1 VALUES (1)")
    local run = apart("watch('parts', { lock_timeout = 2 })")
    -- Until it has met the writer once: it has locked the table by then, or let go of it again.
    support.wait_until(function()
      return must(log, [[SELECT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'apart'
          AND query LIKE '%forgelog.lock_timeout%') AS yes]])[1].yes
    end, "the watch")
    must(holder, "INSERT INTO parts VALUES (2), (200); COMMIT")
    assert.equal("7s true true", (says(run)))
  end)

  it("gives up in time, says who has it, and lets writers go on", function()
    must(holder, "BEGIN; UPDATE orders SET n = 0 WHERE id = 1")
    local slowest = load(UPDATE, 4)
    support.wait_until(function() return logs.under_way(log) end, "the load")
    local said, seconds = says(apart("watch('orders', { ignore = { 'n' }, lock_timeout = 0.2 })"))
    local most, count = slowest()
    support.note("a watch gave up after %.2f s; %d writes beside it, the slowest took %.2f s",
      seconds, count, most)
    assert.matches("^7s nil locked orders is locked by process " .. logs.backend(holder)
      .. " %(holder, postgres, idle in transaction, for [%d.]+ s%)", said)
    assert.is_true(seconds >= 2 and seconds < logs.at_most(2.7))
    assert.is_true(count > 100 and most < logs.at_most(0.6))
    assert.same({}, select(2, log:watched()).orders.ignore)
  end)

  it("succeeds when that ends meanwhile, and other tables need not wait for it", function()
    must(holder, "BEGIN; UPDATE orders SET n = 0 WHERE id = 1")
    local run = apart("watch('orders', { ignore = { 'n' }, lock_timeout = 5 })")
    support.wait_until(waits, "the watch to wait")
    local started = logs.now()
    assert.same({ true, true }, { another():watch("items", { notify = false }) })
    assert.is_true(logs.now() - started < logs.at_most(1))
    assert.is_true(waits())
    must(holder, "COMMIT")
    assert.matches("^7s true true$", (says(run)))
    assert.same({ "n" }, select(2, log:watched()).orders.ignore)
  end)

  it("again with other options locks no reader out", function()
    must(holder, "BEGIN; SELECT count(*) FROM orders")
    assert.same({ true, true }, { log:watch("orders", { ignore = { "n" }, lock_timeout = 0.1 }) })
    must(log, "BEGIN")
    assert(log:watch("orders", { notify = false }))
    must(another(), "SET statement_timeout = '1s'; SELECT count(*) FROM orders")
    must(log, "COMMIT")
  end)

  it("ends in time likewise, while readers go on", function()
    must(holder, "BEGIN; SELECT count(*) FROM orders")
    local slowest = load("SELECT n FROM orders WHERE id = 5;", 3)
    support.wait_until(function() return logs.under_way(log) end, "the load")
    local run = apart("unwatch('orders')")
    support.wait_until(waits, "the unwatch to wait")
    support.wait_until(function() return not waits() end, "its pause")
    must(holder, "COMMIT")
    assert.matches("^7s true true$", (says(run)))
    local most, count = slowest()
    support.note("an unwatch waited; %d reads beside it, the slowest took %.2f s", count, most)
    assert.is_true(count > 100 and most < logs.at_most(1.5))
    assert.same({ "items" }, (log:watched()))
  end)

  it("in a transaction of the caller's is tried once, and sets its limit back", function()
    local session = another()
    must(session, "SET lock_timeout = '7s'; BEGIN; SET LOCAL lock_timeout = '6s'")
    assert.same({ true, true }, { session:watch("orders", { notify = false }) })
    assert.equal("6s", must(session, "SHOW lock_timeout")[1].lock_timeout)
    must(session, "COMMIT")
    assert.equal("7s", must(session, "SHOW lock_timeout")[1].lock_timeout)
    must(holder, "BEGIN; UPDATE orders SET n = 0 WHERE id = 1")
    must(session, "BEGIN")
    local ok, err = session:watch("orders", { lock_timeout = 0.1 })
    assert.is_nil(ok)
    assert.equal("locked", err.code)
    must(session, "ROLLBACK")
    assert.equal("7s", must(session, "SHOW lock_timeout")[1].lock_timeout)
  end)

  it("stands many tables at once, and one many times", function()
    must(log, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)")
    local runs = {}
    for i = 1, 4 do
      runs[i] = support.lua([[
        local function must(done, err) return done or error(tostring(err)) end
        local log = must(require("forgelog").connect((...)))
        local name = select(2, ...)
        for i = 1, 8 do
          must(log:watch(name, { notify = i % 2 == 0 }))
          must(log:unwatch(name))
        end]], db, ({ "a", "b", "a", "b" })[i])
    end
    for i = 1, 4 do
      local ok, output, errors = runs[i]:wait()
      assert.is_true(ok, tostring(output) .. tostring(errors))
    end
    assert.same({}, must(log, [[SELECT proname FROM pg_proc
      WHERE proname ~ ('_(' || 'a'::regclass::oid || '|' || 'b'::regclass::oid || ')$')]]))
  end)
end)
