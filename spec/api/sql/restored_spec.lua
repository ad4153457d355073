-- Writes go on where a log was restored, moved, or had its rights taken away; and where functions
-- know tables that are gone.
local captured = require "support.captured"
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a write", function()
  local db, log, seen
  before_each(function()
    db, log = logs.empty()
    must(log, "CREATE SCHEMA feed")
    log:close()
    log = logs.connect(db, { schema = "feed" })
    must(log, "SET client_min_messages = warning; SET search_path = feed, public")
    assert(log:install())
    must(log, "CREATE TABLE public.a (id int PRIMARY KEY, n int); "
      .. "CREATE TABLE public.b (id int, n int)")
    assert(log:watch("public.a"))
    seen = captured.new(log)
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("is logged by the functions of a dump, whose tables have other numbers", function()
    assert(log:watch("public.b"))
    -- as after a restore: the functions of each table are for numbers that nobody has, or another
    must(log, [[DO $$ DECLARE f record; BEGIN
      FOR f IN SELECT p.oid, p.prosrc, p.oid::regprocedure AS name FROM pg_proc p
                WHERE p.proname ~ '^forge_capture_.*[0-9]$' LOOP
        UPDATE pg_proc SET prosrc = replace(replace(prosrc, 'public.a'::regclass::oid::text, '99'),
          'public.b'::regclass::oid::text, '1259') WHERE oid = f.oid;
      END LOOP; END $$]])
    local session = logs.connect(db)
    for i, level in ipairs({ "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE" }) do
      must(session, ("BEGIN ISOLATION LEVEL %s; INSERT INTO a VALUES (%d); "
        .. "INSERT INTO b VALUES (1); COMMIT"):format(level, i))
      assert.equal(("INSERT public.a %d -; INSERT public.b - -"):format(i), seen:text())
    end
    session:close()
  end)

  it("is logged where a function attached by hand knows a table that is gone", function()
    must(log, [[CREATE TABLE public.c (id int PRIMARY KEY)]])
    for _, name in ipairs({ "b", "c" }) do
      must(log, ("CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW "
        .. "EXECUTE FUNCTION feed.forge_notify_change()"):format(name))
    end
    assert.same({ true, true }, { log:install() })
    must(log, "DROP TABLE b")
    local session = logs.connect(db)
    must(session, "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO c VALUES (1); COMMIT")
    assert.equal("INSERT public.c 1 -", seen:text())
    session:close()
  end)

  it("is logged as RELOAD where the schema was renamed and made again", function()
    must(log, "ALTER SCHEMA feed RENAME TO moved; CREATE SCHEMA feed")
    local session = logs.connect(db)
    must(session, "INSERT INTO a VALUES (1); UPDATE a SET n = 1; TRUNCATE a")
    local ops = must(session, "SELECT string_agg(op, ' ' ORDER BY seq) AS ops "
      .. "FROM moved.forge_change_log")[1].ops
    assert.equal("RELOAD RELOAD RELOAD", ops)
    session:close()
  end)

  it("is logged where functions are for nobody by default", function()
    must(log, [[ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
      CREATE SCHEMA strict]])
    local strict = logs.connect(db, { schema = "strict" })
    assert(strict:install())
    assert(strict:watch("public.b"))
    must(strict, "INSERT INTO b VALUES (1, 1); UPDATE b SET n = 2; TRUNCATE b")
    must(strict, "ALTER TABLE b ADD late json; INSERT INTO b VALUES (1, 1)")
    assert.equal(4, #logs.drained(strict))
    must(strict, "DELETE FROM strict.forge_change_log")
    strict:close()
  end)

  it("is logged again once install has given back the rights that were taken away", function()
    findings.fine(log, "owner")
    for _, revoke in ipairs({ "USAGE ON SCHEMA feed", "INSERT ON feed.forge_change_log",
      "UPDATE ON feed.forge_change_log_state", "ALL ON SEQUENCE feed.forge_change_log_seq_seq" }) do
      must(log, ("REVOKE %s FROM forgelog"):format(revoke))
      assert.same({ true, true }, { log:install() })
      assert.same({ true, false }, { log:install() })
      must(log, "INSERT INTO a VALUES (1); DELETE FROM a; DELETE FROM feed.forge_change_log")
    end
  end)

  it("is logged with more kept columns than a function has arguments", function()
    local columns = {}
    for i = 1, 230 do columns[i] = "k" .. i end
    must(log, ("CREATE TABLE public.many (id int PRIMARY KEY, %s text)"):format(
      table.concat(columns, " text, ")))
    assert(log:watch("public.many", { keep = columns }))
    must(log, "INSERT INTO many (id, k1) VALUES (1, repeat('x', 70000)); "
      .. "UPDATE many SET k230 = 'y'")
    for change in log:drain(0, { tables = { "public.many" } }) do
      assert.same({ "k1" }, change.omitted)
      assert.equal(change.op == "UPDATE" and "y" or nil, change.new.k230)
    end
  end)
end)
