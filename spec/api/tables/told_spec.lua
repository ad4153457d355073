-- A name of a table that means nothing: it is told by a feed and a consumer before anything is
-- handed out or saved; and who writes the log for what is no table of ours.
local consumer = require "forgelog.consumer"
local failures = require "support.failures"
local logs = require "support.logs"
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

-- The code of the error that a drain of a name raises.
local function code_of(log, name)
  local ok, err = pcall(drained, log, name)
  assert.is_false(ok)
  return err.code
end

describe("names that mean nothing", function()
  local db, log
  before_each(function() db, log = logs.installed(nil, TABLES) end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("are told by a feed, which goes on once the table is watched", function()
    local other = logs.connect(db)
    must(log, "INSERT INTO orders VALUES (1)")
    local feed = log:follow(0, { tables = { "bills" } })
    failures.refused("schema", "there is no table bills here", feed:next(5))
    must(other, "CREATE TABLE bills (id int PRIMARY KEY)")
    failures.refused("schema", "table bills is not watched", feed:batch(10, 5))
    assert.equal("0", feed:position())
    assert(other:watch("bills"))
    must(other, "INSERT INTO bills VALUES (1)")
    assert.equal(2, assert(feed:next(5)).seq)
    -- The feed has begun, so it goes on where the table is gone.
    must(other, [[DROP TABLE bills; DELETE FROM forge_change_log WHERE seq = 2;
      DELETE FROM forge_change_log_watches WHERE table_name = 'bills';
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid()]])
    support.wait_until(function()
      failures.refused("timeout", "", feed:next(0.01))
      return feed:stats().reconnects == 1 and feed:stats().connected
    end, "the feed to go on")
    feed:close()
    other:close()
  end)

  it("are told by a consumer, which saves nothing and reads no table before that", function()
    local resyncs, errors = 0, {}
    local one = consumer.new { conninfo = db, name = "one", position = consumer.table(),
      tables = { "ORDERS", "bills" }, on_changes = function() end,
      on_resync = function() resyncs = resyncs + 1 end, backoff = 0.01, backoff_max = 0.01,
      on_error = function(err) errors[#errors + 1] = err.code end }
    must(log, "INSERT INTO orders VALUES (1)")
    failures.refused("schema", "there is no table bills", one:step(1))
    failures.refused("schema", "there is no table bills", one:run())
    assert.same({ "no_table", "no_table" }, errors)
    assert.equal(0, #must(log, "SELECT FROM forge_change_log_consumers"))
    assert.equal(0, resyncs)
    must(log, "CREATE TABLE bills (id int)")
    assert(log:watch("bills"))
    assert.equal(0, one:step(5))
    assert.equal(1, resyncs)
    one:close()
  end)

  it("go unnoticed where nothing says by what the log is written, if there is such a table",
    function()
      local plain_db, plain = logs.empty()
      must(plain, [[CREATE TABLE forge_change_log (seq bigserial PRIMARY KEY,
        table_name text NOT NULL, op text NOT NULL); CREATE TABLE bills (id int)]])
      local role, drop = logs.role(plain, "GRANT USAGE ON SCHEMA public TO %s; "
        .. "GRANT SELECT ON forge_change_log TO %s")
      local other = logs.as(plain_db, role)
      assert.same({}, drained(other, "bills"))
      assert.equal("no_table", code_of(other, "bill"))
      must(plain, "INSERT INTO forge_change_log (table_name, op) VALUES ('any', 'INSERT')")
      assert.same({ "any" }, drained(other, "any"))
      other:close()
      drop()
      plain:close()
      support.drop(plain_db)
    end)

  it("are not those that a framework's triggers write, of partitions and other schemas too",
    function()
      local own, framework = logs.framework()
      must(framework, [[CREATE SCHEMA sales; CREATE TABLE sales.bills (id int PRIMARY KEY);
        CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parts DEFAULT; CREATE TABLE bare (id int);
        SELECT forge_enable_reactivity('sales.bills'), forge_enable_reactivity('parts')]])
      assert.equal("not_watched", code_of(framework, "bare"))
      assert.same({}, drained(framework, "item", "sales.bills", "parts", "part"))
      must(framework, "INSERT INTO sales.bills VALUES (1); INSERT INTO parts VALUES (1)")
      assert.same({ "bills" }, drained(framework, "Sales.Bills"))
      assert.same({ "part" }, drained(framework, "parts"))
      assert.same({ "part" }, drained(framework, "part"))
      framework:close()
      support.drop(own)
    end)
end)
