-- The recipe of a copy in another database: whatever is killed, and whatever is written meanwhile,
-- it ends equal, and each change is copied once.
local logs = require "support.logs"
local recipes = require "support.recipes"
local support = require "support"

local must = logs.must

describe("the recipe of a copy in another database", function()
  local recipe, log, target, other
  before_each(function()
    recipe = recipes.new()
    log = recipe.log
    target = recipe:database()
    recipe:sh("createdb reports", { ["createdb reports"] = "true",
      ["psql -qd reports"] = "psql -qd '" .. target .. "'" })
    other = logs.connect(target)
  end)
  after_each(function()
    other:close()
    recipe:close()
  end)

  local function begin()
    return recipe:start("copy_database.lua", { ['"dbname=recipes"'] = '"' .. recipe.db .. '"',
      ['"dbname=reports"'] = '"' .. target .. '"' })
  end

  -- How many changes were copied; nil before all rows were, at first.
  local function copied()
    local rows = other:query("SELECT position, changes FROM copied")
    return rows and rows[1] and rows[1].position and rows[1].changes
  end

  local function same()
    local sql = "SELECT string_agg(o::text, ' ' ORDER BY id) AS all FROM orders o"
    return must(log, sql)[1].all == must(other, sql)[1].all
  end

  local function equal() recipe:wait("the copy to be equal", same) end

  -- Those that wait for a lock in the target.
  local function waiting()
    return must(other, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
      .. " AND wait_event_type = 'Lock'")[1]
  end

  it("has each change once, whichever side dies", function()
    must(log, "CREATE SEQUENCE keys START 100")
    must(log, "INSERT INTO orders SELECT g, NULL, g FROM generate_series(1, 1500) g")
    begin()
    recipe:wait("the first copy", copied)
    assert.is_true(same())
    local first = recipe:changes("orders")
    recipes.kill(recipe.running[#recipe.running])
    local cut
    recipe:kill_often([[
      \set id random(1, 40)
      INSERT INTO orders VALUES (:id, 'ada', 1) ON CONFLICT (id) DO UPDATE SET total = 2;
      DELETE FROM orders WHERE id = 1 + :id;
      UPDATE orders SET id = 10000 + nextval('keys') WHERE id = 2 + :id;]], begin, function()
      if not cut and copied() > 0 then
        cut = #must(other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
          .. " current_database() AND pid <> pg_backend_pid()")
      end
      return copied()
    end)
    assert.equal(1, cut)
    local written = recipe:changes("orders") - first
    recipe:wait("all of it", function() return copied() >= written end)
    support.note("copy_database: %d changes, %d copied, killed 3 times", written, copied())
    assert.is_true(written > support.scale(200))
    assert.equal(written, copied())
    assert.is_true(same())

    -- Killed in the middle of a batch.
    local newest = " WHERE id = (SELECT max(id) FROM orders)"
    local holder = logs.connect(target)
    finally(function() holder:close() end)
    must(holder, "BEGIN; SELECT FROM orders" .. newest .. " FOR UPDATE")
    must(log, "UPDATE orders SET total = 3" .. newest)
    recipe:wait("it to wait", waiting)
    recipes.kill(recipe.running[#recipe.running])
    must(other, "SELECT pg_terminate_backend($1)", waiting().pid)
    must(holder, "ROLLBACK")
    begin()
    equal()
    assert.equal(written + 1, copied())

    must(log, "ALTER TABLE orders DISABLE TRIGGER ALL; INSERT INTO orders VALUES (5000, 'x', 1);"
      .. "ALTER TABLE orders ENABLE TRIGGER ALL")
    assert(log:touch("orders"))
    equal()
    must(log, "TRUNCATE orders; INSERT INTO orders VALUES (1, 'eve', 1)")
    equal()
    must(log, "DELETE FROM orders")
    equal()
    recipes.kill(recipe.running[#recipe.running])
    must(log, "INSERT INTO orders VALUES (2, 'eve', 1)")
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    begin()
    equal()
  end)

  it("begins with all rows, killed in the middle of them, while others write", function()
    must(log, "CREATE SEQUENCE keys START 10000")
    must(log, "INSERT INTO orders SELECT g, 'ada', g FROM generate_series(1, 4000) g")
    must(other, [[
      CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END';
      CREATE TRIGGER hold AFTER INSERT ON orders
        FOR EACH ROW WHEN (NEW.id = 2500) EXECUTE FUNCTION hold()]])
    must(other, "SELECT pg_advisory_lock(1)")
    local load = recipe:write([[
      \set id random(1, 1000)
      \set key random(3500, 4000)
      INSERT INTO orders VALUES (:id, 'eve', 1) ON CONFLICT (id) DO UPDATE SET total = 2;
      DELETE FROM orders WHERE id = 1000 + :id;
      UPDATE orders SET id = nextval('keys') WHERE id = :key;]], support.scale(240))
    -- Rows that it has read by then, and rows that it has not, go, change, and change places.
    local function write(id)
      for _, sql in ipairs { "DELETE FROM orders WHERE id IN (%d, 1000 + %d)",
        "UPDATE orders SET total = -1 WHERE id IN (1 + %d, 1001 + %d)",
        "UPDATE orders SET id = nextval('keys') WHERE id = 2 + %d",
        "UPDATE orders SET id = -%d WHERE id = 1002 + %d",
        "INSERT INTO orders VALUES (-1000 - %d, 'new', 1), (5000 + %d, 'new', 1)" } do
        must(log, (sql:gsub("%%d", id)))
      end
    end
    local program = begin()
    recipe:wait("it to be in the middle", waiting)
    write(2010)
    assert.is_nil(copied())
    assert.equal(0, must(other, "SELECT count(*) AS n FROM orders")[1].n)
    recipes.kill(program)
    must(other, "SELECT pg_terminate_backend($1)", waiting().pid)
    recipe:wait("its session to end", function() return not waiting() end)

    begin()
    recipe:wait("it to be in the middle", waiting)
    write(2020)
    local open = logs.connect(recipe.db)
    finally(function() open:close() end)
    must(open, "BEGIN; UPDATE orders SET total = -77 WHERE id IN (2030, 3400)")
    write(2040)
    must(other, "SELECT pg_advisory_unlock(1)")
    recipe:wait("the first copy", copied)
    must(open, "COMMIT")
    load:wait()
    equal()
    local rows = must(other, "SELECT count(*) AS n, count(*) FILTER (WHERE total = -77) AS late"
      .. " FROM orders")[1]
    support.note("copy_database: %d rows, %d changes meanwhile, killed once", rows.n,
      recipe:changes("orders") - 4000)
    assert.equal(2, rows.late)
  end)

  it("goes on from what the target has, which may have lost its last commits", function()
    begin()
    must(log, "INSERT INTO orders VALUES (1, 'ada', 1)")
    recipe:wait("the first", function() return copied() and same() end)
    local before = must(other, "SELECT position, changes FROM copied")[1]
    must(log, "INSERT INTO orders VALUES (2, 'bob', 2)")
    equal()
    must(other, "BEGIN")
    must(other, "UPDATE copied SET position = $1, changes = $2", before.position, before.changes)
    must(other, "DELETE FROM orders WHERE id = 2; COMMIT")
    must(log, "UPDATE orders SET total = 3 WHERE id = 1")
    equal()
    assert.equal(before.changes + 2, copied())
  end)

  it("copies a unique value that goes from one row to another", function()
    must(other, "ALTER TABLE orders ADD UNIQUE (customer)")
    must(log, "INSERT INTO orders VALUES (1, 'ada', 1), (2, 'bob', 2)")
    local program = begin()
    recipe:wait("the first copy", copied)
    must(other, "BEGIN; SELECT FROM copied FOR UPDATE")
    must(log, "UPDATE orders SET total = 3 WHERE id = 2")
    recipe:wait("it to wait", waiting)
    must(log, "DELETE FROM orders WHERE id = 1; UPDATE orders SET customer = 'ada' WHERE id = 2")
    must(other, "ROLLBACK")
    equal()
    assert.matches("orders_customer_key", program:errors())
    assert.equal(3, copied())
  end)
end)
