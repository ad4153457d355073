-- watch and unwatch: what can be watched, by whom, and what a second call changes.
local failures = require "support.failures"
local logs = require "support.logs"
local support = require "support"

local must, connect, fails = logs.must, logs.connect, failures.refused

describe("watch", function()
  local db, log
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    must(log, "CREATE TABLE t (id int PRIMARY KEY, n int)")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("refuses what cannot be watched, and says why", function()
    must(log, [[CREATE VIEW v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW m AS SELECT 1 AS x;
      CREATE TEMP TABLE tmp (id int)]])
    fails("schema", "is a view", log:watch("v"))
    fails("schema", "is a materialized view", log:watch("m"))
    fails("schema", "temporary", log:watch("tmp"))
    fails("schema", "system catalog", log:watch("pg_class"))
    for _, name in ipairs({ "forge_change_log", "forge_change_log_state",
      "forge_change_log_consumers" }) do
      fails("schema", "part of the log itself", log:watch(name))
    end
    assert.equal("42P01", fails("schema", "no table nowhere", log:watch("nowhere")).sqlstate)
    fails("schema", "no table a.b.c.d", log:watch("a.b.c.d"))
    fails("schema", "no column nix to ignore", log:watch("t", { ignore = { "n", "nix" } }))
    assert.has_error(function() log:watch(7) end)
    assert.has_error(function() log:watch("t", { ignores = {} }) end)
    must(log, [[CREATE TRIGGER mine AFTER INSERT ON t
      FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]])
    fails("schema", "has the row trigger mine already", log:watch("t"))
  end)

  it("says that there is no log", function()
    must(log, "CREATE SCHEMA empty")
    local other = connect(db, { schema = "empty" })
    fails("schema", "run log:install() first", other:watch("public.t"))
    other:close()
  end)

  it("takes no table from another log", function()
    must(log, [[CREATE SCHEMA second;
      CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (100)]])
    local second = connect(db, { schema = "second" })
    assert(second:install())
    for _, name in ipairs({ "t", "parted" }) do
      assert(log:watch(name))
      local err = fails("schema", "is watched by the log in schema public already",
        second:watch("public." .. name))
      assert.equal("other_log", err.code)
    end
    assert.same({ true, true }, { second:watch("public.part") }) -- which it does not have yet
    must(log, "INSERT INTO t VALUES (1); INSERT INTO parted VALUES (1)")
    assert.same({ 2, 1 }, { log:max_seq(), second:max_seq() })
    assert(log:unwatch("t"))
    assert.same({ true, true }, { second:watch("public.t") })
    must(log, "INSERT INTO t VALUES (2)")
    assert.same({ 2, 2 }, { log:max_seq(), second:max_seq() })
    second:close()
  end)

  it("can be called again, and changed, and ended", function()
    local options = { ignore = { "n" }, notify = false }
    assert.same({ true, true }, { log:watch("t", options) })
    assert.same({ true, false }, { log:watch("public.t", options) })
    assert.same({ true, true }, { log:watch("t") })
    assert.same({ true, true }, { log:unwatch("t") })
    assert.same({ true, false }, { log:unwatch("t") })
    must(log, "INSERT INTO t VALUES (1); TRUNCATE t")
    assert.is_nil((log:max_seq()))
  end)

  it("repairs triggers that are gone or disabled", function()
    assert.same({ true, true }, { log:watch("t") })
    must(log, [[ALTER TABLE t DISABLE TRIGGER forge_capture_delete;
      DROP TRIGGER forge_capture_insert ON t]])
    assert.same({ "insert", "delete" }, select(2, log:watched()).t.missing)
    assert.same({ true, true }, { log:watch("t") })
    assert.same({}, select(2, log:watched()).t.missing)
  end)

  it("lets a writer of a table be logged without any right on the log", function()
    assert(log:watch("t"))
    local role, drop_role = logs.role(log,
      "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON t TO %s")
    local other = logs.as(db, role)
    must(other, [[INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET n = 3;
      UPDATE t SET id = 5 WHERE id = 1; DELETE FROM t; TRUNCATE t]])
    assert.equal(9, log:max_seq())
    for _, sql in ipairs({
      "SELECT FROM forge_change_log",
      "INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT')",
      "DELETE FROM forge_change_log",
      "SELECT FROM forge_change_log_state",
      "UPDATE forge_change_log_state SET trimmed_to = 0",
      "SELECT FROM forge_change_log_consumers",
    }) do
      local rows, err = other:query(sql)
      assert.is_nil(rows, sql)
      assert.equal("42501", err.sqlstate)
    end
    other:close()
    drop_role()
  end)

  it("keeps strangers from attaching the triggers to a table of their own", function()
    local role, drop_role = logs.role(log, "CREATE SCHEMA own; GRANT ALL ON SCHEMA own TO %s")
    local other = logs.as(db, role)
    must(other, "CREATE TABLE own.t (id int)")
    fails("schema", "EXECUTE on the functions forge_capture_*", other:watch("own.t"))
    for _, name in ipairs({ "forge_notify_change", "forge_capture_row", "forge_capture_truncate",
      "forge_log_deleted" }) do
      local rows, err = other:query("CREATE TRIGGER x AFTER INSERT ON own.t FOR EACH ROW "
        .. "EXECUTE FUNCTION public." .. name .. "()")
      assert.is_nil(rows)
      assert.equal("42501", err.sqlstate)
    end
    must(log, "GRANT EXECUTE ON FUNCTION forge_capture_insert(), forge_capture_update(), "
      .. "forge_capture_delete(), forge_capture_truncate() TO " .. role)
    assert.same({ true, true }, { other:watch("own.t") })
    other:close()
    drop_role()
  end)
end)
