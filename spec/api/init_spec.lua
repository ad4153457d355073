-- The public methods of a log where they cannot do their work: misuse raises a message that names
-- the function and what is wrong; what fails at run time has a kind and says what to do about it.
local failures = require "support.failures"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local must, check = logs.must, failures.check

describe("misuse", function()
  local db, log
  setup(function() db, log = logs.installed() end)
  teardown(function() log:close(); support.drop(db) end)

  local function raises(name, text, ...)
    local method = log[name]
    local ok, err = pcall(method, log, ...)
    assert.is_false(ok, name .. " did not raise for " .. text)
    assert.is_string(err)
    assert.matches("forgelog: " .. name .. ": ", err, 1, true)
    assert.matches(text, err, 1, true)
    assert.equal(1, log:query("SELECT 1 AS n")[1].n)
  end

  it("of a position", function()
    for _, name in ipairs({ "drain", "gap" }) do
      for _, since in ipairs({ "", "x", "1:", "1:2:", "1:2:3-", "1:5:4", "1:5:9,7", "-1", "1.5",
        " 1", "1:2:3:4", "99999999999999999999" }) do
        raises(name, "no position", since)
      end
      for _, since in ipairs({ -1, 1.5, 0 / 0, 1 / 0, 2 ^ 63, {}, true, print }) do
        raises(name, "since", since)
      end
    end
  end)

  it("of drain's options", function()
    for _, limit in ipairs({ -1, 1.5, "10", {}, 1 / 0, 0 / 0 }) do
      raises("drain", "limit", 0, { limit = limit })
    end
    for _, tables in ipairs({ "item", 1, { 1 }, { "item", {} } }) do
      raises("drain", "tables", 0, { tables = tables })
    end
    local known = "ops must be a list of INSERT, UPDATE, DELETE, TRUNCATE or RELOAD, in capitals"
    for _, ops in ipairs({ "DELETE", { "delete" }, { "DELETE", "UPSERT" }, { 1 }, { {} } }) do
      raises("drain", known, 0, { ops = ops })
    end
    raises("drain", "got upsert", 0, { ops = { "DELETE", "upsert" } })
    for _, columns in ipairs({ "price", { 1 } }) do
      raises("drain", "columns", 0, { columns = columns })
    end
    for _, settle in ipairs({ -1, "1", {} }) do
      raises("drain", "settle", 0, { settle = settle })
    end
    raises("drain", "tabels", 0, { tabels = {} })
    raises("drain", "options", 0, 5)
    raises("drain", "no option 1", 0, { "limit" })
  end)

  it("of trim", function()
    for _, before in ipairs({ "yesterday", {}, 0 / 0, true }) do
      raises("trim", "before", before)
    end
    raises("trim", "before")
    for _, rows in ipairs({ -1, 0.5, "1" }) do
      raises("trim", "min_rows", 0, { min_rows = rows })
    end
    for _, batch in ipairs({ 0, -1, 1.5, "1" }) do raises("trim", "batch", 0, { batch = batch }) end
    raises("trim", "keep", 0, { keep = 1 })
  end)

  it("of query", function()
    raises("query", "sql")
    for _, sql in ipairs({ 1, true, {} }) do raises("query", "sql", sql) end
    local thread = coroutine.create(function() end)
    for _, value in ipairs({ {}, print, thread }) do
      raises("query", type(value), "SELECT $1", value)
    end
    raises("query", "zero byte", "SELECT 1\0; DROP TABLE item")
    raises("query", "zero byte", "SELECT $1", "a\0b")
  end)

  it("of texts with a zero byte, whatever they name", function()
    raises("touch", "table has a zero byte in it", "a\0b")
    raises("watch", "keep has a zero byte in it", "item", { keep = { "n", "a\0b" } })
    raises("drain", "since has a zero byte in it", "1\0")
    raises("drain", "columns has a zero byte in it", 0, { columns = { "a\0b" } })
    raises("follow", "keys has a zero byte in it", 0, { keys = { "a\0b" } })
    raises("rows", "after has a zero byte in it", "item", { after = "a\0b" })
  end)

  it("of watch, unwatch and install", function()
    for _, name in ipairs({ "watch", "unwatch" }) do
      for _, value in ipairs({ 1, true, {} }) do raises(name, "string", value) end
      raises(name, "string")
    end
    raises("watch", "ignore", "item", { ignore = "n" })
    raises("watch", "notify", "item", { notify = 1 })
    raises("watch", "ignored", "item", { ignored = {} })
    raises("install", "schema", { schema = 5 })
    raises("install", "force", { force = true })
  end)

  it("of connect", function()
    local function connect_raises(text, ...)
      local ok, err = pcall(forgelog.connect, ...)
      assert.is_false(ok)
      assert.matches("forgelog: connect: ", err, 1, true)
      assert.matches(text, err, 1, true)
    end
    for _, conninfo in ipairs({ 5, true, print }) do connect_raises("conninfo", conninfo) end
    connect_raises("timeout", db, { timeout = -1 })
    connect_raises("timeout", db, { timeout = "1" })
    connect_raises("schema", db, { schema = 1 })
    connect_raises("retries", db, { retries = 1 })
    connect_raises("nowhere", db, { wait = "nowhere" })
    connect_raises("wait", db, { wait = { wait = print } })
    connect_raises("options", db, "public")
  end)

  it("is reported at the line that calls", function()
    for _, call in ipairs({
      function() log:drain(-1) end,
      function() log:trim("x") end,
      function() log:gap({}) end,
      function() log:query(1) end,
      function() forgelog.connect(5) end,
    }) do
      local _, err = pcall(call)
      assert.matches("init_spec.lua", err, 1, true)
    end
  end)

  it("of a closed log raises an error of kind closed that names the function", function()
    local closed = logs.connect(db)
    local drain = closed:drain()
    closed:close()
    closed:close()
    local calls = { drain = {}, min_seq = {}, max_seq = {}, gap = { 0 }, horizon = {},
      trim = { 0 }, query = { "SELECT 1" }, install = {}, watch = { "item" },
      unwatch = { "item" }, watched = {} }
    for name, arguments in pairs(calls) do
      local ok, err = pcall(closed[name], closed, arguments[1])
      assert.is_false(ok, name)
      assert.equal("closed", err.kind)
      assert.is_false(err.retryable)
      assert.matches(name, err.message, 1, true)
    end
    local ok, err = pcall(drain)
    assert.is_false(ok)
    assert.equal("closed", err.kind)
    assert.matches("closed", tostring(closed))
  end)
end)

describe("a database without a log", function()
  local db, log
  setup(function() db = support.database(); log = logs.connect(db) end)
  teardown(function() log:close(); support.drop(db) end)

  for _, name in ipairs(failures.OPERATIONS) do
    it("is reported by " .. name, function()
      check(failures.of(log, name), "schema", "42P01", false, "install")
      failures.usable(log)
    end)
  end

  it("is reported when the log is looked for in another schema", function()
    local other = logs.connect(db, { schema = 'no "such" one' })
    check(failures.of(other, "drain"), "schema", "42P01", false, 'no ""such"" one')
    failures.usable(other)
    other:close()
  end)
end)

describe("a role without the rights", function()
  local db, owner, log, nobody, drop_nobody
  setup(function()
    db, owner = logs.framework()
    must(owner, "INSERT INTO item (n) VALUES (1), (2)")
    nobody, drop_nobody = logs.role(owner)
    log = logs.as(db, nobody)
  end)
  teardown(function()
    log:close()
    drop_nobody()
    owner:close()
    support.drop(db)
  end)

  for _, name in ipairs(failures.OPERATIONS) do
    it("is reported by " .. name, function()
      check(failures.of(log, name), "query", "42501", false, "forge_change_log")
      failures.usable(log)
    end)
  end

  it("may do all but trim with SELECT on a plain log", function()
    must(owner, "GRANT SELECT ON forge_change_log TO " .. nobody)
    assert.same({ 1, 2 }, logs.drained(log))
    assert.same({ 1, 2 }, { log:min_seq(), log:max_seq() })
    assert.equal(2, (log:horizon()))
    assert.is_false(log:gap(1))
    local _, err = log:trim(os.time() + 10, { min_rows = 0 })
    check(err, "query", "42501", false, "forge_change_log")
    assert.equal(0, err.deleted)
    assert.equal(0, logs.advisory_locks(owner))
    must(owner, "DELETE FROM forge_change_log WHERE seq = 1")
    assert.equal("trimmed", (log:gap(0)))
    must(owner, "REVOKE ALL ON forge_change_log FROM " .. nobody)
  end)

  it("is refused a schema that it may not use", function()
    must(owner, "CREATE SCHEMA closed; CREATE TABLE closed.forge_change_log ()")
    local other = logs.as(db, nobody, { schema = "closed" })
    check(failures.of(other, "drain"), "query", "42501", false, "closed")
    failures.usable(other)
    other:close()
  end)
end)

describe("a log whose sequence does not ascend one by one", function()
  local db, log
  before_each(function()
    db, log = logs.installed()
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
  end)
  after_each(function() log:close(); support.drop(db) end)

  for _, change in ipairs({ "CACHE 10", "INCREMENT 2" }) do
    it("is refused: " .. change, function()
      must(log, "ALTER SEQUENCE forge_change_log_seq_seq " .. change)
      for _, name in ipairs({ "drain", "horizon" }) do
        check(failures.of(log, name), "schema", nil, false, change:match("%a+ %d+"))
        assert.matches("ALTER SEQUENCE", failures.of(log, name).message)
      end
      must(log, "ALTER SEQUENCE forge_change_log_seq_seq CACHE 1 INCREMENT 1")
      assert.same({ 1, 2 }, logs.drained(log))
    end)
  end

  it("is refused without a sequence", function()
    must(log, [[ALTER TABLE forge_change_log ALTER seq DROP DEFAULT;
      ALTER SEQUENCE forge_change_log_seq_seq OWNED BY NONE]])
    check(failures.of(log, "drain"), "schema", nil, false, "sequence")
    failures.usable(log)
  end)
end)
