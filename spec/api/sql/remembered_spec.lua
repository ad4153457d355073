-- A table that was watched and is captured no longer, or was not for a while, is told by doctor,
-- status and metrics: dropped, recreated, swapped, moved, unlogged, with triggers that were off.
local captured = require "support.captured"
local findings = require "support.findings"
local logs = require "support.logs"

local must = logs.must

describe("what was watched is remembered", function()
  local log, seen
  captured.in_all(function(...) log, seen = ... end)
  before_each(function()
    must(log, [[DROP TABLE IF EXISTS orders, orders_new, orders_old, moved.orders CASCADE;
      DROP SCHEMA IF EXISTS moved; CREATE SCHEMA moved;
      CREATE TABLE orders (id int PRIMARY KEY, n int)]])
    for _, one in ipairs(assert(log:status()).lost or {}) do log:unwatch(one.name) end
    assert(log:watch("orders"))
    seen:list()
  end)

  -- What is told of the table orders: the codes of the doctor's findings; status says the same.
  local function told()
    local codes = {}
    for _, finding in ipairs(findings.wrong(log, "tables")) do
      if finding.severity ~= "note" and finding.code ~= "none_watched" then
        codes[#codes + 1] = finding.code
      end
    end
    local status = {}
    for _, one in ipairs(assert(log:status()).lost or {}) do status[#status + 1] = one.code end
    table.sort(codes)
    table.sort(status)
    return table.concat(codes, " "), table.concat(status, " ")
  end

  local function tells(code, sql)
    must(log, sql)
    local doctor, status = told()
    assert.equal(code, doctor, sql)
    assert.equal(code, status, sql)
  end

  it("nothing is told while it is as it was", function()
    tells("", "INSERT INTO orders VALUES (1)")
    tells("", "ALTER TABLE orders ADD later json; ALTER TABLE orders ADD x int DEFAULT 5")
    assert.same({ true, true }, { log:watch("orders", { keep = { "n" } }) })
    tells("", "UPDATE orders SET n = 1")
  end)

  it("swaps by two RENAMEs, in one transaction or more", function()
    tells("swapped", [[CREATE TABLE orders_new (LIKE orders INCLUDING ALL);
      ALTER TABLE orders RENAME TO orders_old; ALTER TABLE orders_new RENAME TO orders]])
    assert.equal("", seen:of(log, "INSERT INTO orders VALUES (1)"))
    assert.same({ true, true }, { log:watch("orders") })
    tells("", "INSERT INTO orders VALUES (2)")
    assert.equal("INSERT orders 2 -", seen:text())
    must(log, "DROP TABLE orders_old")
    assert.same({ "", "" }, { told() })
  end)

  it("DROP, and CREATE in its place", function()
    tells("dropped", "DROP TABLE orders")
    tells("recreated", "CREATE TABLE orders (id int PRIMARY KEY)")
    assert(log:watch("orders"))
    assert.same({ "", "" }, { told() })
    must(log, "DROP TABLE orders")
    assert.same({ true, true }, { log:unwatch("orders") })
    assert.same({ "", "" }, { told() })
  end)

  it("moves to another schema or name, with a new table in the place or without", function()
    tells("renamed", "ALTER TABLE orders SET SCHEMA moved")
    assert.equal("INSERT moved.orders 1 -", seen:of(log, "INSERT INTO moved.orders VALUES (1)"))
    tells("swapped", "CREATE TABLE orders (id int PRIMARY KEY)")
    assert(log:watch("orders"))
    assert.same({ "", "" }, { told() })
    must(log, "DROP TABLE orders")
    assert(log:unwatch("orders"))
    assert(log:watch("moved.orders"))
    tells("renamed", "ALTER SCHEMA moved RENAME TO moved2")
    assert.equal("INSERT moved2.orders 2 -", seen:of(log, "INSERT INTO moved2.orders VALUES (2)"))
    assert(log:watch("moved2.orders"))
    tells("", "ALTER TABLE moved2.orders RENAME TO o; ALTER TABLE moved2.o RENAME TO orders")
    must(log, "ALTER SCHEMA moved2 RENAME TO moved")
    assert(log:watch("moved.orders"))
  end)

  it("triggers that were off, and are on again, or gone", function()
    tells("switched", [[ALTER TABLE orders DISABLE TRIGGER ALL; INSERT INTO orders VALUES (1);
      ALTER TABLE orders ENABLE TRIGGER ALL]])
    assert.equal("", seen:text())
    assert(log:watch("orders"))
    assert.same({ "", "" }, { told() })
    tells("switched", [[ALTER TABLE orders DISABLE TRIGGER USER;
      ALTER TABLE orders ENABLE TRIGGER USER]])
    assert(log:watch("orders"))
    tells("detached", [[DROP TRIGGER forge_capture_insert ON orders;
      DROP TRIGGER forge_capture_update ON orders; DROP TRIGGER forge_capture_delete ON orders;
      DROP TRIGGER forge_capture_truncate ON orders]])
  end)

  it("what an administrator enabled for ever stays so, with other options too", function()
    must(log, [[ALTER TABLE orders ENABLE ALWAYS TRIGGER forge_capture_insert,
      ENABLE ALWAYS TRIGGER forge_capture_update, ENABLE ALWAYS TRIGGER forge_capture_delete,
      ENABLE ALWAYS TRIGGER forge_capture_truncate]])
    assert(log:watch("orders", { keep = { "n" } }))
    assert(log:watch("orders", { ignore = { "n" }, notify = false }))
    assert.equal("INSERT orders 1 -; DELETE orders 1 -; TRUNCATE orders - -", seen:of(log,
      [[SET session_replication_role = replica; INSERT INTO orders VALUES (1); DELETE FROM orders;
        TRUNCATE orders; RESET session_replication_role]]))
    assert.same({ "", "" }, { told() })
  end)

  it("unlogged tables are refused, and told later", function()
    must(log, [[CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY);
      CREATE TABLE fleeting_parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE UNLOGGED TABLE fleeting_1 PARTITION OF fleeting_parts DEFAULT]])
    for _, name in ipairs({ "fleeting", "fleeting_parts" }) do
      local ok, err = log:watch(name)
      assert.is_nil(ok)
      assert.equal("unlogged", err.code)
    end
    assert.same({ true, true }, { log:watch("fleeting", { unlogged = true }) })
    local list = findings.wrong(log, "tables")
    assert.equal("unlogged", list[1].code)
    must(log, "DROP TABLE fleeting, fleeting_parts")
    assert(log:unwatch("fleeting"))
    must(log, "ALTER TABLE orders SET UNLOGGED")
    assert.equal("unlogged", findings.wrong(log, "tables")[1].code)
  end)
end)
