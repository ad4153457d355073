-- Functions of watched tables that were made for the table as it was: its changes are logged all
-- the same, and whoever may makes them anew without locking the table.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("functions of an altered table", function()
  local db, log, writer
  before_each(function()
    db, log = logs.installed()
    must(log, "ALTER TABLE item ADD COLUMN extra text, DROP COLUMN tx")
    writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n, extra) VALUES (1, 'x')")
  end)
  after_each(function()
    writer:close()
    log:close()
    support.drop(db)
  end)

  local function stale() return #assert(log.connection:run_in("public", "tables.stale", nil)) end

  local function check()
    assert.equal(0, stale())
    must(writer, "UPDATE item SET extra = 'y'; COMMIT")
    local ops = logs.drained(log, nil, nil, "op")
    assert.same({ "INSERT", "UPDATE" }, ops)
    assert.same({ "extra" }, logs.drained(log, 1, nil, "changed_cols"))
  end

  it("are made anew by a trim", function()
    assert.equal(1, stale())
    assert.equal(0, (log:trim(0)))
    check()
  end)

  it("are made anew by install and by watch, which say so", function()
    assert.same({ true, true }, { log:install() })
    assert.same({ true, false }, { log:install() })
    check()
    must(log, "ALTER TABLE item RENAME COLUMN extra TO other")
    assert.same({ true, true }, { log:watch("item") })
    assert.same({ true, false }, { log:watch("item") })
    assert.equal(0, stale())
  end)

  it("are made anew by install where an older version has made them", function()
    must(writer, "ROLLBACK")
    assert.same({ true, true }, { log:install() })
    assert.equal(0, stale())
    -- As the version before has left them.
    must(log, [[DO $$ DECLARE each record; BEGIN
      FOR each IN SELECT p.oid, p.prosrc FROM pg_proc p
                   WHERE p.proname ~ '^forge_capture_(insert|update|delete)_[0-9]+$' LOOP
        EXECUTE regexp_replace(pg_get_functiondef(each.oid), '-- made by forgelog [0-9]+\n', '');
      END LOOP;
      FOR each IN SELECT p.oid::regprocedure AS name FROM pg_proc p
                   WHERE obj_description(p.oid, 'pg_proc') ~ '^forgelog [0-9]+' LOOP
        EXECUTE format('COMMENT ON FUNCTION %s IS %L', each.name, 'forgelog 4');
      END LOOP; END $$]])
    assert.equal(1, stale())
    assert.same({ true, true }, { log:install() })
    assert.equal(0, stale())
    assert.same({ true, false }, { log:install() })
    assert.same({ { now = 3, all = 3 } }, must(log, [[
      SELECT count(*) FILTER (WHERE p.prosrc ~ 'made by forgelog [5-9]') AS now, count(*) AS all
        FROM pg_proc p WHERE p.proname ~ '^forge_capture_(insert|update|delete)_[0-9]+$']]))
  end)

  it("go on without columns that are gone, which watched tells", function()
    must(writer, "ROLLBACK")
    assert(log:watch("item", { keep = { "extra", "n" }, ignore = { "extra" } }))
    must(log, "ALTER TABLE item DROP COLUMN extra")
    assert.same({ true, true }, { log:install() })
    local about = select(2, log:watched()).item
    assert.same({ { "extra", "n" }, { "extra" } }, { about.keep, about.ignore })
    assert.equal("no such column any more: extra, extra", about.wrong)
    must(log, "INSERT INTO item (n) VALUES (5)")
    for change in log:drain() do assert.equal("5", change.new.n) end
  end)

  it("are left alone by a role that may not make them", function()
    local role, drop = logs.role(log, "GRANT SELECT, DELETE ON forge_change_log TO %s; "
      .. "GRANT SELECT ON forge_change_log_state TO %s")
    local trimmer = logs.as(db, role)
    assert.equal(0, (trimmer:trim(0)))
    trimmer:close()
    assert.equal(1, stale())
    drop()
  end)

  it("are made for tables to which somebody has attached one by hand", function()
    must(log, [[CREATE TABLE hand (id int PRIMARY KEY, n int);
      CREATE TABLE parts (n int, id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE part (id int NOT NULL, n int)]])
    must(log, "ALTER TABLE parts ATTACH PARTITION part DEFAULT")
    for _, name in ipairs({ "hand", "parts" }) do
      must(log, ([[CREATE TRIGGER x AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
        EXECUTE FUNCTION forge_notify_change('notify', 'n', 'm')]]):format(name))
    end
    local function fresh()
      local count = 0
      for _, row in ipairs(assert(log.connection:run_in("public", "tables.by_hand"))) do
        if row.fresh then count = count + 1 end
      end
      return count
    end
    local function writes()
      local since = log:max_seq() or 0
      must(log, [[INSERT INTO hand VALUES (1, 1); UPDATE hand SET n = 2; UPDATE hand SET id = 2;
        DELETE FROM hand; INSERT INTO part VALUES (3, 1); DELETE FROM parts]])
      local list = {}
      for _, row in ipairs(must(log, "SELECT op, table_name, row_id FROM forge_change_log "
        .. "WHERE seq > $1 ORDER BY seq", since)) do
        list[#list + 1] = ("%s %s %s"):format(row.op, row.table_name, row.row_id)
      end
      return list
    end
    local expected = { "INSERT hand 1", "DELETE hand 1", "INSERT hand 2", "DELETE hand 2",
      "INSERT parts 3", "DELETE parts 3" }
    assert.same({ 0, expected }, { fresh(), writes() })
    assert.same({ true, true }, { log:install() })
    assert.same({ 2, expected }, { fresh(), writes() })
    assert.same({ true, false }, { log:install() })
    must(log, "ALTER TABLE hand ADD extra text; ALTER TABLE hand RENAME id TO ident")
    must(log, "ALTER TABLE hand RENAME ident TO id; ALTER TABLE hand DROP n, ADD n int")
    assert.same({ 1, expected }, { fresh(), writes() })
  end)
end)
