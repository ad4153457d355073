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

  it("go on without columns that are gone", function()
    must(writer, "ROLLBACK")
    assert(log:watch("item", { keep = { "extra", "n" }, ignore = { "extra" } }))
    must(log, "ALTER TABLE item DROP COLUMN extra")
    assert.same({ true, true }, { log:install() })
    local about = select(2, log:watched()).item
    assert.same({ { "n" }, {} }, { about.keep, about.ignore })
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
end)
