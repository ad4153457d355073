-- The runnable examples, each as a user would run it.
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local root, lua = os.getenv("FORGELOG_ROOT"), os.getenv("FORGELOG_LUA")

-- Orders that are watched, in a database of their own.
local function prepare()
  local db = support.database()
  local log = assert(forgelog.connect(db))
  assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric); CREATE TABLE "
    .. "customers (id int PRIMARY KEY)"))
  assert(log:install())
  assert(log:watch("orders"))
  assert(log:watch("customers"))
  return db, log
end

-- Writers that collide on few orders, change keys, roll back, and open their transactions in any
-- order.
local writes = {
  { text = [[
    \set id random(1, 40)
    INSERT INTO orders VALUES (:id, random())
      ON CONFLICT (id) DO UPDATE SET total = excluded.total;]], weight = 6 },
  { text = "\\set id random(1, 40)\nDELETE FROM orders WHERE id = :id;", weight = 2 },
  { text = [[
    \set id random(1, 40)
    UPDATE orders SET id = 1000000 + nextval('keys') WHERE id = :id;]], weight = 2 },
  { text = [[
    \set id random(1, 40)
    BEGIN;
    INSERT INTO orders VALUES (10000 + nextval('keys'), 1);
    UPDATE orders SET total = total + 1 WHERE id = :id;
    SELECT pg_sleep(0.005);
    COMMIT;]], weight = 2 },
  { text = "BEGIN;\nINSERT INTO orders VALUES (10000 + nextval('keys'), 1);\nROLLBACK;",
    weight = 1 },
}

local function load(db)
  support.psql("CREATE SEQUENCE keys", db)
  return support.pgbench { conninfo = db, clients = 6, seconds = 600, scripts = writes }
end

-- Changes orders behind the triggers' back, and has the log say so.
local function change_unseen(log, sql)
  assert(log:query("ALTER TABLE orders DISABLE TRIGGER ALL; " .. sql
    .. "; ALTER TABLE orders ENABLE TRIGGER ALL;"
    .. " INSERT INTO forge_change_log (table_name, op) VALUES ('orders', 'RELOAD')"))
end

-- Calls a function beside a load until it returns true, and then ends the load. Returns how often
-- it was called, and the changes in the log.
local function during(running, log, work)
  local count = 0
  repeat
    assert.is_true(support.alive(running.process))
    count = count + 1
  until work(count)
  running:stop()
  support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
  return count, log:max_seq()
end

describe("examples/sync.lua", function()
  local db, log, position, copy

  before_each(function()
    db, log = prepare()
    position, copy = support.path("position"), {}
  end)
  after_each(function()
    log:close()
    os.remove(position)
    support.drop(db)
  end)

  -- Runs it, and does to the copy what it prints.
  local function sync(...)
    local ok, output, errors, status = support.run(
      ("'%s' '%s/examples/sync.lua' '%s' '%s'"):format(lua, root, db, position))
    assert.equal(... or 0, status, errors)
    assert.equal(status == 0, ok)
    for line in output:gmatch("[^\n]+") do
      local op, id, body = line:match("^(%u+)\t?(%d*)\t?(.*)$")
      if op == "TRUNCATE" then copy = {} end
      if op == "PUT" or op == "DELETE" then copy[id] = op == "PUT" and body or nil end
    end
    return output, errors
  end

  local function expect_copy()
    local rows, expected = assert(
      log:query("SELECT id::text, to_jsonb(o)::text AS body FROM orders o")), {}
    for _, row in ipairs(rows) do expected[row.id] = row.body end
    assert.same(expected, copy)
    return #rows
  end

  it("prints the table, then what changed, each row once", function()
    assert(log:query("INSERT INTO orders SELECT g, g FROM generate_series(1, 3) g"))
    local row = 'PUT\t%d\t{"id": %d, "total": %d}\n'
    assert.equal("TRUNCATE\n" .. row:format(1, 1, 1) .. row:format(2, 2, 2) .. row:format(3, 3, 3),
      sync())
    assert.equal("", sync())
    assert(log:query("UPDATE orders SET total = 7 WHERE id = 2"))
    assert(log:query("UPDATE orders SET total = 8 WHERE id = 2; INSERT INTO customers VALUES (1)"))
    assert(log:query("DELETE FROM orders WHERE id = 3; UPDATE orders SET id = 4 WHERE id = 1"))
    assert.equal(row:format(2, 2, 8) .. "DELETE\t3\nDELETE\t1\n" .. row:format(4, 4, 1), sync())
    assert(log:query("TRUNCATE orders"))
    assert(log:query("INSERT INTO orders VALUES (5, 5)"))
    assert.equal("TRUNCATE\n" .. row:format(5, 5, 5), sync())
    change_unseen(log, "UPDATE orders SET total = 6")
    assert.equal("TRUNCATE\n" .. row:format(5, 5, 6), sync())
    assert.equal(1, expect_copy())
  end)

  it("keeps a copy right under load", function()
    local runs, changes = during(load(db), log, function(run)
      sync()
      return run >= 5 and log:max_seq() > 1000
    end)
    sync()
    support.note("sync.lua: %d changes, %d runs, %d rows in the end", changes, runs, expect_copy())
  end)

  it("takes more changes than it saves its position after", function()
    sync()
    assert(log:query("INSERT INTO orders SELECT g, g FROM generate_series(1, 2500) g"))
    sync()
    assert.equal(2500, expect_copy())
    local file = assert(io.open(position))
    assert.matches("^%d+:2500", file:read("*a"))
    file:close()
  end)

  it("keeps the old position when its output cannot be written", function()
    sync()
    assert(log:query("INSERT INTO orders VALUES (1, 1)"))
    local ok, _, errors = support.run(
      ("'%s' '%s/examples/sync.lua' '%s' '%s' >/dev/full"):format(lua, root, db, position))
    assert.is_false(ok, errors)
    assert.equal('PUT\t1\t{"id": 1, "total": 1}\n', sync())
  end)

  it("prints the table anew on a gap, and says so", function()
    sync()
    assert(log:query("INSERT INTO orders VALUES (1, 1)"))
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    local output, errors = sync()
    assert.equal('TRUNCATE\nPUT\t1\t{"id": 1, "total": 1}\n', output)
    assert.equal("sync: trimmed: all rows follow\n", errors)
    assert.equal("", sync())
  end)

  it("says that there is no log", function()
    assert(log:query("DROP TABLE forge_change_log CASCADE"))
    local _, errors = sync(1)
    assert.matches("install", errors, 1, true)
  end)
end)

describe("examples/resync.lua", function()
  local db, log

  before_each(function() db, log = prepare() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function resync(expected)
    local _, output, errors, status = support.run(
      ("'%s' '%s/examples/resync.lua' '%s'"):format(lua, root, db))
    assert.equal(expected or 0, status, errors)
    return expected and errors or output
  end

  local function expect_copy()
    local row = assert(log:query([[
      SELECT (SELECT count(*) FROM orders) AS count, count(*) AS wrong
        FROM (SELECT id, to_jsonb(o) AS body FROM orders o) o FULL JOIN orders_copy c USING (id)
       WHERE o.body IS DISTINCT FROM c.body]]))[1]
    assert.equal(0, row.wrong)
    return row.count
  end

  it("loads, follows, and reloads on a gap", function()
    assert(log:query("INSERT INTO orders SELECT g, g FROM generate_series(1, 3) g"))
    assert.matches("^no copy yet: reloaded 3 rows, going on after position %d+:3\n$", resync())
    assert.equal("applied 0 changes\n", resync())
    assert(log:query("UPDATE orders SET total = 9 WHERE id = 1; DELETE FROM orders WHERE id = 2"))
    assert.equal("applied 2 changes\n", resync())
    expect_copy()
    assert(log:query("INSERT INTO orders VALUES (4, 4)"))
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    assert.matches("^gap %(trimmed%): reloaded 3 rows, going on after position %d+:6\n$", resync())
    assert.equal(3, expect_copy())
    assert.equal("applied 0 changes\n", resync())
    assert(log:query("TRUNCATE orders"))
    assert.equal("applied 1 changes\n", resync())
    assert.equal(0, expect_copy())
    change_unseen(log, "INSERT INTO orders VALUES (5, 5)")
    assert.equal("applied 1 changes\n", resync())
    assert.equal(1, expect_copy())
  end)

  it("keeps a copy right under load while the log is trimmed", function()
    resync()
    local done = { applied = 0, gap = 0 }
    local runs, changes = during(load(db), log, function(run)
      local word = resync():match("^%a+")
      done[word] = done[word] + 1
      if run % 3 == 0 then assert(log:trim(os.time() + 60, { min_rows = 0 })) end
      return done.gap >= 2 and done.applied >= 4 and log:max_seq() > 1000
    end)
    resync()
    support.note("resync.lua: %d changes, %d runs, %d of them reloads, %d rows in the end",
      changes, runs, done.gap, expect_copy())
  end)

  it("takes no place to go on from while an older writer is open", function()
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders VALUES (1, 1)"))
    assert(log:query("INSERT INTO orders VALUES (2, 2)"))
    assert.matches("timeout", resync(1), 1, true)
    assert(writer:query("COMMIT"))
    writer:close()
    assert.matches("reloaded 2 rows", resync(), 1, true)
    assert.equal(2, expect_copy())
  end)
end)
