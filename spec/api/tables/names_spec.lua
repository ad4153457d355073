-- The names of tables that are to be delivered: what they mean, and what a drain says of those that
-- mean nothing. (What a feed and a consumer do then: told_spec.lua.)
local logs = require "support.logs"
local names = require "forgelog.tables.names"
local support = require "support"

local must = logs.must

local TABLES = { orders = "id int PRIMARY KEY" }

-- The names in the log of what a drain of these names delivers, each once, sorted.
local function drained(log, ...)
  local seen, list = {}, {}
  for change in log:drain(0, { tables = { ... } }) do seen[change.table_name] = true end
  for name in pairs(seen) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- The error of a drain of these names.
local function refused(log, ...)
  local ok, err = pcall(drained, log, ...)
  assert.is_false(ok)
  assert.equal("table", type(err), tostring(err))
  assert.same({ "schema", false }, { err.kind, err.retryable })
  return err
end

describe("the names of tables to deliver", function()
  local db, log
  before_each(function() db, log = logs.installed(nil, TABLES) end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  -- Makes tables, has them watched and writes a row to each.
  local function watched(sql, ...)
    must(log, sql)
    for _, name in ipairs({ ... }) do
      assert(log:watch(name))
      must(log, ("INSERT INTO %s VALUES (1)"):format(name))
    end
  end

  it("mean what they mean to watch, and what the log calls a table", function()
    watched([[CREATE SCHEMA sales; CREATE SCHEMA "Odd.One"; CREATE TABLE sales.orders (id int);
      CREATE TABLE "sales.orders" (id int); CREATE TABLE "Weird, ""one""" (id int);
      CREATE TABLE "Odd.One"."Ünï" (id int); CREATE TABLE müll (id int)]], "orders",
      "sales.orders", 'public."sales.orders"', '"Weird, ""one"""', '"Odd.One"."Ünï"', "müll")
    for given, expected in pairs({
      orders = "orders", ORDERS = "orders", ["public.orders"] = "orders",
      ['"orders"'] = "orders", ['Public."orders"'] = "orders",
      ["sales.orders"] = "sales.orders", ["Sales.ORDERS"] = "sales.orders",
      ['"sales.orders"'] = '"sales.orders"', ['public."sales.orders"'] = '"sales.orders"',
      ['Weird, "one"'] = 'Weird, "one"', ['"Weird, ""one"""'] = 'Weird, "one"',
      ['"Odd.One".Ünï'] = '"Odd.One".Ünï', ['"Odd.One"."Ünï"'] = '"Odd.One".Ünï',
      ["Odd.One.Ünï"] = '"Odd.One".Ünï', ["MüLL"] = "müll",
    }) do
      assert.same({ expected }, drained(log, given), given)
    end
    assert.same({ '"sales.orders"', "orders" }, drained(log, "public.orders", '"sales.orders"'))
  end)

  it("mean what the log calls so rather than what SQL reads in them", function()
    watched('CREATE TABLE "Orders" (id int)', '"Orders"', "orders")
    assert.same({ "Orders" }, drained(log, "Orders"))
    assert.same({ "orders" }, drained(log, "ORDERS"))
  end)

  it("are looked for in the log's schema, then where the search path says", function()
    watched([[CREATE SCHEMA app; CREATE TABLE app.orders (id int);
      CREATE TABLE app.items (id int)]], "app.orders", "app.items", "orders")
    must(log, "SET search_path = app, public")
    assert.same({ "orders" }, drained(log, "orders"))
    assert.same({ "app.items" }, drained(log, "items"))
    must(log, "SET search_path = public")
    local err = refused(log, "items")
    assert.same({ "no_table", "app.items" }, { err.code, err.closest })
    assert.matches("there is no table items here, .* is app.items meant%?$", err.message)
  end)

  it("find the log in another schema, from wherever they are given", function()
    must(log, "CREATE SCHEMA app; CREATE TABLE app.mine (id int)")
    local other = logs.connect(db, { schema = "app" })
    assert(other:install())
    assert(log:unwatch("orders"))
    assert(other:watch("public.orders"))
    assert(other:watch("mine"))
    must(log, "INSERT INTO app.mine VALUES (1); INSERT INTO orders VALUES (1)")
    assert.same({ "public.orders" }, drained(other, "orders"))
    assert.same({ "public.orders" }, drained(other, "PUBLIC.Orders"))
    assert.same({ "mine" }, drained(other, "app.mine"))
    other:close()
  end)

  it("of a partition mean the watched table above it", function()
    must(log, [[CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE part PARTITION OF parts DEFAULT]])
    assert.equal("not_watched", refused(log, "part").code)
    assert(log:watch("parts"))
    must(log, "INSERT INTO part VALUES (1)")
    assert.same({ "parts" }, drained(log, "part"))
    assert.same({ "parts" }, drained(log, "parts"))
  end)

  it("of a renamed table mean what was logged before and after", function()
    must(log, "INSERT INTO orders VALUES (1); ALTER TABLE orders RENAME TO bills")
    must(log, "INSERT INTO bills VALUES (2)")
    assert.same({ "bills", "orders" }, drained(log, "bills"))
    assert.same({ "bills", "orders" }, drained(log, "orders"))
    -- Another table that has the name now is another table.
    watched("CREATE TABLE orders (id int PRIMARY KEY)", "orders")
    assert.same({ "orders" }, drained(log, "orders"))
    assert.same({ "bills" }, drained(log, "bills"))
  end)

  it("may be those of tables that are gone, as long as the log or a watch has them", function()
    must(log, "INSERT INTO orders VALUES (1); DROP TABLE orders")
    assert.same({ "orders" }, drained(log, "public.ORDERS"))
    must(log, "TRUNCATE forge_change_log")
    local position = assert(log:position())
    assert.is_nil(log:drain(position, { tables = { "orders" } })())
    assert.same({ true, true }, { log:unwatch("public.ORDERS") })
    local _, err = pcall(log:drain(position, { tables = { "orders" } }))
    assert.equal("no_table", err.code)
    assert.is_nil(log:drain(position, { channels = { "orders" } })())
  end)

  it("may be those of rows that programs write", function()
    must(log, [[INSERT INTO forge_change_log (table_name, op) VALUES ('ipc:keys', 'BROADCAST'),
      ('My "own", rows', 'INSERT'), ('orders', 'INSERT')]])
    assert.same({ 'My "own", rows', "ipc:keys" }, drained(log, "ipc:keys", 'My "own", rows'))
    local function channels(tables, ...)
      return logs.drained(log, 0, { tables = tables, channels = { ... } })
    end
    assert.same({ 1 }, channels(nil, "ipc:keys", "ipc:others"))
    assert.same({ 1, 3 }, channels({ "ORDERS" }, "ipc:keys"))
    assert.same({ 1 }, channels({}, "ipc:keys"))
    for _, opts in ipairs { { tables = {} }, { channels = {} }, { tables = {}, channels = {} } } do
      for _, read in ipairs { "drain", "follow" } do
        assert.error_matches(function() log[read](log, 0, opts) end, "leave it out for all tables")
      end
    end
  end)

  it("that mean nothing are told by the first step, with the name that may be meant", function()
    must(log, [[CREATE TABLE bare (id int); CREATE VIEW seen AS SELECT 1 AS id;
      INSERT INTO orders VALUES (1)]])
    local err = refused(log, "orders", "ordrs")
    assert.same({ "no_table", "ordrs", "orders", "42P01" },
      { err.code, err.table, err.closest, err.sqlstate })
    assert.equal("drain: there is no table ordrs here, nor a change of it in the log; "
      .. "is orders meant?", err.message)
    assert.is_nil(refused(log, "something else").closest)
    for _, name in ipairs({ "bare", "public.Bare", "seen" }) do
      err = refused(log, name)
      assert.same({ "not_watched", name, "watch" }, { err.code, err.table, err.remedy })
      assert.matches("is not watched, and the log has no change of it; "
        .. 'run log:watch%(".-"%) first$', err.message)
    end
    local odd = { "", '""', ".", "a.b.c", "orders.", ".orders", '"', "it's", "\\", "{a}" }
    for _, name in ipairs(odd) do
      assert.equal("no_table", refused(log, name).code, name)
    end
    for _, name in ipairs { "forge_change_log", "forge_change_log_state", "pg_class" } do
      err = refused(log, name)
      assert.same({ "not_watched" }, { err.code, err.remedy, err.hint }, name)
    end
    must(log, "CREATE TEMP TABLE passing (id int)")
    assert.equal("not_watched", refused(log, "passing").code)
    must(log, "INSERT INTO forge_change_log (table_name, op) VALUES ('bare', 'INSERT')")
    assert.same({ "bare" }, drained(log, "public.Bare"))
  end)

  it("are looked up by roles that may do little, also in schemas that they may not use", function()
    watched("CREATE SCHEMA hidden; CREATE TABLE hidden.orders (id int)", "hidden.orders")
    local role, drop = logs.role(log, "GRANT USAGE ON SCHEMA public TO %s; "
      .. "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    local other = logs.as(db, role)
    assert.same({ "hidden.orders" }, drained(other, "Hidden.Orders"))
    assert.equal("no_table", refused(other, "hidden.order").code)
    other:close()
    drop()
  end)

  it("are searched for in a log of many changes a part at a time", function()
    must(log, [[INSERT INTO forge_change_log (seq, table_name, op) VALUES (1, 'mine', 'INSERT'),
      (3500000, 'orders', 'INSERT'); SELECT setval('forge_change_log_seq_seq', 3500000)]])
    assert.same({ "mine" }, drained(log, "mine"))
    assert.equal("no_table", refused(log, "mime").code)
  end)

  it("go with columns, and those that nobody has are refused by the command", function()
    must(log, [[CREATE TABLE a (id int PRIMARY KEY, price int, "odd, one" int);
      CREATE TABLE b (id int PRIMARY KEY, weight int)]])
    assert(log:watch("a"))
    assert(log:watch("b"))
    must(log, [[INSERT INTO forge_change_log (table_name, op, changed_cols, created_at) VALUES
      ('a', 'UPDATE', 'price,"once, there"', now()), ('a', 'UPDATE', 'gone', now())]])
    local function resolved(filter)
      return names.resolve(log.connection, "drain", filter, {}, true)
    end
    local function message_of(columns, tables)
      local none, err = resolved({ columns = columns, tables = tables })
      assert.is_nil(none)
      assert.same({ "schema", "no_column", "42703" }, { err.kind, err.code, err.sqlstate })
      return err.message
    end
    assert.equal("drain: no watched table has a column prise; is price meant?",
      message_of({ "weight", "prise" }))
    assert.equal("drain: no watched table has a column Price; is price meant?",
      message_of({ "Price" }))
    assert.equal("drain: no watched table has a column wholly_other",
      message_of({ "wholly_other" }))
    assert.equal("drain: no watched table has a column pric; is price meant?",
      message_of({ "pric" }))
    assert.equal("drain: none of these tables has a column weight",
      message_of({ "weight" }, { "a" }))
    for _, columns in ipairs({ { "price" }, { "odd, one" }, { "once, there" }, { "gone" } }) do
      assert(resolved({ columns = columns }))
    end
    assert(resolved({ columns = { "x" }, channels = { "own" } }))
    assert(resolved({ columns = { "weight" }, tables = { "a", "b" } }))
  end)
end)
