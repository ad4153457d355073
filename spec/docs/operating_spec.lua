-- docs/operating.md: its roles, with each right taken away once, and its commands and SQL in their
-- order.
local claim = require "forgelog.consumer.claim"
local consumer = require "forgelog.consumer"
local docs = require "support.docs"
local forgelog = require "forgelog"
local parking = require "forgelog.consumer.parking"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")
local blocks = docs.blocks("docs/operating.md")

local function find(language, part) return docs.find(blocks, language, part) end

describe("the roles", function()
  local db, log
  local roles = "feed_installer, feed_reader, feed_consumer, feed_trimmer, feed_monitor, app_writer"

  setup(function()
    db = support.database()
    log = assert(forgelog.connect(db, { schema = "feed" }))
    for role in roles:gmatch("[%a_]+") do assert(log:query("CREATE ROLE " .. role .. " LOGIN")) end
    assert(log:query("CREATE SCHEMA feed"))
    assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)"))
    assert(log:query("GRANT INSERT, UPDATE, DELETE, SELECT ON orders TO app_writer"))
  end)
  teardown(function()
    assert(log:query("DROP OWNED BY " .. roles .. " CASCADE; DROP ROLE " .. roles))
    log:close()
    support.drop(db)
  end)

  local function as(role)
    return assert(forgelog.connect((db:gsub("user=%S+", "user=" .. role)), { schema = "feed" }))
  end

  -- The error itself: busted's assert makes another one of it.
  local function must(value, err)
    if not value then error(err, 0) end
    return value
  end

  -- What each role is there for, done in a transaction that leaves nothing behind.
  local work = {}

  function work.feed_installer(own)
    must(own:install())
    must(own:watch("orders"))
  end

  local function drain(own)
    local seen = 0
    for _ in own:drain(1) do seen = seen + 1 end
    assert(seen == 2)
  end

  function work.feed_reader(own)
    drain(own)
    assert(must(own:position()):match("^%d+:3$"))
    assert(must(own:gap(99)) == "reset")
    assert(must(own:min_seq()) == 1 and must(own:max_seq()) == 3 and must(own:horizon()) == 3)
  end

  function work.feed_consumer(own)
    local store = require("forgelog.store").table()
    drain(own)
    must(store.save(own, "one", "1:1", nil))
    local position, err = store.load(own, "one")
    assert(must(position, err) == "1:1")
    must(store.save(own, "one", "1:2", "1:1"))
    local lease = must(claim.new(own.connection, "two", {}))
    assert(lease.renew and must(lease:take(own.connection)))
    must(consumer.pause(own, "one"))
    must(consumer.resume(own, "one"))
    must(consumer.rewind(own, "one", "1:1"))
    local change = { seq = 1, table_name = "orders", op = "INSERT" }
    must(parking.park(own.connection, "one", "key", change, "bad", 1))
    must(consumer.retry(own, "one"))
    local due = must(parking.due(own.connection, "one", 1))
    must(parking.done(own.connection, due[1].id))
    for _, text in ipairs({ "INSERT INTO %s (consumer, table_name) VALUES ('one', 'orders')",
      "UPDATE %s SET rows = 1", "DELETE FROM %s WHERE consumer = 'one'" }) do
      must(own:query(text:format("feed.forge_change_log_backfills")))
    end
  end

  function work.feed_trimmer(own)
    local count, err = own:trim(os.time() + 60, { min_rows = 2, keep_consumers = true })
    assert(must(count, err) == 1)
  end

  function work.feed_monitor(own)
    local now = must(own:status())
    assert(now.rows == 3 and now.installed)
    if now.consumers_error then must(own:query("SELECT FROM feed.forge_change_log_consumers")) end
    if now.parked_error then must(own:query("SELECT FROM feed.forge_change_log_parked")) end
    must(own:query("SELECT FROM feed.forge_change_log_backfills"))
  end

  local function try(role)
    local own = as(role)
    if role ~= "feed_monitor" then assert(own:query("BEGIN")) end
    local ok, err = pcall(work[role], own)
    if role ~= "feed_monitor" then own:query("ROLLBACK") end
    own:close()
    return ok, err
  end

  local function without(right, role)
    assert(log:query("REVOKE " .. right .. " FROM " .. role))
    local ok, err = try(role)
    assert.is_false(ok, role .. " works without " .. right)
    local message = role .. " without " .. right .. ": " .. tostring(err)
    assert.equal("42501", type(err) == "table" and err.sqlstate, message)
    assert(log:query("GRANT " .. right .. " TO " .. role))
  end

  -- Every right that a block grants is enough with the others, and missed without.
  local function check(block)
    support.psql(block, db)
    local rights, roles_seen = 0, {}
    for grant in block:gmatch("GRANT ([^;]+);") do
      local privileges, object, role = grant:match("^(.-) ON (.+) TO (%S+)$")
      local kind, names = object:match("^(SCHEMA) (.+)$")
      for privilege in privileges:gmatch("%u+") do
        for name in (names or object):gmatch("[^, ]+") do
          without(privilege .. " ON " .. (kind or "") .. " " .. name, role)
          rights = rights + 1
        end
      end
      roles_seen[role] = true
    end
    for role in pairs(roles_seen) do
      local ok, err = try(role)
      assert(ok, role .. ": " .. tostring(err))
    end
    return rights
  end

  it("do their work with these rights, and not without one of them", function()
    assert.equal(3, check(find("sql", "TO feed_installer")))
    local installer = as("feed_installer")
    work.feed_installer(installer)
    installer:close()

    local writer = as("app_writer")
    assert(writer:query("INSERT INTO orders VALUES (1, 1)"))
    assert(writer:query("UPDATE orders SET total = 2"))
    assert(writer:query("DELETE FROM orders"))
    for _, verb in ipairs { "SELECT", "DELETE" } do
      local rows, err = writer:query(verb .. " FROM feed.forge_change_log")
      assert.is_nil(rows)
      assert.equal("42501", err.sqlstate)
    end
    writer:close()

    assert.equal(27, check(find("sql", "TO feed_reader")))
  end)

  it("need some more to forget a consumer, and to change its lanes", function()
    local rights = { "DELETE ON feed.forge_change_log_consumers",
      "INSERT ON feed.forge_change_log_backfills", "DELETE ON feed.forge_change_log_backfills",
      "SELECT ON feed.forge_change_log_backfills" }
    local function work_of(count)
      for i, right in ipairs(rights) do
        local words = i <= count and { "GRANT ", " TO " } or { "REVOKE ", " FROM " }
        assert(log:query(words[1] .. right .. words[2] .. "feed_consumer"))
      end
      local own = as("feed_consumer")
      must(require("forgelog.store").table().save(own, "one", "1:2", nil))
      local _, of_lanes = consumer.lanes(own, "one", 2)
      local position, of_forget = consumer.forget(own, "one")
      own:close()
      assert(log:query("DELETE FROM feed.forge_change_log_consumers"))
      return of_lanes.sqlstate or of_lanes, of_forget and of_forget.sqlstate or position
    end
    assert.same({ "42501", "42501" }, { work_of(0) })
    for count = 1, #rights - 1 do assert.same({ "42501", "1:2" }, { work_of(count) }) end
    assert.same({ "1:2", "1:2" }, { work_of(#rights) })
    work_of(0)
  end)

  it("hide from a reader what it is not to see", function()
    assert(log:query("UPDATE feed.forge_change_log SET context = 'user 7', txid = 8"))
    support.psql(find("sql", "REVOKE SELECT ON"), db)
    local ok, err = try("feed_reader")
    assert(ok, tostring(err))
    local reader = as("feed_reader")
    local change = reader:drain()()
    assert.same({ 8 }, { change.txid, change.context })
    local feed = reader:follow(0)
    change = assert(feed:next(10))
    assert.same({ 8 }, { change.txid, change.context })
    feed:close()
    reader:close()
  end)
end)

describe("the commands and the SQL", function()
  local db, log

  setup(function()
    db = support.database()
    support.psql([[
      CREATE TABLE orders (id bigint PRIMARY KEY, total numeric);
      CREATE TABLE payments (id bigint PRIMARY KEY)]], db)
    log = assert(forgelog.connect(db))
    assert(log:install())
    assert(log:watch("orders"))
    assert(log:query("INSERT INTO orders SELECT g, g FROM generate_series(1, 20) g"))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  it("trim, forget, begin after a reload, and look", function()
    assert.equal("", (docs.sh(db, find("sh", "forgelog trim"))))
    local forgetting = find("sh", "forgelog forget search")
    assert.equal("there was no consumer search\n", (docs.sh(db, forgetting)))
    support.psql("INSERT INTO forge_change_log_consumers VALUES ('search', '1:0')", db)
    -- what commits during the reload comes again
    local block, times = find("sh", "position=$(forgelog position)"):gsub("\n: reload ",
      "\npsql -qc 'INSERT INTO orders VALUES (21)' ")
    assert.equal(1, times)
    local output = docs.sh(db, block)
    assert.matches("^forgot search, which was at 1:0\n{[^\n]*\"seq\":21,[^\n]*}\n$", output)
    local saved = support.psql("SELECT name, position FROM forge_change_log_consumers", db)
    assert.matches("^search|%d+:21@", saved)
    docs.sh(db, find("sh", "forgelog doctor --older-than"))
    assert.equal("ok\n", (docs.sh(db, find("sh", "forgelog status --check"))))
  end)

  it("set what autovacuum is to do, see who holds a snapshot, and give room back", function()
    support.psql(find("sql", "autovacuum_vacuum_scale_factor"), db)
    local holder = assert(forgelog.connect(db))
    assert(holder:query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM orders"))
    local who = ("session|%d|"):format(holder:query("SELECT pg_backend_pid() AS pid")[1].pid)
    local holders = support.psql(find("sql", "backend_xmin"), db)
    assert.truthy(holders:find(who, 1, true), holders)
    assert(holder:query("ROLLBACK"))
    holder:close()
    support.psql(find("sql", "VACUUM (TRUNCATE)"), db)
  end)

  it("prints what the status is said to print", function()
    local output = docs.sh(db, "forgelog status")
    for label in find("text", "at that rate"):gmatch("\n?(%a[%a ]-)  ") do
      assert.truthy(output:find(label, 1, true), "no " .. label .. " in " .. output)
    end
  end)

  it("make a gap of every position after a restore", function()
    assert.is_false(log:gap(21))
    support.psql(find("sql", "setval"), db)
    for _, position in ipairs({ 0, 20, "1:21", 999999999 }) do
      assert.equal("trimmed", (log:gap(position)))
    end
    assert(log:query("INSERT INTO orders VALUES (31)"))
    assert.equal(1000000001, log:max_seq())
    assert.is_false(log:gap(1000000000))
    assert(consumer.forget(log, "search"))
  end)

  it("bring data into a database with a log, and leave the log out", function()
    local command = find("sh", "pg_dump")
    -- pg_dump reads no server that is later than itself, and comes with Debian's server only.
    local pg_dump = select(2, support.run("pg_dump --version")):match("%d+")
    if tonumber(pg_dump) < tonumber(support.psql("SHOW server_version", db):match("^%d+")) then
      return pending("needs the pg_dump of this server")
    end
    local from, to = support.database(), support.database()
    local there = assert(forgelog.connect(to))
    for _, each in ipairs({ from, to }) do
      support.psql("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)", each)
      local own = assert(forgelog.connect(each))
      assert(own:install())
      assert(own:watch("orders"))
      own:close()
    end
    support.psql("INSERT INTO orders SELECT g, g FROM generate_series(1, 3) g", from)
    docs.sh(db, ("FROM='%s'\n%s\npsql -qd '%s' -v ON_ERROR_STOP=1 -f data.sql > /dev/null"):format(
      from, command, to))
    local seqs = {}
    for change in there:drain() do seqs[#seqs + 1] = change.seq end
    assert.same({ 1, 2, 3 }, seqs)
    assert.equal("3", support.psql("SELECT count(*) FROM orders", to))
    there:close()
    support.drop(from)
    support.drop(to)
  end)

  it("follow whichever of some hosts is the primary", function()
    local function twice(name) return (db:gsub(".*(" .. name .. "=)(%S+).*", "%1%2,%2")) end
    local line, times = find("sh", "host=db1,db2"):gsub("host=db1,db2 port=5432,5432 dbname=shop",
      function() return twice("host") .. " " .. twice("port") .. " " .. db:match("dbname=%S+") end)
    assert.equal(1, times)
    assert.matches("INSERT", (docs.sh(db, line .. " --since 1000000000 --limit 1")))
    assert(consumer.forget(log, "search"))
  end)

  it("have a table read again", function()
    docs.sh(db, find("sh", "forgelog touch orders"))
    local last
    for change in log:drain(1000000001) do last = change end
    assert.same({ "RELOAD", "orders" }, { last.op, last.table_name })
  end)

  it("watch quietly, and upgrade", function()
    docs.sh(db, find("sh", "--no-notify"))
    assert.is_false(select(2, log:watched()).payments.notify)
    docs.sh(db, find("sh", "forgelog install"))
  end)

  it("unwatch all tables, whatever their names, also where the log is gone", function()
    local other = support.database()
    local there = assert(forgelog.connect(other))
    assert(there:install())
    for _, name in ipairs({ '"Odd, ""name"', '"Plain"', '"a\nline"', 's."-t"' }) do
      support.psql(("CREATE SCHEMA IF NOT EXISTS s; CREATE TABLE %s (id int PRIMARY KEY)"):format(
        name), other)
      assert(there:watch(name))
    end
    support.psql("DROP TABLE forge_change_log", other)
    assert.matches("\nPlain +statement", (docs.sh(other, "forgelog watched")))
    local output = docs.sh(other, find("sh", "forgelog unwatch"))
    assert.equal(4, select(2, output:gsub("no longer watching", "")))
    assert.same({}, there:watched())
    support.psql("INSERT INTO s.\"-t\" VALUES (1)", other)
    there:close()
    support.drop(other)
  end)

  it("remove it all", function()
    docs.sh(db, find("sh", "forgelog unwatch"))
    support.psql("SET client_min_messages = warning; " .. find("sql", "DROP TABLE"), db)
    assert(log:query("INSERT INTO orders VALUES (32)"))
    assert.equal("0", support.psql("SELECT count(*) FROM pg_proc WHERE proname ~ '^forge_'", db))
    assert.equal("0", support.psql("SELECT count(*) FROM pg_class WHERE relname ~ '^forge_'", db))
  end)
end)

describe("operating.md", function()
  it("has no block unknown to this spec", function() assert.same({}, docs.unknown(blocks)) end)

  it("names metrics and findings that there are", function()
    local text = docs.read("docs/operating.md")
    local metrics, count = docs.read("src/forgelog/metrics.lua"), 0
    for name in text:gmatch("`?forgelog_([%a_]+)") do
      count = count + 1
      assert.truthy(metrics:find('{ "' .. name .. '"', 1, true), "there is no metric forgelog_"
        .. name)
    end
    local _, checks = support.run(("cat '%s'/src/forgelog/doctor/*.lua"):format(root))
    for names in text:match("\n| check | what |\n|%-+|%-+|\n(.-)\n\n"):gmatch("[^\n]+") do
      for name in names:match("^|([^|]+)|"):gmatch("`([^`]+)`") do
        count = count + 1
        assert.truthy(checks:find('"' .. name .. '"', 1, true), "the doctor has no check " .. name)
      end
    end
    assert.is_true(count > 25)
  end)
end)
