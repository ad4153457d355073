-- The runnable examples of the live feed, each as a user would run it.
local index = require "support.index"
local logs = require "support.logs"
local support = require "support"

local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")
local must = logs.must

local function start(name, ...)
  local words = { "exec", "'" .. lua .. "'", ("'%s/examples/%s.lua'"):format(root, name) }
  for _, word in ipairs { ... } do words[#words + 1] = "'" .. word .. "'" end
  return support.start(table.concat(words, " "))
end

describe("the example", function()
  local db, log, running
  before_each(function()
    db = support.database()
    log = logs.connect(db)
    assert(log:install())
    running = {}
  end)
  after_each(function()
    for _, process in ipairs(running) do
      process:kill("KILL")
      process:wait()
    end
    log:close()
    support.drop(db)
  end)

  local function run(...)
    running[#running + 1] = start(...)
    return running[#running]
  end

  local function watched(name)
    must(log, ("CREATE TABLE %s (id bigint PRIMARY KEY, total int)"):format(name))
    assert(log:watch(name))
  end

  -- Writers that collide on few rows and roll back.
  local function write(name, transactions)
    support.pgbench(
      { conninfo = db, clients = 4, transactions = support.scale(transactions), scripts = {
      { text = ("\\set id random(1, 40)\nINSERT INTO %s VALUES (:id, 1) ON CONFLICT (id) DO "
        .. "UPDATE SET total = %s.total + 1;")
        :format(name, name), weight = 5 },
      { text = ("\\set id random(1, 40)\nDELETE FROM %s WHERE id = :id;"):format(name),
        weight = 2 },
      { text = ("\\set id random(1, 40)\nBEGIN;\nUPDATE %s SET total = 0 WHERE id = :id;\n\\sleep "
        .. "5 ms\nROLLBACK;")
        :format(name) },
    } }):wait()
  end

  it("copy.lua copies each change exactly once, killed as often as may be", function()
    watched("orders")
    must(log, "INSERT INTO orders SELECT g, g FROM generate_series(1, 10) g")
    local copy = run("copy", db)
    support.wait_until(function()
      return must(log, "SELECT to_regclass('orders_applied') IS NOT NULL AND EXISTS"
        .. " (SELECT FROM forge_change_log_consumers) AS yes")[1].yes
    end, "the first copy")
    local before = log:max_seq()
    for _ = 1, 5 do
      write("orders", 40)
      copy:kill("KILL")
      copy:wait()
      write("orders", 10)
      copy = run("copy", db)
    end
    local row
    support.wait_until(function()
      row = must(log, [[
        SELECT (SELECT count(*) FROM orders) AS rows, (SELECT count(*) FROM forge_change_log WHERE
          seq > $1) AS written,
               (SELECT sum(changes)::int FROM orders_applied) AS applied,
               (SELECT count(*) FROM (SELECT id, to_jsonb(o) AS body FROM orders o) o FULL JOIN
                 orders_copy c USING (id)
                 WHERE o.body IS DISTINCT FROM c.body) AS wrong]], before)[1]
      return row.applied and row.applied >= row.written
    end, "the copy to catch up")
    support.note("copy.lua: %d changes written, %d applied, %d rows, %d of them wrong",
      row.written, row.applied, row.rows,
      row.wrong)
    assert.is_true(row.written > support.scale(200))
    assert.equal(row.written, row.applied)
    assert.equal(0, row.wrong)
    must(log, "TRUNCATE orders")
    support.wait_until(
      function() return must(log,
      "SELECT count(*) AS n FROM orders_copy")[1].n == 0 end, "the truncate")
    must(log, [[ALTER TABLE orders DISABLE TRIGGER ALL; INSERT INTO orders VALUES (1, 1);
      ALTER TABLE orders ENABLE TRIGGER ALL;
      INSERT INTO forge_change_log (table_name, op) VALUES ('orders', 'RELOAD')]])
    support.wait_until(function()
      return must(log, "SELECT count(*) AS n FROM orders_copy")[1].n == 1
    end, "the table to be read again")
  end)

  it("cache.lua serves what it read until it changes, and everything anew after a gap", function()
    watched("products")
    must(log, "INSERT INTO products SELECT g, g FROM generate_series(1, 3) g")
    local pipe = support.path("ids")
    assert(support.run("mkfifo " .. pipe))
    local cache = support.start(
      ("exec '%s' '%s/examples/cache.lua' '%s' <%s"):format(lua, root, db, pipe))
    running[1] = cache
    local ids, asked = assert(io.open(pipe, "w")), 0
    local function ask(id)
      ids:write(id, "\n")
      ids:flush()
      asked = asked + 1
      local line
      support.wait_until(function()
        local count = 0
        for each in cache:output():gmatch("[^\n]+") do line, count = each, count + 1 end
        return count == asked
      end, "an answer")
      return line
    end
    -- What it answers in the end; until then nothing but what it answered before.
    local function becomes(expected, id, before)
      local answer
      support.wait_until(function()
        answer = ask(id)
        return answer ~= before
      end, expected)
      assert.equal(expected, answer)
    end
    -- Nothing is taken from the cache before it is connected.
    local miss, hit = 'miss\t{"id": 1, "total": 1}', 'hit\t{"id": 1, "total": 1}'
    assert.equal(miss, ask(1))
    becomes(hit, 1, miss)
    assert.equal("miss\tnone", ask(9))
    must(log, "UPDATE products SET total = 7 WHERE id = 1; INSERT INTO products VALUES (9, 9)")
    -- A change takes a moment to arrive.
    becomes('miss\t{"id": 1, "total": 7}', 1, hit)
    assert.equal('miss\t{"id": 9, "total": 9}', ask(9))
    assert.equal('hit\t{"id": 9, "total": 9}', ask(9))
    must(log, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
      .. " AND datname = current_database() AND query LIKE '%forge_change_log%' AND query NOT "
      .. "LIKE '%terminate%'")
    must(log, "UPDATE products SET total = 8 WHERE id = 9; DELETE FROM forge_change_log")
    support.wait_until(function() return ask(9):find('"total": 8', 1, true) end,
      "the gap to be noticed")
    must(log, "TRUNCATE products")
    becomes("miss\tnone", 9, 'hit\t{"id": 9, "total": 8}')
    ids:close()
    assert(cache:wait())
    os.remove(pipe)
  end)

  it("search_index.lua keeps an index right, which refuses now and then, killed as often as may "
    .. "be", function()
    must(log, "CREATE TABLE articles (id bigint PRIMARY KEY, total int)")
    assert(log:watch("articles"))
    must(log, "INSERT INTO articles SELECT g, g FROM generate_series(1, 1500) g")
    local position, server = support.path("position"), index.start()
    running[1] = server.process
    assert(support.run("curl -sfX PUT " .. server.url))
    local function search_index() return run("search_index", server.url, position, db) end
    local function expect_right()
      local rows
      support.wait_until(function()
        rows = must(log, "SELECT coalesce(string_agg(id || ' ' || to_jsonb(a), E'\\n' ORDER BY "
          .. "id), '') AS list"
          .. " FROM articles a")[1].list
        return server:documents() == rows
      end, "the index to be right", 15)
      return rows
    end
    local sync = search_index()
    assert.equal(1500, select(2, expect_right():gsub("[^\n]+", "")))
    for _ = 1, 4 do
      write("articles", 30)
      sync:kill("KILL")
      sync:wait()
      write("articles", 10)
      sync = search_index()
    end
    expect_right()
    must(log, "DELETE FROM articles WHERE id > 100")
    expect_right()
    must(log, "TRUNCATE articles")
    assert.equal("", expect_right())
    os.remove(position)
  end)

  it("worker.lua prints changes and trims the old ones on its schedule", function()
    watched("orders")
    must(log, "INSERT INTO orders SELECT g, g FROM generate_series(1, 50) g")
    must(log, "UPDATE forge_change_log SET created_at = now() - interval '2 hours' WHERE seq <= 40")
    local worker = run("worker", "--every", "1", "--hours", "1", "--min-rows", "5", db)
    support.wait_until(function() return select(2, worker:output():gsub("\n", "")) == 0
      and log:min_seq() == 41 end,
      "the trim")
    must(log, "UPDATE orders SET total = 0 WHERE id = 7")
    support.wait_until(function() return worker:output() == "51\torders\tUPDATE\t7\ttotal\n" end,
      "the change")
  end)
end)
