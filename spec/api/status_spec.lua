-- log:status as programs read it: what the log holds, who writes, who reads, which tables are
-- watched. The numbers are compared with SQL in metrics_spec.
local consumer = require "forgelog.consumer"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("status", function()
  local db, log
  before_each(function() db, log = logs.installed() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("has no numbers where an empty log has none", function()
    local status = assert(log:status())
    assert.is_true(status.installed)
    assert.is_false(status.standby)
    assert.equal("public", status.schema)
    assert.equal(db:match("dbname=(%S+)"), status.database)
    assert.same({ 0, true, 0, 0, 0 }, { status.rows, status.rows_exact, status.trimmed_to,
      status.horizon, status.above_horizon })
    for _, field in ipairs({ "min_seq", "max_seq", "oldest_age", "retention" }) do
      assert.is_nil(status[field], field)
    end
    assert.same({}, status.writers)
    assert.same({}, status.consumers)
  end)

  it("says what the log holds, and by the server's clock when", function()
    logs.aged(log, 50)
    assert.equal(10, log:trim(logs.server_time(log), { min_rows = 40 }))
    local status = assert(log:status())
    assert.is_true(math.abs(status.at - logs.server_time(log)) < 5)
    assert.same({ 40, true, 11, 50, 10 }, { status.rows, status.rows_exact, status.min_seq,
      status.max_seq, status.trimmed_to })
    assert.is_true(status.oldest_age >= 40 and status.oldest_age < 50 + logs.at_most(5))
    assert.is_true(status.write_rate > 0 and status.retention > 0 and status.bytes > 0)
  end)

  it("names the writers that are open, and why the horizon cannot be known", function()
    logs.fill(log, 3)
    assert.equal(3, assert(log:status()).horizon)
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(log, 2)
    local status = assert(log:status({ settle = 0 }))
    assert.same({ 3, 3 }, { status.horizon, status.above_horizon })
    assert.equal(logs.backend(writer), status.writers[1].pid)
    local late = logs.connect(db)
    status = assert(late:status({ settle = 0.05 }))
    assert.is_nil(status.horizon)
    assert.is_string(status.horizon_error)
    assert.equal(1, #status.writers)
    late:close()
    writer:close()
  end)

  it("says how far each consumer is, and which has missed changes", function()
    local one = consumer.new({ conninfo = db, name = "running", position = consumer.table(),
      start = "beginning", on_changes = function() end })
    logs.fill(log, 5)
    assert.equal(5, one:step(5))
    logs.fill(log, 2)
    must(log, [[DELETE FROM forge_change_log WHERE seq = 1;
      INSERT INTO forge_change_log_consumers VALUES ('late', '1:0', now()), ('odd', 'x', now())]])
    local names, by_name = {}, {}
    for i, each in ipairs(assert(log:status()).consumers) do
      names[i], by_name[each.name] = each.name, each
    end
    one:close()
    assert.same({ "late", "odd", "running" }, names)
    local running = by_name.running
    assert.same({ 5, 2, false }, { running.seq, running.lag_changes, running.gap })
    assert.is_number(running.pid)
    assert.same({ "trimmed", "unreadable" }, { by_name.late.gap, by_name.odd.gap })
    assert.is_nil(by_name.late.pid)
  end)

  it("says what a role may not see", function()
    local role, drop_role = logs.role(log,
      "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    local poor = logs.as(db, role)
    local status = assert(poor:status())
    poor:close()
    drop_role()
    assert.is_nil(status.consumers)
    assert.is_string(status.consumers_error)
    assert.equal(0, status.rows)
  end)

  it("lists the watched tables by name, and whether their triggers are right", function()
    must(log, "CREATE TABLE another (id int PRIMARY KEY)")
    assert(log:watch("another"))
    must(log, "ALTER TABLE item DISABLE TRIGGER forge_capture_update")
    local tables = assert(log:status()).tables
    assert.same({ "another", "item" }, { tables[1].name, tables[2].name })
    assert.same({ true, false }, { tables[1].healthy, tables[2].healthy })
  end)

  it("says less of a plain log", function()
    local plain, other = logs.framework()
    must(other, "INSERT INTO item (n) VALUES (1), (2)")
    local status = assert(other:status())
    other:close()
    support.drop(plain)
    assert.is_false(status.installed)
    assert.same({ 2, 2 }, { status.rows, status.horizon })
    assert.is_nil(status.trimmed_to)
    assert.same({}, status.consumers)
  end)

  it("returns an error where there is no log, and raises misuse", function()
    local empty, other = logs.empty()
    local status, err = other:status()
    assert.is_nil(status)
    assert.equal("schema", err.kind)
    assert.error_matches(function() other:status({ setle = 1 }) end,
      "forgelog: status: there is no option setle")
    other:close()
    support.drop(empty)
  end)
end)

describe("status in sessions that print times and floats in another way", function()
  it("has the times that the server has", function()
    local db, log = logs.peculiar()
    logs.aged(log, 50)
    must(log, "INSERT INTO forge_change_log_consumers VALUES ('one', '1:10', clock_timestamp())")
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local status, now = assert(log:status({ settle = 0 })), logs.server_time(log)
    local function is_about(age, seconds)
      assert.is_true(age >= seconds and age < seconds + logs.at_most(5))
    end
    is_about(now - status.at, 0)
    is_about(status.oldest_age, 50)
    is_about(status.at - status.writers[1].since, -1)
    local one = status.consumers[1]
    is_about(now - one.updated_at, 0)
    is_about(one.lag_seconds, 40)
    writer:close()
    log:close()
    support.drop(db)
  end)
end)
