-- A table that is renamed while its changes are followed: nothing of it is missed, and nothing
-- comes twice; and what a reader knows beside the names of tables outlives that they change.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local names = require "forgelog.tables.names"

local must, settle = logs.must, consumers.settle

local FOLLOWED = { tables = { "item" }, poll = 0.05, backoff = 0.01 }

-- Ends all sessions of the database but that of the log.
local function terminate_others(log)
  must(log, [[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()]])
end

describe("a table that is renamed while it is followed", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  it("is followed on under its new name, and so is what takes its name", function()
    local other = logs.connect(at.db)
    at:add(3)
    must(at.log, [[CREATE SCHEMA app; CREATE TABLE parts (id int PRIMARY KEY)
      PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parts DEFAULT]])
    assert(at.log:watch("parts"))
    local feed, seqs = other:follow(0, { tables = { "item", "part" }, poll = 0.05 }), {}
    -- The feed looks once at what each of these has done.
    for _, sql in ipairs { "SELECT", [[INSERT INTO item (n) VALUES (1);
        ALTER TABLE item RENAME TO article; INSERT INTO article (n) VALUES (1)]],
      [[INSERT INTO article (n) VALUES (1); ALTER TABLE article SET SCHEMA app;
        INSERT INTO app.article (n) VALUES (1)]],
      [[INSERT INTO app.article (n) VALUES (1); ALTER TABLE app.article RENAME TO item;
        ALTER TABLE app.item SET SCHEMA public; INSERT INTO item (n) VALUES (1)]],
      [[INSERT INTO parts VALUES (1); ALTER TABLE parts RENAME TO pieces;
        INSERT INTO pieces VALUES (2)]],
      [[ALTER TABLE item RENAME TO thing; INSERT INTO thing (n) VALUES (1);
        CREATE TABLE item (id int PRIMARY KEY)]], "INSERT INTO thing (n) VALUES (1)" } do
      must(at.log, sql)
      feeds.take_all(feed, seqs, 0.15)
    end
    assert(at.log:watch("item"))
    must(at.log, "INSERT INTO item VALUES (1)")
    feeds.take_all(feed, seqs, 0.15)
    assert.same(logs.drained(at.log), seqs)
    assert.equal(0, feed:stats().reconnects)
    other:close()
  end)

  it("is so beside writers that are open, whatever was passed over above these", function()
    local other, long, writer = logs.connect(at.db), logs.connect(at.db), logs.connect(at.db)
    must(at.log, "CREATE TABLE apart (id int PRIMARY KEY)")
    assert(at.log:watch("apart"))
    local feed = other:follow(0, FOLLOWED)
    at:add(2)
    local seqs = feeds.take_all(feed, {})
    must(long, "BEGIN; INSERT INTO apart VALUES (1)")
    must(writer, "BEGIN; ALTER TABLE item RENAME TO article; INSERT INTO article (n) VALUES (1)")
    -- The writer commits when the names have been asked for, and before the rows are.
    local changed, asked = names.changed, false
    names.changed = function(...)
      local result, err = changed(...)
      if not asked then must(writer, "COMMIT") end
      asked = true
      return result, err
    end
    finally(function() names.changed = changed end)
    must(at.log, "INSERT INTO apart VALUES (2)")
    feeds.take_all(feed, seqs)
    assert.is_true(asked)
    must(long, "COMMIT")
    must(at.log, "INSERT INTO article (n) VALUES (1)")
    feeds.take_all(feed, seqs)
    local expected = {}
    for change in at.log:drain(0, { tables = { "article" } }) do
      expected[#expected + 1] = change.seq
    end
    assert.equal(4, #expected)
    assert.same(expected, seqs)
    for _, each in ipairs { other, long, writer } do each:close() end
  end)

  it("is so where nothing tells this role which tables are watched", function()
    local role, drop = logs.role(at.log, "GRANT USAGE ON SCHEMA public TO %s; "
      .. "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    local other = logs.as(at.db, role)
    local feed = other:follow(0, FOLLOWED)
    at:add(1)
    local seqs = feeds.take_all(feed, {})
    must(at.log, "ALTER TABLE item RENAME TO article; INSERT INTO article (n) VALUES (1)")
    feeds.take_all(feed, seqs)
    assert.same({ 1, 2 }, seqs)
    other:close()
    drop()
  end)

  it("does not keep a consumer from noticing that the log was made anew", function()
    must(at.log, "ALTER TABLE item RENAME TO thing")
    local reasons = {}
    local one = at:make { tables = { "thing" },
      on_resync = function(reason) reasons[#reasons + 1] = reason end }
    settle(one)
    must(at.log, "INSERT INTO thing (n) SELECT 1 FROM generate_series(1, 5)")
    settle(one)
    assert(at.log:unwatch("thing"))
    must(at.log, [[DROP TABLE forge_change_log, forge_change_log_state, forge_change_log_consumers,
      forge_change_log_watches]])
    assert(at.log:install())
    assert(at.log:watch("thing"))
    must(at.log, "INSERT INTO thing (n) SELECT 1 FROM generate_series(1, 10)")
    at:terminate(one)
    settle(one)
    assert.same({ "start", "reset" }, reasons)
  end)

  it("does not have a feed miss what was deleted before its first look", function()
    local other, writer = logs.connect(at.db), logs.connect(at.db)
    must(at.log, "CREATE TABLE x (id int PRIMARY KEY)")
    assert(at.log:watch("x"))
    at:add(30)
    must(writer, "BEGIN; INSERT INTO x VALUES (1)")
    at:add(30)
    must(at.log, "DELETE FROM forge_change_log WHERE seq BETWEEN 40 AND 45")
    local feed = other:follow(0, { tables = { "item", "x" }, poll = 0.05, backoff = 0.01 })
    local seqs = {}
    while #seqs < 35 do
      for _, change in ipairs(assert(feed:batch(10, 5))) do seqs[#seqs + 1] = change.seq end
    end
    must(writer, "COMMIT")
    writer:close()
    must(at.log, "ALTER TABLE x RENAME TO y")
    terminate_others(at.log)
    feeds.take_all(feed, seqs)
    table.sort(seqs)
    assert.same(logs.drained(at.log), seqs)
    assert.equal(1, feed:stats().reconnects)
    other:close()
  end)
end)

describe("a table that is renamed while a drain waits for open writers", function()
  local at, writer
  before_each(function()
    at = consumers.start()
    writer = logs.connect(at.db)
    at:add(1)
    must(at.log, "CREATE TABLE ledger (id int PRIMARY KEY)")
    assert(at.log:watch("ledger"))
    must(writer, "BEGIN; INSERT INTO ledger VALUES (1)")
  end)
  after_each(function()
    writer:close()
    at:close()
  end)

  -- What a drain of the table delivers to a role that connects for it. As soon as it waits, the
  -- table is renamed and written to, and then the writer commits.
  local function drained(role)
    local waited = false
    local log = logs.as(at.db, role, { wait = { now = core.now, wait = function(fd, events, seconds)
      if fd == nil and not waited then
        waited = true
        must(at.log, "ALTER TABLE item RENAME TO article; INSERT INTO article (n) VALUES (1), (2)")
        must(writer, "COMMIT")
      end
      return core.poll(fd, events, seconds)
    end } })
    local seqs = logs.drained(log, 0, { tables = { "item" } })
    log:close()
    assert.is_true(waited)
    return seqs
  end

  it("is drained under its new name too", function()
    assert.same({ 1, 3, 4 }, drained("postgres"))
  end)

  it("is so where nothing tells this role which tables are watched", function()
    local role, drop = logs.role(at.log, "GRANT USAGE ON SCHEMA public TO %s; "
      .. "GRANT SELECT ON forge_change_log, forge_change_log_state TO %s")
    assert.same({ 1, 3, 4 }, drained(role))
    drop()
  end)
end)

describe("what was known of names of tables", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  it("is kept, and nothing else is, where the search for them fails", function()
    must(at.log, [[INSERT INTO forge_change_log (table_name, op) VALUES ('old', 'INSERT');
      INSERT INTO forge_change_log (table_name, op)
      SELECT 'item', 'INSERT' FROM generate_series(1, 150000)]])
    local one = at:make { tables = { "old" } }
    local two = at:make { tables = { "old", "later" } }
    assert.equal("no_table", select(2, two:step(5)).code)
    must(at.log, "INSERT INTO forge_change_log (table_name, op) VALUES ('later', 'INSERT')")
    assert.is_true(two:step(5) > 0)
    local connection = getmetatable(at.log.connection)
    local run, armed = connection.run, true
    connection.run = function(self, name, ...)
      if name == "tables.logged" and armed then
        armed = false
        at:terminate(one)
      end
      return run(self, name, ...)
    end
    finally(function() connection.run = run end)
    local _, err = one:step(5)
    assert.same({ false, "lost" }, { armed, err.kind })
    assert.is_true(one:step(5) > 0)
  end)

  it("is known to each feed of a consumer", function()
    must(at.log, "CREATE TABLE gone (id int PRIMARY KEY)")
    assert(at.log:watch("gone"))
    local reasons = {}
    local one, seen = at:make { position = consumer.memory(), tables = { "item", "gone" },
      on_resync = function(reason) reasons[#reasons + 1] = reason end }
    settle(one)
    assert(at.log:unwatch("gone"))
    at:add(20)
    must(at.log, "TRUNCATE forge_change_log")
    settle(one)
    at:add(2)
    settle(one)
    assert.same({ "start", "trimmed" }, reasons)
    assert.equal(22, seen.seqs[#seen.seqs])
  end)
end)
