-- install: what it creates, leaves alone, upgrades and refuses, and which rights it leaves to whom.
local failures = require "support.failures"
local logs = require "support.logs"
local support = require "support"

local must, connect, fails = logs.must, logs.connect, failures.refused

describe("install", function()
  local db, log
  before_each(function()
    db, log = logs.empty()
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("does nothing, and locks nothing, where everything stands", function()
    assert.same({ true, true }, { log:install() })
    assert.same({ true, false }, { log:install() })
    local other = connect(db, { timeout = 5 })
    must(other, [[BEGIN; LOCK forge_change_log IN ACCESS EXCLUSIVE MODE;
      UPDATE forge_change_log_state SET trimmed_to = 0]])
    local impatient = connect(db, { timeout = 5 })
    assert.same({ true, false }, { impatient:install() })
    impatient:close()
    other:close()
  end)

  it("stands many at once", function()
    local runs = {}
    must(log, "CREATE TABLE t (id int PRIMARY KEY)")
    for i = 1, 6 do
      runs[i] = support.lua([[
        local function must(done, err) return done or error(tostring(err)) end
        local log = must(require("forgelog").connect((...)))
        for _ = 1, 3 do must(log:install()); must(log:watch("t")); must(log:unwatch("t")) end]], db)
    end
    for i = 1, 6 do
      local ok, output, errors = runs[i]:wait()
      assert.is_true(ok, tostring(output) .. tostring(errors))
    end
    assert.same({ true, false }, { log:install() })
  end)

  it("works in any schema, told or found by the search path", function()
    must(log, [[CREATE SCHEMA "Odd 'n"; CREATE SCHEMA other;
      CREATE TABLE "Odd 'n".t (id int PRIMARY KEY); CREATE TABLE t (id int PRIMARY KEY);
      SET search_path = other, public]])
    assert.same({ true, true }, { log:install({ schema = "Odd 'n" }) })
    assert.same({ true, true }, { log:install() })
    assert.is_nil(must(log, "SELECT to_regclass('public.forge_change_log') AS t")[1].t)
    local odd = connect(db, { schema = "Odd 'n" })
    assert(odd:watch("t"))
    assert(odd:watch("public.t"))
    must(odd, [[INSERT INTO "Odd 'n".t VALUES (1); INSERT INTO public.t VALUES (2);
      UPDATE public.t SET id = 3]])
    local seen = {}
    for change in odd:drain() do
      seen[#seen + 1] = change.op .. " " .. change.table_name .. " " .. change.row_id
    end
    assert.same({ "INSERT t 1", "INSERT public.t 2", "DELETE public.t 2", "INSERT public.t 3" },
      seen)
    assert.same({ "public.t", "t" }, (odd:watched()))
    assert.same({}, (log:watched()))
    odd:close()
  end)

  it("upgrades an older log in place", function()
    must(log, [[CREATE TABLE forge_change_log (seq serial PRIMARY KEY, table_name text NOT NULL,
        op text NOT NULL, row_id text);
      INSERT INTO forge_change_log (table_name, op) SELECT 't', 'INSERT' FROM generate_series(1, 5);
      DELETE FROM forge_change_log WHERE seq < 3]])
    assert.same({ true, true }, { log:install() })
    assert.equal(2, logs.trimmed_to(log))
    assert.same({ 3, 4, 5 }, logs.drained(log, 2))
    assert.same({ true, false }, { log:install() })
    must(log, "COMMENT ON FUNCTION forge_capture_insert() IS 'forgelog 0'")
    assert.same({ true, true }, { log:install() })
    must(log, "COMMENT ON FUNCTION forge_capture_insert() IS 'forgelog 99'")
    assert.same({ true, false }, { log:install() })
  end)

  it("has no vacuum lock the log to shorten its file, once, and changes no setting", function()
    local function options_after(sql)
      must(log, sql .. "; COMMENT ON FUNCTION forge_capture_insert() IS 'forgelog 0'")
      assert.same({ true, true }, { log:install() })
      return must(log, [[SELECT coalesce(reloptions::text, '') AS list FROM pg_class
        WHERE oid = 'forge_change_log'::regclass]])[1].list
    end
    assert(log:install())
    logs.fill(log, 2000)
    must(log, "DELETE FROM forge_change_log")
    must(log, "VACUUM forge_change_log")
    local size = must(log, "SELECT pg_relation_size('forge_change_log') AS bytes")[1].bytes
    assert.is_true(size > 100000)
    local log_set = "ALTER TABLE forge_change_log SET "
    assert.equal("{vacuum_truncate=true,autovacuum_vacuum_threshold=7}",
      options_after(log_set .. "(vacuum_truncate = true, autovacuum_vacuum_threshold = 7)"))
    assert.equal("{autovacuum_vacuum_threshold=7}",
      options_after("ALTER TABLE forge_change_log RESET (vacuum_truncate)"))
    local older = "UPDATE forge_change_log_state SET version = 2"
    assert.equal("{autovacuum_vacuum_threshold=7,vacuum_truncate=off}", options_after(older))
    assert.equal("{autovacuum_vacuum_threshold=7,vacuum_truncate=on}",
      options_after(older .. "; " .. log_set .. "(vacuum_truncate = on)"))
  end)

  it("adds to the framework's objects, and replaces none", function()
    support.framework(db)
    local function sources()
      local list = {}
      for _, row in ipairs(must(log, [[
        SELECT proname, md5(prosrc) AS src FROM pg_proc
         WHERE proname IN ('forge_notify_change', 'forge_trim_change_log',
                           'forge_enable_reactivity', 'forge_disable_reactivity')
         ORDER BY proname]])) do
        list[#list + 1] = row.proname .. row.src
      end
      return list
    end
    local before = sources()
    assert.equal(4, #before)
    must(log, [[CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY);
      SELECT forge_enable_reactivity('t'); INSERT INTO t SELECT generate_series(1, 3)]])
    assert.same({ true, true }, { log:install() })
    assert.same({ true, false }, { log:install() })
    assert.same(before, sources())
    assert.equal(0, logs.trimmed_to(log))
    fails("schema", "logged twice", log:watch("t"))
    assert(log:watch("u"))
    must(log, [[INSERT INTO t VALUES (4); INSERT INTO u VALUES (5);
      SELECT forge_trim_change_log('0')]])
    assert.equal(5, logs.trimmed_to(log))
    -- laid over ours afterwards, it is not taken for ours any more
    must(log, [[DROP TABLE t; DROP FUNCTION forge_notify_change();
      DROP FUNCTION forge_trim_change_log(interval)]])
    assert.same({ true, true }, { log:install() })
    must(log, "DROP FUNCTION forge_trim_change_log(interval)")
    support.framework(db)
    assert.same({ true, false }, { log:install() })
    assert.same(before, sources())
  end)

  it("says what stands in its way", function()
    fails("schema", "CREATE SCHEMA nowhere first", log:install({ schema = "nowhere" }))
    must(log, "CREATE SCHEMA a; CREATE SCHEMA b; CREATE SCHEMA c; CREATE SCHEMA d")
    must(log, "CREATE TABLE a.forge_change_log (n int)")
    fails("schema", "no column seq, table_name, op", log:install({ schema = "a" }))
    assert(log:install({ schema = "b" }))
    must(log, "ALTER SEQUENCE b.forge_change_log_seq_seq CACHE 20")
    fails("schema", "ALTER SEQUENCE b.forge_change_log_seq_seq CACHE 1 INCREMENT 1",
      log:install({ schema = "b" }))
    must(log, [[CREATE TABLE c.forge_change_log (seq bigint PRIMARY KEY, table_name text,
      op text)]])
    fails("schema", "no sequence", log:install({ schema = "c" }))
    must(log, "CREATE VIEW d.forge_change_log AS SELECT 1 AS seq, '' AS table_name, '' AS op")
    fails("schema", "not an ordinary table", log:install({ schema = "d" }))
  end)

  it("says which right is missing", function()
    local role, drop_role = logs.role(log, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    local other = logs.as(db, role)
    fails("schema", "GRANT CREATE ON SCHEMA public TO \"" .. role, other:install())
    must(log, "GRANT CREATE ON SCHEMA public TO " .. role)
    must(log, [[CREATE TABLE forge_change_log (seq bigserial PRIMARY KEY, table_name text,
      op text)]])
    fails("schema", "does not own public.forge_change_log; install as", other:install())
    must(log, "DROP TABLE forge_change_log")
    -- a role that may not create the extension does without
    assert.same({ true, true }, { other:install() })
    assert.same({ true, false }, { other:install() })
    must(other, "CREATE TABLE t (id int PRIMARY KEY, n int)")
    assert(other:watch("t"))
    must(other, "INSERT INTO t VALUES (1); UPDATE t SET n = 1")
    assert.equal(2, other:max_seq())
    other:close()
    drop_role()
  end)

  it("never lets seqs go back when the log is created anew", function()
    assert(log:install())
    must(log, "CREATE TABLE t (id int PRIMARY KEY)")
    assert(log:watch("t"))
    must(log, [[INSERT INTO t SELECT generate_series(1, 10); DELETE FROM forge_change_log;
      DROP TABLE forge_change_log]])
    assert.same({ true, true }, { log:install() })
    must(log, "INSERT INTO t VALUES (11)")
    assert.equal(11, log:max_seq())
  end)

  it("asks few rights of a reader and of a trimmer", function()
    assert(log:install())
    must(log, "CREATE TABLE t (id int PRIMARY KEY, n int)")
    assert(log:watch("t"))
    must(log, "INSERT INTO t SELECT generate_series(1, 10)")
    local reading, drop_reading = logs.role(log, [[
      GRANT SELECT ON forge_change_log, forge_change_log_state TO %s;
      GRANT SELECT ON SEQUENCE forge_change_log_seq_seq TO %s]])
    local trimming, drop_trimming = logs.role(log, [[
      GRANT SELECT, DELETE ON forge_change_log TO %s;
      GRANT SELECT ON forge_change_log_state TO %s;
      GRANT SELECT ON SEQUENCE forge_change_log_seq_seq TO %s]])
    local reader, trimmer = logs.as(db, reading), logs.as(db, trimming)
    assert.equal(10, #logs.drained(reader))
    local rows, err = reader:query("DELETE FROM forge_change_log")
    assert.is_nil(rows)
    assert.equal("42501", err.sqlstate)
    assert.equal(10, (assert(trimmer:trim(os.time() + 60, { min_rows = 0 }))))
    assert.equal(10, logs.trimmed_to(log))
    assert.same({ "trimmed", 10 }, { reader:gap(5) })
    reader:close()
    trimmer:close()
    drop_reading()
    drop_trimming()
  end)
end)
