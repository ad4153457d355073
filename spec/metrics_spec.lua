-- What Prometheus is told: the whole text is read by a strict reader, and compared with the status and with the server.
local consumer = require "forgelog.consumer"
local exposition = require "support.exposition"
local load = require "support.load"
local metrics = require "forgelog.metrics"
local process = require "support.process"
local support = require "support"

local must = load.must

-- The numbers of the log itself: family, and what it is in the status (after `forgelog_`).
local NUMBERS = {
  changes = "rows", seq_min = "min_seq", seq_max = "max_seq", trimmed_to_seq = "trimmed_to", write_rate = "write_rate",
  oldest_change_age_seconds = "oldest_age", retention_seconds = "retention", log_bytes = "bytes", log_dead_rows = "dead_rows",
  horizon_seq = "horizon", above_horizon = "above_horizon",
}
local CONSUMER = { position_seq = "seq", lag_changes = "lag_changes", lag_seconds = "lag_seconds" }

local function flag(value) return value and 1 or 0 end

local function agrees_on_consumers(shown, status)
  for _, one in ipairs(status.consumers or {}) do
    local labels = { consumer = one.name }
    for family, field in pairs(CONSUMER) do
      assert.equal(one[field], shown:value("forgelog_consumer_" .. family, labels), family)
    end
    assert.equal(flag(one.pid), shown:value("forgelog_consumer_running", labels))
    for _, reason in ipairs({ "trimmed", "reset", "failover" }) do
      assert.equal(flag(one.gap == reason), shown:value("forgelog_consumer_gap", { consumer = one.name, reason = reason }))
    end
  end
end

-- Reads what is told of a status, and compares each number of it.
local function show(status)
  local shown = exposition.parse(metrics(status))
  for family, field in pairs(NUMBERS) do assert.equal(status[field], shown:value("forgelog_" .. family), family) end
  assert.equal(flag(status.installed), shown:value("forgelog_installed"))
  assert.equal(flag(status.standby), shown:value("forgelog_standby"))
  assert.equal(flag(status.horizon), shown:value("forgelog_horizon_known"))
  assert.equal(#status.tables, shown:value("forgelog_watched_tables"))
  for _, watched in ipairs(status.tables) do
    assert.equal(flag(watched.healthy), shown:value("forgelog_table_healthy", { table = watched.name }))
  end
  agrees_on_consumers(shown, status)
  for _, name in ipairs(shown.names) do
    assert.matches("^forgelog_[a-z_]+$", name)
    for _, sample in ipairs(shown.families[name].samples) do
      assert.equal(status.schema, sample.labels.schema)
      assert.equal(status.database, sample.labels.database)
    end
  end
  return shown
end

local function look(log, settle)
  local status = assert(log:status({ settle = settle or 1 }))
  return show(status), status
end

local function lacks(shown, families)
  for _, name in ipairs(families) do assert.is_nil(shown.families["forgelog_" .. name], name) end
end

describe("forgelog.metrics", function()
  local db, log
  before_each(function() db, log = load.installed() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("leaves out what an empty log has no number for", function()
    local shown = look(log)
    lacks(shown, { "seq_min", "seq_max", "oldest_change_age_seconds", "retention_seconds", "consumer_position_seq",
      "consumer_lag_changes", "consumer_lag_seconds", "consumer_gap", "consumer_running" })
    for family, value in pairs({ changes = 0, write_rate = 0, trimmed_to_seq = 0, horizon_known = 1, horizon_seq = 0,
      above_horizon = 0, open_writers = 0, oldest_writer_age_seconds = 0, watched_tables = 1, consumers_readable = 1 }) do
      assert.equal(value, shown:value("forgelog_" .. family), family)
    end
  end)

  it("tells what SQL tells", function()
    load.fill(log, 60)
    assert(log:trim(os.time() + 60, { min_rows = 40 }))
    local shown = look(log)
    local real = must(log, [[
      SELECT count(*) AS changes, min(seq) AS seq_min, max(seq) AS seq_max, min(seq) - 1 AS trimmed_to_seq,
             max(seq) AS horizon_seq, pg_total_relation_size('forge_change_log') AS log_bytes,
             extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS age FROM forge_change_log]])[1]
    for _, family in ipairs({ "changes", "seq_min", "seq_max", "trimmed_to_seq", "horizon_seq", "log_bytes" }) do
      assert.equal(real[family], shown:value("forgelog_" .. family), family)
    end
    assert.equal(40, real.changes)
    local age = shown:value("forgelog_oldest_change_age_seconds")
    assert.is_true(age > 0 and age <= real.age)
    assert.is_true(shown:value("forgelog_write_rate") > 0)
  end)

  it("has no consumers and no exact numbers for a plain log", function()
    local plain, other = load.framework()
    must(other, "INSERT INTO item (n) SELECT g FROM generate_series(1, 7) g")
    local shown = look(other)
    assert.equal(0, shown:value("forgelog_installed"))
    assert.equal(7, shown:value("forgelog_changes"))
    assert.equal(7, shown:value("forgelog_horizon_seq"))
    lacks(shown, { "trimmed_to_seq", "consumer_position_seq", "consumer_gap" })
    other:close()
    support.drop(plain)
  end)

  it("tells who holds the horizon, and whether it can be known", function()
    load.fill(log, 5)
    look(log)
    local writer = load.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) SELECT g FROM generate_series(1, 3) g")
    load.fill(log, 4)
    local shown = look(log, 0)
    assert.equal(1, shown:value("forgelog_horizon_known"))
    assert.equal(5, shown:value("forgelog_horizon_seq"))
    assert.equal(7, shown:value("forgelog_above_horizon"))
    assert.equal(1, shown:value("forgelog_open_writers"))
    local age = shown:value("forgelog_oldest_writer_age_seconds")
    local later = must(log, "SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8 AS age FROM pg_stat_activity"
      .. " WHERE datname = current_database() AND backend_xid IS NOT NULL AND state = 'idle in transaction'")[1].age
    assert.is_true(age > 0 and age <= later)

    local late = load.connect(db) -- does not know since when the writer is open
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
    must(log, "CREATE ROLE metrics_poor LOGIN; GRANT SELECT ON forge_change_log, forge_change_log_state TO metrics_poor")
    must(log, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local poor = load.connect((db:gsub("user=%S+", "user=metrics_poor")))
    local shown = look(poor, 0)
    poor:close()
    must(log, "ROLLBACK; DROP OWNED BY metrics_poor; DROP ROLE metrics_poor")
    assert.equal(1, shown:value("forgelog_open_writers"))
    assert.equal(0, shown:value("forgelog_consumers_readable"))
    lacks(shown, { "oldest_writer_age_seconds", "consumer_position_seq" })
  end)

  it("tells of each consumer how far it is, and why it must resync", function()
    load.fill(log, 20)
    must(log, "DELETE FROM forge_change_log WHERE seq <= 5")
    must(log, [[INSERT INTO forge_change_log_consumers (name, position, updated_at)
      SELECT name, position, clock_timestamp() FROM (VALUES ('fine', '1:8'), ('ahead', '1:99'), ('behind', '1:3'),
        ('elsewhere', '9:8'), ('ranges', '1:8:10-12,14')) v (name, position)]])
    local running = consumer.new({ conninfo = db, name = "running", position = consumer.table(), start = "beginning",
      on_changes = function() end })
    assert.equal(15, running:step(5))
    local shown = look(log)
    running:close()
    local function value(family, name, reason)
      return shown:value("forgelog_consumer_" .. family, { consumer = name, reason = reason })
    end
    for name, wanted in pairs({ fine = false, ranges = false, running = false, ahead = "reset", behind = "trimmed",
      elsewhere = "failover" }) do
      for _, reason in ipairs({ "trimmed", "reset", "failover" }) do
        assert.equal(flag(reason == wanted), value("gap", name, reason), name .. " " .. reason)
      end
      assert.equal(flag(name == "running"), value("running", name))
    end
    assert.equal(18, #shown.families.forgelog_consumer_gap.samples)
    assert.same({ 12, 8, 0, 8, 20 }, { value("lag_changes", "fine"), value("lag_changes", "ranges"),
      value("lag_changes", "running"), value("position_seq", "fine"), value("position_seq", "running") })
    local oldest = must(log, "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 AS age FROM forge_change_log"
      .. " WHERE seq = 9")[1].age
    assert.is_true(value("lag_seconds", "fine") > 0 and value("lag_seconds", "fine") <= oldest)
    assert.equal(0, value("lag_seconds", "running"))
  end)

  it("tells which table lost a trigger", function()
    must(log, "CREATE TABLE other (id int PRIMARY KEY)")
    assert(log:watch("other"))
    must(log, "ALTER TABLE item DISABLE TRIGGER forge_capture_update")
    local shown = look(log)
    assert.equal(2, shown:value("forgelog_watched_tables"))
    assert.equal(0, shown:value("forgelog_table_healthy", { table = "item" }))
    assert.equal(1, shown:value("forgelog_table_healthy", { table = "other" }))
  end)

  it("brings any name through", function()
    local names = { 'a "quoted" one', "back\\slash\\n", "two\nlines", 'ends with \\"', "größe 中 \240\159\152\128", "a,b={} 1" }
    local schema = 'log "of\\all'
    must(log, 'CREATE SCHEMA "' .. schema:gsub('"', '""') .. '"')
    assert(log:install({ schema = schema }))
    local own = load.connect(db, { schema = schema })
    for _, name in ipairs(names) do
      local quoted = '"' .. name:gsub('"', '""') .. '"'
      must(own, "CREATE TABLE " .. quoted .. " (id int PRIMARY KEY)")
      assert(own:watch(quoted))
      must(own, ('INSERT INTO "%s".forge_change_log_consumers VALUES ($1, $2, now())'):format((schema:gsub('"', '""'))),
        name, "1:0")
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
    local name = "metrics_" .. process.unique()
    must(log, ("CREATE DATABASE %s TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"):format(name))
    local latin = load.connect((db:gsub("dbname=%S+", "dbname=" .. name)))
    must(latin, 'CREATE TABLE "gr\246\223e\\" (id int PRIMARY KEY)')
    assert(latin:install())
    assert(latin:watch('"gr\246\223e\\"'))
    local status = assert(latin:status())
    latin:close()
    must(log, "DROP DATABASE " .. name)
    local shown = exposition.parse(metrics(status))
    assert.equal(1, shown:value("forgelog_table_healthy", { table = "gr\\xF6\\xDFe\\" }))
  end)

  it("writes whole numbers exactly", function()
    local seqs = math.type and { "9007199254740993", "9223372036854775800" } or { "9007199254740990" } -- luacheck: ignore 143
    for _, seq in ipairs(seqs) do
      must(log, ("SELECT setval('forge_change_log_seq_seq', %s, false)"):format(seq))
      load.fill(log, 1)
      local shown = exposition.parse(metrics(assert(log:status())))
      for _, family in ipairs({ "seq_max", "horizon_seq" }) do assert.equal(seq, shown:sample("forgelog_" .. family).text) end
    end
    -- text, where this Lua has no number for it
    must(log, "INSERT INTO forge_change_log_consumers VALUES ('far', '1:' || $1, now())", "9223372036854775800")
    local shown = exposition.parse(metrics(assert(log:status())))
    assert.equal("9223372036854775800", shown:sample("forgelog_consumer_position_seq", { consumer = "far" }).text)
  end)

  it("writes a point in every locale", function()
    local folder = support.path("locale")
    local made = support.run(("mkdir %s && localedef -i de_DE -f UTF-8 %s/de_DE.utf8"):format(folder, folder))
    if not made then return pending("no German locale is to be had here") end
    load.fill(log, 3)
    local script = support.path("locale.lua")
    local file = assert(io.open(script, "w"))
    file:write([[
      local log = assert(require("forgelog").connect((...)))
      local status = assert(log:status())
      assert(os.setlocale("de_DE.utf8"))
      print(("%.1f"):format(0.5))
      io.write(require("forgelog.metrics")(status))
      log:close()]])
    file:close()
    local ok, output, errors = support.run(("LOCPATH=%s '%s' %s '%s'"):format(folder, os.getenv("FORGELOG_LUA"), script, db))
    assert.is_true(ok, errors)
    local half, text = output:match("^(%S+)\n(.*)$")
    assert.truthy(half == "0,5" or jit)
    local shown = exposition.parse(text)
    local age = shown:sample("forgelog_oldest_change_age_seconds")
    assert.is_true(age.value > 0 and age.text:find(".", 1, true) ~= nil)
  end)
end)

describe("forgelog.metrics of a standby", function()
  it("has what can be known there", function()
    local server = support.server()
    local db, log = load.installed(server.conninfo)
    load.fill(log, 3)
    must(log, "CHECKPOINT")
    local standby = server:standby()
    local name = db:match("dbname=%S+")
    local own = load.connect((standby.conninfo:gsub("dbname=%S+", name)))
    support.wait_until(function() return own:max_seq() == 3 end, "the standby to have it all")
    local shown = look(own)
    own:close()
    log:close()
    standby:stop()
    server:stop()
    assert.equal(1, shown:value("forgelog_standby"))
    assert.equal(0, shown:value("forgelog_horizon_known"))
    assert.equal(3, shown:value("forgelog_changes"))
    lacks(shown, { "horizon_seq", "above_horizon", "open_writers", "oldest_writer_age_seconds" })
  end)
end)
