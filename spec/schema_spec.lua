-- Installing, upgrading, rights, and what the triggers on the log itself keep.
local load = require "support.load"
local support = require "support"

local must, connect = load.must, load.connect

describe("the database side", function()
  local db, log

  before_each(function()
    db = support.database()
    log = connect(db)
    must(log, "SET client_min_messages = warning")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function trimmed_to()
    return must(log, "SELECT trimmed_to FROM forge_change_log_state")[1].trimmed_to
  end

  local function fails(kind, pattern, ok, err)
    assert.is_nil(ok)
    assert.equal(kind, err.kind)
    assert.is_truthy(err.message:find(pattern, 1, true), err.message)
    return err
  end

  -- Runs statements as a role that can do nothing but what `grants` says; %s is the role.
  local roles = 0
  local function as_role(grants)
    roles = roles + 1
    local role = ("forgelog_%s_role%d"):format(support.path("x"):gsub("%W", ""):sub(-12):lower(), roles)
    must(log, ("CREATE ROLE %s LOGIN; %s"):format(role, grants:gsub("%%s", role)))
    local other = connect((db:gsub("user=%S+", "user=" .. role)))
    return other, role, function()
      other:close()
      must(log, ("DROP OWNED BY %s; DROP ROLE %s"):format(role, role))
    end
  end

  describe("install", function()
    it("does nothing, and locks nothing, where everything stands", function()
      assert.same({ true, true }, { log:install() })
      assert.same({ true, false }, { log:install() })
      local other = connect(db, { timeout = 5 })
      must(other, "BEGIN; LOCK forge_change_log IN ACCESS EXCLUSIVE MODE; UPDATE forge_change_log_state SET trimmed_to = 0")
      log.timeout = 5
      assert.same({ true, false }, { log:install() })
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
      must(log, [[CREATE SCHEMA "Odd 'n"; CREATE SCHEMA other; CREATE TABLE "Odd 'n".t (id int PRIMARY KEY);
        CREATE TABLE t (id int PRIMARY KEY);
        SET search_path = other, public]])
      assert.same({ true, true }, { log:install({ schema = "Odd 'n" }) })
      assert.same({ true, true }, { log:install() })
      assert.is_nil(must(log, "SELECT to_regclass('public.forge_change_log') AS t")[1].t)
      local odd = connect(db, { schema = "Odd 'n" })
      assert(odd:watch("t"))
      assert(odd:watch("public.t"))
      must(odd, [[INSERT INTO "Odd 'n".t VALUES (1); INSERT INTO public.t VALUES (2); UPDATE public.t SET id = 3]])
      local seen = {}
      for change in odd:drain() do seen[#seen + 1] = change.op .. " " .. change.table_name .. " " .. change.row_id end
      assert.same({ "INSERT t 1", "INSERT public.t 2", "DELETE public.t 2", "INSERT public.t 3" }, seen)
      assert.same({ "public.t", "t" }, (odd:watched()))
      assert.same({}, (log:watched()))
      odd:close()
    end)

    it("upgrades an older log in place", function()
      must(log, [[CREATE TABLE forge_change_log (seq serial PRIMARY KEY, table_name text NOT NULL, op text NOT NULL, row_id text);
        INSERT INTO forge_change_log (table_name, op) SELECT 't', 'INSERT' FROM generate_series(1, 5);
        DELETE FROM forge_change_log WHERE seq < 3]])
      assert.same({ true, true }, { log:install() })
      assert.equal(2, trimmed_to())
      local seqs = {}
      for change in log:drain(2) do seqs[#seqs + 1] = change.seq end
      assert.same({ 3, 4, 5 }, seqs)
      assert.same({ true, false }, { log:install() })
      must(log, "COMMENT ON FUNCTION forge_capture_insert() IS 'forgelog 0'")
      assert.same({ true, true }, { log:install() })
      must(log, "COMMENT ON FUNCTION forge_capture_insert() IS 'forgelog 99'")
      assert.same({ true, false }, { log:install() })
    end)

    it("adds to the framework's objects, and replaces none", function()
      support.framework(db)
      local function sources()
        local list = {}
        for _, row in ipairs(must(log, [[SELECT proname, md5(prosrc) AS src FROM pg_proc WHERE proname IN ('forge_notify_change',
          'forge_trim_change_log', 'forge_enable_reactivity', 'forge_disable_reactivity') ORDER BY proname]])) do
          list[#list + 1] = row.proname .. row.src
        end
        return list
      end
      local before = sources()
      assert.equal(4, #before)
      must(log, [[CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); SELECT forge_enable_reactivity('t');
        INSERT INTO t SELECT generate_series(1, 3)]])
      assert.same({ true, true }, { log:install() })
      assert.same({ true, false }, { log:install() })
      assert.same(before, sources())
      assert.equal(0, trimmed_to())
      fails("schema", "logged twice", log:watch("t"))
      assert(log:watch("u"))
      must(log, "INSERT INTO t VALUES (4); INSERT INTO u VALUES (5); SELECT forge_trim_change_log('0')")
      assert.equal(5, trimmed_to())
      -- laid over ours afterwards, it is not taken for ours any more
      must(log, "DROP TABLE t; DROP FUNCTION forge_notify_change(); DROP FUNCTION forge_trim_change_log(interval)")
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
      fails("schema", "ALTER SEQUENCE b.forge_change_log_seq_seq CACHE 1 INCREMENT 1", log:install({ schema = "b" }))
      must(log, "CREATE TABLE c.forge_change_log (seq bigint PRIMARY KEY, table_name text, op text)")
      fails("schema", "no sequence", log:install({ schema = "c" }))
      must(log, "CREATE VIEW d.forge_change_log AS SELECT 1 AS seq, '' AS table_name, '' AS op")
      fails("schema", "not an ordinary table", log:install({ schema = "d" }))
    end)

    it("says which right is missing", function()
      local other, role, done = as_role("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
      fails("schema", "GRANT CREATE ON SCHEMA public TO \"" .. role, other:install())
      must(log, "GRANT CREATE ON SCHEMA public TO " .. role)
      must(log, "CREATE TABLE forge_change_log (seq bigserial PRIMARY KEY, table_name text, op text)")
      fails("schema", "does not own public.forge_change_log; install as", other:install())
      must(log, "DROP TABLE forge_change_log")
      -- a role that may not create the extension does without
      assert.same({ true, true }, { other:install() })
      assert.same({ true, false }, { other:install() })
      must(other, "CREATE TABLE t (id int PRIMARY KEY, n int)")
      assert(other:watch("t"))
      must(other, "INSERT INTO t VALUES (1); UPDATE t SET n = 1")
      assert.equal(2, other:max_seq())
      done()
    end)

    it("never lets seqs go back when the log is created anew", function()
      assert(log:install())
      must(log, "CREATE TABLE t (id int PRIMARY KEY)")
      assert(log:watch("t"))
      must(log, "INSERT INTO t SELECT generate_series(1, 10); DELETE FROM forge_change_log; DROP TABLE forge_change_log")
      assert.same({ true, true }, { log:install() })
      must(log, "INSERT INTO t VALUES (11)")
      assert.equal(11, log:max_seq())
    end)
  end)

  describe("trimmed_to", function()
    before_each(function()
      assert(log:install())
      must(log, "CREATE TABLE t (id int PRIMARY KEY)")
      assert(log:watch("t"))
      must(log, "INSERT INTO t SELECT generate_series(1, 10)")
    end)

    it("is the highest seq ever deleted, by whomever", function()
      assert.equal(0, trimmed_to())
      must(log, "DELETE FROM forge_change_log WHERE seq = 4")
      assert.equal(4, trimmed_to())
      must(log, "DELETE FROM forge_change_log WHERE seq < 4; DELETE FROM forge_change_log WHERE false")
      assert.equal(4, trimmed_to())
      must(log, "BEGIN; DELETE FROM forge_change_log; ROLLBACK")
      assert.equal(4, trimmed_to())
      assert.equal(6, must(log, "SELECT forge_trim_change_log('0 seconds') AS n")[1].n)
      assert.equal(10, trimmed_to())
    end)

    it("is the highest of two deletions at once", function()
      local other = connect(db)
      must(log, "BEGIN; DELETE FROM forge_change_log WHERE seq = 9")
      local waiting = support.start(("psql -XAtq -d '%s' -c 'DELETE FROM forge_change_log WHERE seq = 5'"):format(db))
      support.wait_until(function()
        return must(other, "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
          .. "AND datname = current_database()")[1].n == 1
      end, "the second deletion to wait")
      other:close()
      must(log, "COMMIT")
      assert.is_true(waiting:wait())
      assert.equal(9, trimmed_to())
    end)

    it("is what the sequence gave at TRUNCATE, and seqs do not start over", function()
      must(log, "BEGIN; INSERT INTO t VALUES (11); ROLLBACK; TRUNCATE forge_change_log")
      assert.equal(11, trimmed_to())
      must(log, "INSERT INTO t VALUES (12); TRUNCATE forge_change_log RESTART IDENTITY")
      assert.equal(12, trimmed_to())
      must(log, "INSERT INTO t VALUES (13)")
      assert.equal(13, log:max_seq())
      must(log, "BEGIN; TRUNCATE forge_change_log RESTART IDENTITY; ROLLBACK; INSERT INTO t VALUES (14)")
      assert.equal(12, trimmed_to())
      assert.equal(14, log:max_seq())
    end)

    it("is made good when the triggers were away", function()
      must(log, "ALTER TABLE forge_change_log DISABLE TRIGGER forge_log_deleted; DELETE FROM forge_change_log WHERE seq < 8")
      assert.equal(0, trimmed_to())
      assert.same({ true, true }, { log:install() })
      assert.equal(7, trimmed_to())
      must(log, "DELETE FROM forge_change_log WHERE seq = 8")
      assert.equal(8, trimmed_to())
    end)

    it("lets one trimmer work at a time", function()
      local other = connect(db)
      must(other, "SELECT pg_advisory_lock(77306496745475)")
      assert.equal(0, must(log, "SELECT forge_trim_change_log('0') AS n")[1].n)
      other:close()
      support.wait_until(function() return must(log, "SELECT forge_trim_change_log('0') AS n")[1].n == 10 end, "the lock to go")
    end)
  end)

  describe("watch", function()
    before_each(function()
      assert(log:install())
      must(log, "CREATE TABLE t (id int PRIMARY KEY, n int)")
    end)

    it("refuses what cannot be watched, and says why", function()
      must(log, "CREATE VIEW v AS SELECT 1 AS x; CREATE MATERIALIZED VIEW m AS SELECT 1 AS x; CREATE TEMP TABLE tmp (id int)")
      fails("schema", "is a view", log:watch("v"))
      fails("schema", "is a materialized view", log:watch("m"))
      fails("schema", "temporary", log:watch("tmp"))
      fails("schema", "system catalog", log:watch("pg_class"))
      for _, name in ipairs({ "forge_change_log", "forge_change_log_state", "forge_change_log_consumers" }) do
        fails("schema", "part of the log itself", log:watch(name))
      end
      assert.equal("42P01", fails("schema", "no table nowhere", log:watch("nowhere")).sqlstate)
      fails("schema", "no table a.b.c.d", log:watch("a.b.c.d"))
      fails("schema", "no column nix to ignore", log:watch("t", { ignore = { "n", "nix" } }))
      assert.has_error(function() log:watch(7) end)
      assert.has_error(function() log:watch("t", { ignores = {} }) end)
      must(log, "CREATE TRIGGER mine AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION forge_notify_change()")
      fails("schema", "has the row trigger mine already", log:watch("t"))
    end)

    it("says that there is no log", function()
      must(log, "CREATE SCHEMA empty")
      local other = connect(db, { schema = "empty" })
      fails("schema", "run log:install() first", other:watch("public.t"))
      other:close()
    end)

    it("can be called again, changed, repaired and ended", function()
      assert.same({ true, true }, { log:watch("t", { ignore = { "n" }, notify = false }) })
      assert.same({ true, false }, { log:watch("public.t", { ignore = { "n" }, notify = false }) })
      local names, about = log:watched()
      assert.same({ "t" }, names)
      assert.same({ schema = "public", table = "t", ignore = { "n" }, notify = false, level = "statement", missing = {},
        altered = {}, key = { "id" }, key_changed = false, healthy = true },
        about.t)
      assert.same({ true, true }, { log:watch("t") })
      assert.same({}, select(2, log:watched()).t.ignore)
      must(log, "ALTER TABLE t DISABLE TRIGGER forge_capture_delete; DROP TRIGGER forge_capture_insert ON t")
      assert.same({ "insert", "delete" }, select(2, log:watched()).t.missing)
      assert.same({ true, true }, { log:watch("t") })
      assert.same({}, select(2, log:watched()).t.missing)
      assert.same({ true, true }, { log:unwatch("t") })
      assert.same({ true, false }, { log:unwatch("t") })
      must(log, "INSERT INTO t VALUES (1); TRUNCATE t")
      assert.is_nil((log:max_seq()))
    end)

    it("takes a row trigger attached by hand, on any table", function()
      must(log, [[CREATE TABLE r (k text PRIMARY KEY DEFERRABLE, n numeric); CREATE TABLE nokey (n text);
        CREATE TABLE parts (a int, b int, PRIMARY KEY (a, b)) PARTITION BY LIST (b);
        CREATE TABLE part1 PARTITION OF parts DEFAULT;
        CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON r FOR EACH ROW EXECUTE FUNCTION forge_notify_change();
        CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON nokey FOR EACH ROW EXECUTE FUNCTION forge_notify_change();
        CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON parts FOR EACH ROW EXECUTE FUNCTION forge_notify_change();
        INSERT INTO r VALUES ('a', 1); UPDATE r SET n = 1.0; UPDATE r SET n = 1.0; UPDATE r SET k = 'b'; DELETE FROM r;
        INSERT INTO nokey VALUES ('x'); UPDATE nokey SET n = NULL; DELETE FROM nokey;
        INSERT INTO parts VALUES (1, 2); DELETE FROM part1]])
      local seen = {}
      for c in log:drain() do
        seen[#seen + 1] = ("%s %s %s %s"):format(c.op, c.table_name, c.row_id or "-", c.changed_cols or "-")
      end
      assert.same({ "INSERT r a -", "UPDATE r a n", "UPDATE r a -", "DELETE r a -", "INSERT r b -", "DELETE r b -",
        "INSERT nokey - -", "UPDATE nokey - n", "DELETE nokey - -", "INSERT parts [1, 2] -", "DELETE parts [1, 2] -" }, seen)
    end)
  end)

  describe("rights", function()
    before_each(function()
      assert(log:install())
      must(log, "CREATE TABLE t (id int PRIMARY KEY, n int)")
      assert(log:watch("t"))
    end)

    it("let a writer of a table be logged without any right on the log", function()
      local other, _, done = as_role("GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON t TO %s")
      must(other, "INSERT INTO t VALUES (1, 1), (2, 2); UPDATE t SET n = 3; UPDATE t SET id = 5 WHERE id = 1; "
        .. "DELETE FROM t; TRUNCATE t")
      assert.equal(9, log:max_seq())
      for _, sql in ipairs({ "SELECT FROM forge_change_log",
        "INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT')",
        "DELETE FROM forge_change_log", "SELECT FROM forge_change_log_state", "UPDATE forge_change_log_state SET trimmed_to = 0",
        "SELECT FROM forge_change_log_consumers" }) do
        local rows, err = other:query(sql)
        assert.is_nil(rows, sql)
        assert.equal("42501", err.sqlstate)
      end
      done()
    end)

    it("keep strangers from attaching the triggers to a table of their own", function()
      local other, role, done = as_role("CREATE SCHEMA own; GRANT ALL ON SCHEMA own TO %s")
      must(other, "CREATE TABLE own.t (id int)")
      fails("schema", "EXECUTE on the functions forge_capture_*", other:watch("own.t"))
      for _, name in ipairs({ "forge_notify_change", "forge_capture_row", "forge_capture_truncate", "forge_log_deleted" }) do
        local rows, err = other:query("CREATE TRIGGER x AFTER INSERT ON own.t FOR EACH ROW "
          .. "EXECUTE FUNCTION public." .. name .. "()")
        assert.is_nil(rows)
        assert.equal("42501", err.sqlstate)
      end
      must(log, "GRANT EXECUTE ON FUNCTION forge_capture_insert(), forge_capture_update(), forge_capture_delete(), "
        .. "forge_capture_truncate() TO " .. role)
      assert.same({ true, true }, { other:watch("own.t") })
      done()
    end)

    it("are few for a reader and a trimmer", function()
      must(log, "INSERT INTO t SELECT generate_series(1, 10)")
      local reader, _, reader_done = as_role("GRANT SELECT ON forge_change_log, forge_change_log_state TO %s; "
        .. "GRANT SELECT ON SEQUENCE forge_change_log_seq_seq TO %s")
      local trimmer, _, trimmer_done = as_role("GRANT SELECT, DELETE ON forge_change_log TO %s; "
        .. "GRANT SELECT ON forge_change_log_state TO %s; GRANT SELECT ON SEQUENCE forge_change_log_seq_seq TO %s")
      local count = 0
      for _ in reader:drain() do count = count + 1 end
      assert.equal(10, count)
      local rows, err = reader:query("DELETE FROM forge_change_log")
      assert.is_nil(rows)
      assert.equal("42501", err.sqlstate)
      assert.equal(10, (assert(trimmer:trim(os.time() + 60, { min_rows = 0 }))))
      assert.equal(10, trimmed_to())
      assert.same({ "trimmed", 10 }, { reader:gap(5) })
      reader_done()
      trimmer_done()
    end)
  end)
end)
