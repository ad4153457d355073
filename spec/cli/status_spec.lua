-- forgelog status: what it shows of the log, its writers, its consumers and its tables, once and
-- with --watch.
local command = require "support.command"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local db, log
before_each(function() db, log = command.database() end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

local function fill()
  assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 20) g"))
end

local function status(arguments)
  local code, output, errors = command.run(db, "status " .. (arguments or ""))
  assert.equal("0 ", code .. " " .. errors)
  return output
end

local function shows(pattern, arguments) assert.matches(pattern, (status(arguments))) end

describe("forgelog status", function()
  it("says what to do where there is no log", function()
    assert(log:query("DROP TABLE forge_change_log CASCADE"))
    command.fails(db, 1, "run forgelog install first", "status")
  end)

  it("says what the log holds, and of an empty one too", function()
    assert(log:unwatch("orders"))
    shows("changes      0; the log is empty\n")
    shows("horizon      0; 0 changes above it\nwriters      0 open\n"
      .. ".*none keeps its position.*none is watched\n")
    assert(log:watch("orders"))
    fill()
    assert(log:trim(os.time() + 60, { min_rows = 15 }))
    for _, pattern in ipairs({ "log          public%.forge_change_log, PostgreSQL %d+",
      "changes      15; seq 6 to 20, trimmed to 5\n",
      "oldest       %d+%.%d s old\n",
      "writes       %d+%.%d a second; at that rate the log holds [%d.]+ s\n",
      "horizon      20; 0 changes above it\n", "size         %d+%.%d kB on disk, %d+ dead rows?\n",
      "orders                statement  ok\n$" }) do
      shows(pattern)
    end
  end)

  it("says the same as JSON and for Prometheus", function()
    fill()
    local now = assert(log:status())
    local told = assert(require("dkjson").decode((status("--json"))))
    for _, name in ipairs({ "schema", "rows", "rows_exact", "min_seq", "max_seq", "trimmed_to",
      "horizon", "standby", "installed", "database" }) do
      assert.equal(now[name], told[name], name)
    end
    assert.same({}, told.writers)
    assert.same(now.tables, told.tables)
    for _, name in ipairs({ "writers", "consumers" }) do
      assert.truthy(status("--json"):find('"' .. name .. '":[]', 1, true), name)
    end
    assert.equal("orders", told.tables[1].name)
    shows("\n# TYPE forgelog_seq_max gauge\n"
      .. "forgelog_seq_max{[^}\n]*schema=\"public\"} 20\n", "--prometheus")
    shows("^# HELP forgelog_", "--prometheus")
  end)

  it("refuses options that exclude each other, and intervals that are none", function()
    for _, wrong in ipairs({ "--check --prometheus", "--watch --check", "--watch --interval 0",
      "--watch --interval soon" }) do
      command.fails(db, 2, "; hint: forgelog status %-%-help\n$", "status " .. wrong)
    end
  end)

  it("names who holds the horizon", function()
    fill()
    local writer = assert(forgelog.connect(db .. " application_name='night job'"))
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (1)"))
    local pid = logs.backend(writer)
    shows("horizon      not known: [^\n]+\nwriters      1 open\n +pid " .. ("%d"):format(pid)
      .. ", night job, postgres, idle in transaction, since [^\n]+ %(%d")
    assert(writer:query("PREPARE TRANSACTION 'two phases'"))
    shows("writers      1 open\n +prepared transaction two phases, since ")
    assert(writer:query("ROLLBACK PREPARED 'two phases'"))
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (1);"
      .. " PREPARE TRANSACTION E'\\x1b[2J\\u009b'"))
    local shown = status()
    -- No terminal obeys what is shown.
    assert.truthy(shown:find("prepared transaction \\x1b[2J\\xc2\\x9b, ", 1, true), shown)
    assert(writer:query("ROLLBACK PREPARED E'\\x1b[2J\\u009b'"))
    writer:close()
    shows("writers      0 open\n")
  end)

  it("tells each consumer's position and lag, whether it runs, and if a gap awaits it", function()
    fill()
    local following = command.start(db, "follow --name live")
    support.wait_until(function() return command.saved(log, "live") == "20" end, "its position")
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position)"
      .. " VALUES ('late', '1:12:15-17'), ('lost', '1:2')"))
    assert(log:trim(os.time() + 60, { min_rows = 12 }))
    shows("late +1:12:15%-17 +5 +%d+%.%d s  not running, saved ")
    shows("live +1:20 +0 +0 s  running, pid %d+\n")
    shows("lost +1:2 +12 +%d+%.%d s  gap %(trimmed%): must resync\n")
    following:kill("KILL")
    following:wait()
    support.wait_until(function()
      return status():find("live +1:20 +0 +0 s  not running")
    end, "its end")
  end)

  it("tells what is wrong with the triggers of watched tables", function()
    fill()
    assert(log:query("CREATE TABLE b (LIKE orders INCLUDING ALL);"
      .. " CREATE TABLE c (LIKE orders INCLUDING ALL)"))
    assert(log:watch("b"))
    assert(log:watch("c"))
    assert(log:query("ALTER TABLE orders DISABLE TRIGGER forge_capture_delete"))
    assert(log:query("DROP TRIGGER forge_capture_insert ON b;"
      .. " CREATE TRIGGER forge_capture_insert AFTER INSERT ON b REFERENCING NEW TABLE AS new_rows"
      .. " FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)"
      .. " EXECUTE FUNCTION forge_capture_insert('notify')"))
    assert(log:query("ALTER TABLE c DROP CONSTRAINT c_pkey; ALTER TABLE c ADD PRIMARY KEY (n)"))
    shows("b                     statement  altered: insert\n"
      .. "c                     statement  the primary key has changed since\n"
      .. "orders                statement  missing: delete\n")
    assert.equal("watching b\nwatching c\nwatching orders\n",
      select(2, command.run(db, "watch b c orders")))
    shows("b                     statement  ok\n"
      .. "c                     statement  ok\n"
      .. "orders                statement  ok\n")
  end)

  it("counts exactly up to 100,000, and then says about how many", function()
    fill()
    logs.fill(log, 99980)
    shows("changes      100,000; seq 1 to 100000\n")
    logs.fill(log, 50020)
    assert(log:query("ANALYZE forge_change_log"))
    local about = status():match("changes      about ([%d,]+); seq 1 to 150020\n"):gsub(",", "")
    assert.is_true(math.abs(tonumber(about) - 150020) < 3000, about)
  end)

  it("tells what it can to a role with fewer rights", function()
    fill()
    local role, drop = logs.role(log,
      "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    local code, output = command.run((db:gsub("user=%S+", "user=" .. role)), "status")
    assert.equal(0, code)
    assert.matches("changes      20;.*consumers    not to be seen: permission denied", output)
    drop()
  end)

  it("says what is parked, also of a consumer whose position is elsewhere", function()
    fill()
    assert(log:query([[INSERT INTO forge_change_log_consumers (name, position)
      VALUES ('late', '1:12'), ('well', '1:12')]]))
    assert(log:query([[INSERT INTO forge_change_log_parked
             (consumer, seq, key, table_name, op, waits)
      SELECT c, g, 'k', 'item', 'UPDATE', c = 'late' AND g > 1
        FROM generate_series(1, 3) g, unnest(ARRAY['file', 'late']) c]]))
    local shown = status()
    assert.matches("\nfile +0 +0 s  keeps its position elsewhere  3 parked\n"
      .. "late +1:12 +8 [^\n]+  3 parked %(2 wait%)\n"
      .. "well +1:12 [^\n]+ saved [%d-]+ [%d:]+\n", shown)
    assert(log:query([[INSERT INTO forge_change_log_consumers (name, position)
      SELECT 'late#' || i || '/12', '1:12' FROM generate_series(1, 12) i]]))
    assert(log:query("UPDATE forge_change_log_consumers SET position = NULL, lanes = 12"
      .. " WHERE name = 'late'"))
    shown = status()
    assert.matches("  keeps its position elsewhere  3 parked\nlate#1/12 .*\nlate#10/12 [^\n]+"
      .. "\nlate#11/12 [^\n]+\nlate#12/12 [^\n]+\n  late, all lanes: 3 parked %(2 wait%)\n"
      .. "well ", shown)
    assert(log:query("DROP TABLE forge_change_log_parked"))
    assert.is_nil(status():find("parked", 1, true))
  end)

  it("redraws with --watch, with sparklines, until Ctrl-C", function()
    fill()
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position)"
      .. " VALUES ('late', '1:12')"))
    local screen = command.terminal(db, "status --watch --interval 0.1s")
    screen:expect("changes      20; seq 1 to 20")
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 5) g"))
    screen:expect("changes      25; seq 1 to 25")
    local shown = screen:expect("writes  [^\n]+  [▁▂▃▄▅▆▇█]+\n"
      .. ".*late [^\n]+  [▁▂▃▄▅▆▇█]+\n")
    assert.equal(1, select(2, shown:gsub("changes      ", "")))
    assert.matches("every 0%.1 s, Ctrl%-C ends it", shown)
    command.cut(log)
    assert(log:query("INSERT INTO orders (n) VALUES (1)"))
    screen:expect("changes      26; seq 1 to 26")
    screen:type("C-c")
    screen:expect("ended with 0")
  end)

  it("with --watch shows no more than the terminal has room for", function()
    fill()
    for i = 1, 20 do
      assert(log:query("CREATE TABLE t" .. i .. " (id int PRIMARY KEY)"))
      assert(log:watch("t" .. i))
    end
    local screen = command.terminal(db, "status --watch --interval 0.1s", 60, 24)
    screen:expect("\n%.%.%.\n")
    assert(log:query("INSERT INTO orders (n) VALUES (1)"))
    local shown = screen:expect("changes      21; seq 1 to 21")
    assert.matches("^%d%d:%d%d:%d%d  every 0%.1 s, Ctrl%-C ends it\n\nlog  ", shown)
    assert.matches("\n%.%.%.\n%s*$", shown)
  end)
end)
