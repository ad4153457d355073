-- A statement over its time is cancelled on the server, and only that statement.
local logs = require "support.logs"
local sql = require "forgelog.connection.sql"
local support = require "support"

local must = logs.must

describe("a statement over its time", function()
  local db, watcher
  setup(function()
    db = support.database()
    watcher = logs.connect(db)
  end)
  teardown(function()
    watcher:close()
    support.drop(db)
  end)

  local function running(text)
    return must(watcher, "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active'"
      .. " AND pid <> pg_backend_pid() AND strpos(query, $1) > 0", text)[1].n
  end

  it("ends on the server too", function()
    local log = logs.connect(db, { timeout = 0.2 })
    local rows, err = log:query("SELECT pg_sleep(30) /* mine */")
    assert.is_nil(rows)
    assert.equal("timeout", err.kind)
    assert.equal("57014", err.sqlstate)
    assert.equal(0, running("/* mine */"))
    assert.equal(1, must(log, "SELECT 1 AS n")[1].n)
    log:close()
  end)

  it("is cancelled by its text: another one of the same process is left alone", function()
    local log = logs.connect(db)
    local theirs = "SELECT pg_sleep(30) /* theirs */"
    local other = support.start(("exec psql -XAtq -d '%s' -c '%s'"):format(db, theirs))
    support.wait_until(function() return running("/* theirs */") == 1 end, "the other statement")
    local pid = must(watcher, "SELECT pid FROM pg_stat_activity WHERE state = 'active'"
      .. " AND strpos(query, '/* theirs */') > 0 AND pid <> pg_backend_pid()")[1].pid
    local cancelled = must(log, sql.text("connection.cancel"), pid, "SELECT pg_sleep(30)")
    assert.equal(0, #cancelled)
    cancelled = must(log, sql.text("connection.cancel"), pid, nil)
    assert.equal(0, #cancelled)
    assert.equal(1, running("/* theirs */"))
    other:kill()
    other:wait()
    log:close()
  end)
end)
