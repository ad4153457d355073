-- What Prometheus is told: the whole text is read by a strict reader, and compared with the status
-- and with the server.
local consumer = require "forgelog.consumer"
local exposed = require "support.exposed"
local exposition = require "support.exposition"
local logs = require "support.logs"
local metrics = require "forgelog.metrics"
local support = require "support"

local must = logs.must
local flag, lacks, look = exposed.flag, exposed.lacks, exposed.look

describe("forgelog.metrics", function()
  local db, log
  before_each(function() db, log = logs.installed() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("leaves out what an empty log has no number for", function()
    local shown = look(log)
    lacks(shown, { "seq_min", "seq_max", "oldest_change_age_seconds", "retention_seconds",
      "consumer_position_seq",
      "consumer_lag_changes", "consumer_lag_seconds", "consumer_gap", "consumer_running" })
    for family, value in pairs({ changes = 0, write_rate = 0, trimmed_to_seq = 0,
      horizon_known = 1, horizon_seq = 0, above_horizon = 0, open_writers = 0,
      oldest_writer_age_seconds = 0, watched_tables = 1, consumers_readable = 1 }) do
      assert.equal(value, shown:value("forgelog_" .. family), family)
    end
  end)

  it("says what SQL says", function()
    logs.fill(log, 60)
    assert(log:trim(os.time() + 60, { min_rows = 40 }))
    local shown = look(log)
    local real = must(log, [[
      SELECT count(*) AS changes, min(seq) AS seq_min, max(seq) AS seq_max,
             min(seq) - 1 AS trimmed_to_seq, max(seq) AS horizon_seq,
             pg_total_relation_size('forge_change_log') AS log_bytes,
             extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS age
        FROM forge_change_log]])[1]
    for _, family in ipairs({ "changes", "seq_min", "seq_max", "trimmed_to_seq", "horizon_seq",
      "log_bytes" }) do
      assert.equal(real[family], shown:value("forgelog_" .. family), family)
    end
    assert.equal(40, real.changes)
    local age = shown:value("forgelog_oldest_change_age_seconds")
    assert.is_true(age > 0 and age <= real.age)
    assert.is_true(shown:value("forgelog_write_rate") > 0)
  end)

  it("counts what is parked once for a consumer, whatever its lanes", function()
    must(log, [[INSERT INTO forge_change_log_consumers (name, position) VALUES
      ('one', '1:0'), ('two', '1:0'), ('wide#1/2', '1:0'), ('wide#2/2', '1:0')]])
    must(log, [[INSERT INTO forge_change_log_parked (consumer, seq, key, table_name, op)
      SELECT c, g, g, 'item', 'UPDATE' FROM generate_series(1, 3) g,
             unnest(ARRAY['one', 'wide', 'elsewhere']) c]])
    local shown = look(log)
    for name, count in pairs({ one = 3, two = 0, wide = 3, elsewhere = 3 }) do
      assert.equal(count, shown:value("forgelog_parked_changes", { consumer = name }), name)
    end
    assert.is_nil(shown:sample("forgelog_parked_changes", { consumer = "wide#1/2" }))
    must(log, "DELETE FROM forge_change_log_parked")
    shown = look(log)
    assert.equal(0, shown:value("forgelog_parked_changes", { consumer = "wide" }))
    must(log, "DROP TABLE forge_change_log_parked")
    assert.equal(0, look(log):value("forgelog_parked_changes", { consumer = "one" }))
  end)

  it("has no consumers and no exact numbers for a plain log", function()
    local plain, other = logs.framework()
    must(other, "INSERT INTO item (n) SELECT g FROM generate_series(1, 7) g")
    local shown = look(other)
    assert.equal(0, shown:value("forgelog_installed"))
    assert.equal(7, shown:value("forgelog_changes"))
    assert.equal(7, shown:value("forgelog_horizon_seq"))
    lacks(shown, { "trimmed_to_seq", "consumer_position_seq", "consumer_gap" })
    other:close()
    support.drop(plain)
  end)

  it("shows who holds the horizon, and whether it can be known", function()
    logs.fill(log, 5)
    look(log)
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) SELECT g FROM generate_series(1, 3) g")
    logs.fill(log, 4)
    local shown = look(log, 0)
    assert.equal(1, shown:value("forgelog_horizon_known"))
    assert.equal(5, shown:value("forgelog_horizon_seq"))
    assert.equal(7, shown:value("forgelog_above_horizon"))
    assert.equal(1, shown:value("forgelog_open_writers"))
    local age = shown:value("forgelog_oldest_writer_age_seconds")
    local later = must(log, [[
      SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age
        FROM pg_stat_activity
       WHERE datname = current_database() AND backend_xid IS NOT NULL
             AND state = 'idle in transaction']])[1].age
    assert.is_true(age > 0 and age <= later)

    local late = logs.connect(db) -- does not know since when the writer is open
    shown = look(late, 0.05)
    late:close()
    assert.equal(0, shown:value("forgelog_horizon_known"))
    assert.equal(1, shown:value("forgelog_open_writers"))
    lacks(shown, { "horizon_seq", "above_horizon" })

    must(writer, "COMMIT")
    writer:close()
    shown = look(log)
    assert.equal(0, shown:value("forgelog_open_writers"))
    assert.equal(12, shown:value("forgelog_horizon_seq"))
  end)

  it("leaves out what the role may not know", function()
    local role, drop_role = logs.role(log,
      "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    must(log, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local poor = logs.as(db, role)
    local shown = look(poor, 0)
    poor:close()
    must(log, "ROLLBACK")
    drop_role()
    assert.equal(1, shown:value("forgelog_open_writers"))
    assert.equal(0, shown:value("forgelog_consumers_readable"))
    lacks(shown, { "oldest_writer_age_seconds", "consumer_position_seq" })
  end)

  it("shows how far each consumer is, and why it must resync", function()
    logs.fill(log, 20)
    must(log, "DELETE FROM forge_change_log WHERE seq <= 5")
    must(log, [[INSERT INTO forge_change_log_consumers (name, position, updated_at)
      SELECT name, position, clock_timestamp()
        FROM (VALUES ('fine', '1:8'), ('ahead', '1:99'), ('behind', '1:3'), ('elsewhere', '9:8'),
                     ('ranges', '1:8:10-12,14')) v (name, position)]])
    local running = consumer.new({ conninfo = db, name = "running", position = consumer.table(),
      start = "beginning", on_changes = function() end })
    assert.equal(15, running:step(5))
    local shown = look(log)
    running:close()
    local function value(family, name, reason)
      return shown:value("forgelog_consumer_" .. family, { consumer = name, reason = reason })
    end
    for name, wanted in pairs({ fine = false, ranges = false, running = false, ahead = "reset",
      behind = "trimmed", elsewhere = "failover" }) do
      for _, reason in ipairs({ "trimmed", "reset", "failover" }) do
        assert.equal(flag(reason == wanted), value("gap", name, reason), name .. " " .. reason)
      end
      assert.equal(flag(name == "running"), value("running", name))
    end
    assert.equal(18, #shown.families.forgelog_consumer_gap.samples)
    assert.same({ 12, 8, 0 }, { value("lag_changes", "fine"), value("lag_changes", "ranges"),
      value("lag_changes", "running") })
    assert.same({ 8, 20 }, { value("position_seq", "fine"), value("position_seq", "running") })
    local oldest = must(log, [[SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
      AS age FROM forge_change_log WHERE seq = 9]])[1].age
    assert.is_true(value("lag_seconds", "fine") > 0 and value("lag_seconds", "fine") <= oldest)
    assert.equal(0, value("lag_seconds", "running"))
  end)

  it("shows which table lost a trigger", function()
    must(log, "CREATE TABLE other (id int PRIMARY KEY)")
    assert(log:watch("other"))
    must(log, "ALTER TABLE item DISABLE TRIGGER forge_capture_update")
    local shown = look(log)
    assert.equal(2, shown:value("forgelog_watched_tables"))
    assert.equal(0, shown:value("forgelog_table_healthy", { table = "item" }))
    assert.equal(1, shown:value("forgelog_table_healthy", { table = "other" }))
  end)

  it("brings any name through", function()
    local names = { 'a "quoted" one', "back\\slash\\n", "two\nlines", 'ends with \\"',
      "größe 中 \240\159\152\128", "a,b={} 1" }
    local schema = 'log "of\\all'
    must(log, 'CREATE SCHEMA "' .. schema:gsub('"', '""') .. '"')
    assert(log:install({ schema = schema }))
    local own = logs.connect(db, { schema = schema })
    for _, name in ipairs(names) do
      local quoted = '"' .. name:gsub('"', '""') .. '"'
      must(own, "CREATE TABLE " .. quoted .. " (id int PRIMARY KEY)")
      assert(own:watch(quoted))
      must(own, ('INSERT INTO "%s".forge_change_log_consumers VALUES ($1, $2, now())'):format(
        (schema:gsub('"', '""'))), name, "1:0")
    end
    local shown, status = look(own)
    assert.equal(schema, status.schema)
    assert.equal(#names, shown:value("forgelog_watched_tables"))
    for _, name in ipairs(names) do
      assert.equal(1, shown:value("forgelog_table_healthy", { table = "public." .. name }))
      assert.equal(0, shown:value("forgelog_consumer_position_seq", { consumer = name }))
    end
    own:close()
  end)

  it("is UTF-8 whatever the database is", function()
    local plain = support.database(nil, nil, "SQL_ASCII")
    local latin = logs.connect(plain)
    must(latin, 'CREATE TABLE "gr\246\223e\\" (id int PRIMARY KEY)')
    assert(latin:install())
    assert(latin:watch('"gr\246\223e\\"'))
    local status = assert(latin:status())
    latin:close()
    support.drop(plain)
    local shown = exposition.parse(metrics(status))
    assert.equal(1, shown:value("forgelog_table_healthy", { table = "gr\\xF6\\xDFe\\" }))
  end)

  it("writes whole numbers exactly", function()
    local seqs = { "9007199254740990" }
    if rawget(math, "type") then seqs = { "9007199254740993", "9223372036854775800" } end
    for _, seq in ipairs(seqs) do
      must(log, ("SELECT setval('forge_change_log_seq_seq', %s, false)"):format(seq))
      logs.fill(log, 1)
      local shown = exposition.parse(metrics(assert(log:status())))
      for _, family in ipairs({ "seq_max", "horizon_seq" }) do
        assert.equal(seq, shown:sample("forgelog_" .. family).text)
      end
    end
    -- text, where this Lua has no number for it
    local far = "9223372036854775800"
    must(log, "INSERT INTO forge_change_log_consumers VALUES ('far', '1:' || $1, now())", far)
    local shown = exposition.parse(metrics(assert(log:status())))
    local sample = shown:sample("forgelog_consumer_position_seq", { consumer = "far" })
    assert.equal(far, sample.text)
  end)
end)
