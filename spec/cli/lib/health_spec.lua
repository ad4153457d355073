-- forgelog status --check: the exit status says whether the log and its consumers are well, and a
-- line for each thing what is not.
local command = require "support.command"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

describe("status --check", function()
  local db, log
  before_each(function()
    db, log = command.database()
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 20) g"))
    assert(log:query("UPDATE forge_change_log SET created_at = now() - interval '90 seconds'"))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function save(...)
    for i = 1, select("#", ...), 2 do
      local name, position = select(i, ...)
      assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES ($1, $2)"
        .. " ON CONFLICT (name) DO UPDATE SET position = excluded.position", name, position))
    end
  end

  -- What it prints, where it ends with that status and writes nothing to standard error.
  local function check(arguments, expected)
    local status, output, errors = command.run(db, "status --check " .. (arguments or ""))
    assert.equal((expected or 1) .. " ", status .. " " .. errors)
    return output
  end

  local function well(arguments) assert.equal("ok\n", check(arguments, 0)) end

  it("is ok where all is well, whoever writes", function()
    well()
    well("--lag 60s")
    save("up", "1:20", "late", "1:12:15-17")
    well()
    well("--name up --lag 0")
    well("--lag 1h --name late --name up")
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (1)"))
    local took = logs.soon(0.8, function()
      local started = logs.now()
      well()
      return logs.now() - started
    end)
    assert.is_true(took < logs.at_most(0.8), "it waited for a writer")
    writer:close()
  end)

  it("names who is behind, who has to resync, and who is not there", function()
    save("up", "1:20", "late", "1:12:15-17", "odd", "soon")
    assert.equal("consumer odd: what it has saved is no position\n", check())
    assert.equal("consumer late is 90 s behind (5 changes), more than 60 s\n",
      (check("--lag 60s --name late"):gsub("9%d s", "90 s")))
    assert(log:trim(os.time() + 60, { min_rows = 4 }))
    save("odd", "1:20")
    assert.equal("consumer late must resync: trimmed\n", check("--lag 60s"))
    assert.equal("consumer late must resync: trimmed\n"
      .. "there is no consumer x\\x1b with a position here\n", check("--name late --name 'x\27'"))
    well("--name up --name odd")
    log:query("INSERT INTO forge_change_log_consumers (name) VALUES ('new')")
    assert.equal("there is no consumer new with a position here\n", check("--name new"))
  end)

  it("looks at each lane of a consumer, and whether all are there", function()
    save("many#1/3", "1:20", "many#2/3", "1:20", "few", "1:20")
    assert.equal("consumer many: lane 3 of 3 has saved no position\n", check())
    assert.equal("consumer many: lane 3 of 3 has saved no position\n", check("--name many"))
    well("--name few")
    well("--name 'many#2/3'")
    save("many#3/3", "1:4")
    well("--name many")
    assert.matches("^consumer many#3/3 is 9%d s behind %(16 changes%), more than 60 s\n$",
      check("--name many --lag 1m"))
    save("date#1/2026112", "1:20") -- no lane: there are never so many
    well("--name date#1/2026112")
    assert.equal("there is no consumer date with a position here\n", check("--name date"))
  end)

  it("names tables of which changes are missed", function()
    save("up", "1:20")
    assert(log:query("ALTER TABLE orders DISABLE TRIGGER forge_capture_insert;"
      .. "CREATE TABLE customers (id int PRIMARY KEY)"))
    assert(log:watch("customers"))
    local wrong = "changes of orders are missed: missing: insert\n"
    assert.equal(wrong, check())
    assert.equal(wrong, check("--name up"))
    assert(log:query("DROP TABLE customers; CREATE TABLE customers (id int PRIMARY KEY)"))
    assert.equal(wrong .. "customers was watched, dropped and made again: the new table is not "
      .. "captured\n", check())
    assert(log:query("ALTER TABLE orders ENABLE TRIGGER forge_capture_insert;"
      .. "DROP TABLE customers; CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY LIST (id)"))
    assert(log:watch("parts"))
    assert(log:query("CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1)"))
    well() -- the doctor warns of these
  end)

  it("says what keeps it from looking", function()
    local role = "watcher_" .. db:match("dbname=forgelog_(%w+)")
    assert(log:query(("CREATE ROLE %s LOGIN; GRANT SELECT ON forge_change_log,"
      .. " forge_change_log_state TO %s"):format(role, role)))
    local own = db:gsub("user=%S+", "user=" .. role)
    local status, output = command.run(own, "status --check")
    assert.equal(1, status)
    assert.matches("^the consumers are not to be seen: [^\n]*permission denied[^\n]*\n$", output)
    assert(log:query(("DROP OWNED BY %s; DROP ROLE %s"):format(role, role)))
    assert(log:query("DROP TABLE forge_change_log_state"))
    assert.equal("the log was not installed, only its table is there; run forgelog install\n",
      check())
    assert(log:query("DROP TABLE forge_change_log CASCADE"))
    assert.matches("^[^\n]+; run forgelog install first, or name the schema [^\n]+\n$", check())
    command.fails("host=/nowhere port=1 user=x dbname=x", 1, "hint: give", "status --check")
  end)
end)
