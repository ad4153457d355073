-- The owner of a watched partitioned table, who has no right on the log, creates and attaches
-- partitions as before, and gains nothing but that.
local findings = require "support.findings"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("the owner of a watched partitioned table", function()
  local db, log, role, drop_role, other, drop_other, owner
  before_each(function()
    db, log = findings.installed()
    role, drop_role = logs.role(log, "CREATE SCHEMA app AUTHORIZATION %s")
    other, drop_other = logs.role(log, "GRANT ALL ON SCHEMA app TO %s")
    owner = logs.as(db, role)
    must(owner, "CREATE TABLE app.p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)")
  end)
  after_each(function()
    owner:close()
    drop_role()
    drop_other()
    log:close()
    support.drop(db)
  end)

  -- What the log has of a table: "INSERT 11" and so on.
  local function changes(name)
    local list = {}
    for change in assert(log:drain(0, { tables = { name } })) do
      list[#list + 1] = change.op .. " " .. tostring(change.row_id)
    end
    return table.concat(list, "; ")
  end

  local function forbidden(session, statement)
    local rows, err = session:query(statement)
    assert.is_nil(rows)
    assert.equal("42501", err.sqlstate)
  end

  local function row_function(name)
    return must(log, [[SELECT p.oid::regproc::text AS name FROM pg_trigger t
      JOIN pg_proc p ON p.oid = t.tgfoid
      WHERE t.tgrelid = $1::regclass AND p.proname ~ '^forge_capture_row']], name)[1].name
  end

  -- Creates a partition and attaches another one, below the number `from`.
  local function extend(session, from)
    must(session, ([[CREATE TABLE app.p%d PARTITION OF app.p FOR VALUES FROM (%d) TO (%d);
      CREATE TABLE app.p%d (LIKE app.p);
      ALTER TABLE app.p%d OWNER TO %s;
      ALTER TABLE app.p ATTACH PARTITION app.p%d FOR VALUES FROM (%d) TO (%d)]]):format(
      from, from, from + 5, from + 5, from + 5,
      must(log, "SELECT tableowner FROM pg_tables WHERE tablename = 'p'")[1].tableowner,
      from + 5, from + 5, from + 10))
    must(session, ("INSERT INTO app.p VALUES (%d, 1), (%d, 1)"):format(from + 1, from + 6))
  end

  it("creates and attaches partitions, and so does a member of that role", function()
    assert(log:watch("app.p"))
    extend(owner, 10)
    assert.equal("INSERT 11; INSERT 16", changes("app.p"))
    must(log, ("GRANT %s TO %s"):format(role, other))
    local member = logs.as(db, other)
    extend(member, 20)
    assert.equal("INSERT 11; INSERT 16; INSERT 21; INSERT 26", changes("app.p"))
    member:close()
    findings.fine(log, "attaching")
  end)

  it("does so below a partition of his, though the table is another role's", function()
    must(log, ([[CREATE TABLE app.sub PARTITION OF app.p FOR VALUES FROM (10) TO (90)
        PARTITION BY RANGE (id);
      ALTER TABLE app.sub OWNER TO %s]]):format(other))
    assert(log:watch("app.p"))
    local below = logs.as(db, other)
    must(below, "CREATE TABLE app.s1 PARTITION OF app.sub FOR VALUES FROM (10) TO (20); "
      .. "INSERT INTO app.sub VALUES (11, 1)")
    assert.equal("INSERT 11", changes("app.p"))
    extend(owner, 90)
    must(log, ("REVOKE EXECUTE ON FUNCTION %s() FROM %s"):format(row_function("app.p"), other))
    must(log, findings.finds(log, "attaching", "error", other .. " owns app.sub").advice)
    must(below, "CREATE TABLE app.s2 PARTITION OF app.sub FOR VALUES FROM (20) TO (30)")
    below:close()
  end)

  it("does so where the functions were made by a program that did not see to it", function()
    assert(log:watch("app.p"))
    must(log, ("REVOKE EXECUTE ON FUNCTION %s() FROM %s"):format(row_function("app.p"), role))
    forbidden(owner, "CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES FROM (1) TO (5)")
    assert.same({ true, true }, { log:install() })
    assert.same({ true, false }, { log:install() })
    extend(owner, 10)
    must(log, ("REVOKE EXECUTE ON FUNCTION %s() FROM %s"):format(row_function("app.p"), role))
    assert.same({ true, true }, { log:watch("app.p") })
    assert.same({ true, false }, { log:watch("app.p") })
    extend(owner, 20)
  end)

  it("does so after a change of owner, once install has seen it, which the doctor asks for",
  function()
    assert(log:watch("app.p"))
    must(log, "ALTER TABLE app.p OWNER TO " .. other)
    local heir = logs.as(db, other)
    forbidden(heir, "CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES FROM (1) TO (5)")
    findings.finds(log, "attaching", "error",
      ("role %s owns app.p and may not create or attach partitions"):format(other))
    assert.same({ true, true }, { log:install() })
    findings.fine(log, "attaching")
    extend(heir, 10)
    heir:close()
    must(owner, "CREATE TABLE app.own (id int)")
    forbidden(owner, ("CREATE TRIGGER x AFTER INSERT ON app.own FOR EACH ROW EXECUTE FUNCTION %s()")
      :format(row_function("app.p")))
  end)

  it("is found by the doctor where the trigger was attached by hand", function()
    findings.fine(log, "attaching")
    findings.breaks(log, "attaching", "error", [[CREATE TRIGGER by_hand
      AFTER INSERT OR UPDATE OR DELETE ON app.p
      FOR EACH ROW EXECUTE FUNCTION forge_notify_change()]], "role " .. role)
    extend(owner, 10)
    assert.equal("INSERT 11; INSERT 16", changes("app.p"))
  end)

  it("is found where the role that watches can give nobody a right", function()
    must(log, ([[GRANT TRIGGER ON app.p TO %s; GRANT EXECUTE ON FUNCTION forge_capture_row(),
      forge_capture_truncate() TO %s]]):format(other, other))
    local watcher = logs.as(db, other)
    assert(watcher:watch("app.p"))
    assert.equal("forge_capture_row", row_function("app.p"))
    forbidden(owner, "CREATE TABLE app.p1 PARTITION OF app.p FOR VALUES FROM (1) TO (5)")
    must(log, findings.finds(watcher, "attaching", "error", "role " .. role).advice)
    findings.fine(log, "attaching")
    extend(owner, 10)
    assert.same({ true, true }, { log:install() })
    assert.matches("^forge_capture_row_%d+$", row_function("app.p"))
    extend(owner, 20)
    watcher:close()
  end)

  -- Whatever he calls his triggers, and whatever arguments he gives them.
  local function attach(name, calls, arguments)
    must(owner, ("CREATE OR REPLACE TRIGGER %s AFTER INSERT OR UPDATE OR DELETE ON app.own "
      .. "FOR EACH ROW EXECUTE FUNCTION %s(%s)"):format(name, calls, arguments))
  end

  it("has no more by it than changes of his own tables in the log", function()
    must(log, [[CREATE TABLE public.secret (id int PRIMARY KEY, n int);
      INSERT INTO secret VALUES (1, 42)]])
    assert(log:watch("app.p"))
    assert(log:watch("secret"))
    local calls = row_function("app.p")
    must(owner, "CREATE TABLE app.own (id text PRIMARY KEY, n int)")
    attach("mine", calls, "'quiet', 'forgelog 2', '{n,secret}', '{}'")
    must(owner, "INSERT INTO app.own VALUES ('a', 1)")
    assert.equal("INSERT a", changes("app.own"))
    attach("mine", calls, [['quiet', 'forgelog 2', '{"(SELECT n FROM secret)"}', '{"0:''"}']])
    must(owner, "UPDATE app.own SET n = 2")
    -- Named like that of another table, it still speaks for its own.
    must(owner, "DROP TRIGGER mine ON app.own")
    local oid = must(log, "SELECT 'secret'::regclass::oid::bigint AS oid")[1].oid
    attach(("forge_capture_row_%.0f"):format(oid), calls, "'quiet'")
    must(owner, "DELETE FROM app.own")
    assert.equal("INSERT a; UPDATE a; DELETE a", changes("app.own"))
    assert.equal("", changes("secret"))
    for change in assert(log:drain(0)) do assert.is_nil(change.new and change.new.secret) end
    forbidden(owner, "SELECT FROM public.forge_change_log")
    forbidden(owner, "INSERT INTO public.forge_change_log (table_name, op) VALUES ('x', 'y')")
    forbidden(owner, ("CREATE TRIGGER x AFTER INSERT ON public.secret FOR EACH ROW "
      .. "EXECUTE FUNCTION %s()"):format(calls))
    forbidden(owner, "CREATE TRIGGER x AFTER INSERT ON app.own FOR EACH ROW "
      .. "EXECUTE FUNCTION public.forge_capture_row()")
  end)

  it("breaks nothing of forgelog's by arguments that say nothing", function()
    assert(log:watch("app.p"))
    must(owner, "CREATE TABLE app.own (id text PRIMARY KEY, n int)")
    for _, arguments in ipairs({ "", "'quiet', 'forgelog 2'", "'quiet', 'forgelog 2', 'x'",
      [['quiet', 'forgelog 2', '{n', '{"n",n,"",":","1:id","x"}']], "'quiet', 'key'" }) do
      attach("mine", row_function("app.p"), arguments)
      local names, by_name = assert(log:watched())
      assert.same({ "app.own", "app.p", "item" }, names)
      assert.is_table(by_name["app.own"].ignore)
      findings.wrong(log, "tables")
    end
    assert(log:install())
    must(owner, "INSERT INTO app.own VALUES ('a', 1)")
    assert.equal("INSERT a", changes("app.own"))
  end)
end)
