-- What a drain waits for, what it leaves for later, and how it tells who holds the horizon.
local load = require "support.load"
local support = require "support"

local must = load.must

describe("the horizon", function()
  local db, log, writer

  before_each(function()
    db, log = load.installed()
    must(log, "CREATE TABLE ledger (id serial PRIMARY KEY, n int)")
    assert(log:watch("ledger", { notify = false }))
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
    writer = load.connect(db .. " application_name=holder")
  end)
  after_each(function()
    for _, row in ipairs(must(log, "SELECT gid FROM pg_prepared_xacts WHERE database = current_database()")) do
      must(log, "ROLLBACK PREPARED '" .. row.gid .. "'")
    end
    writer:close()
    log:close()
    support.drop(db)
  end)

  local function hold() must(writer, "BEGIN; INSERT INTO ledger (n) VALUES (3)") end

  it("is above everything while nobody writes", function()
    assert.same({ 1, 2 }, load.drained(log))
    local horizon, writers = log:horizon()
    assert.equal(2, horizon)
    assert.same({}, writers)
  end)

  it("holds a fresh connection's drain for a long writer, at most settle seconds", function()
    hold()
    must(log, "INSERT INTO item (n) VALUES (4)")
    local fresh = load.connect(db)
    local started = load.now()
    assert.same({}, load.drained(fresh, 0, { settle = 0.2 }))
    local took = load.now() - started
    assert.is_true(took >= 0.2 and took < load.at_most(3), "took " .. took)
    must(writer, "COMMIT")
    assert.same({ 1, 2, 3, 4 }, load.drained(fresh))
    fresh:close()
  end)

  it("lets a fresh connection's drain go on as soon as the writers it met have gone", function()
    hold()
    local other = support.lua([[
      local log = require("support.load").connect((...))
      assert(log:query("BEGIN; INSERT INTO ledger (n) VALUES (8)"))
      print("open"); io.stdout:flush()
      assert(log:query("SELECT pg_sleep(0.5)"))
      assert(log:query("COMMIT"))
    ]], db)
    support.wait_until(function() return other:output():find("open") end, "the writer")
    must(writer, "COMMIT")
    local fresh = load.connect(db)
    local started = load.now()
    assert.same({ 1, 2, 3, 4 }, load.drained(fresh, 0, { settle = 200 }))
    assert.is_true(load.now() - started < load.at_most(10))
    assert.is_true(other:wait())
    fresh:close()
  end)

  it("lets a connection that knows it drain what is below a long writer", function()
    assert.same({ 1, 2 }, load.drained(log))
    hold()
    must(log, "INSERT INTO item (n) VALUES (4)")
    assert.same({}, load.drained(log, 2, { settle = 0 }))
    assert.same({ 2 }, load.drained(log, 1, { settle = 0 }))
    must(writer, "COMMIT")
    assert.same({ 3, 4 }, load.drained(log, 2))
  end)

  it("names who holds it", function()
    assert.same({ 1, 2 }, load.drained(log))
    local pid = must(writer, "SELECT pg_backend_pid() AS pid")[1].pid
    local now = must(log, "SELECT EXTRACT(epoch FROM clock_timestamp())::float8 AS now")[1].now
    hold()
    must(log, "INSERT INTO item (n) VALUES (4)")
    local horizon, writers = log:horizon()
    assert.equal(2, horizon)
    assert.equal(1, #writers)
    assert.equal(pid, writers[1].pid)
    assert.equal("holder", writers[1].application_name)
    assert.equal("postgres", writers[1].usename)
    assert.is_true(math.abs(writers[1].since - now) < 5)
    must(writer, "ROLLBACK")
    horizon, writers = log:horizon()
    assert.equal(4, horizon)
    assert.same({}, writers)
  end)

  it("names a prepared transaction that holds it, though no backend does", function()
    assert.same({ 1, 2 }, load.drained(log))
    hold()
    must(writer, "PREPARE TRANSACTION 'left behind'")
    local horizon, writers = log:horizon()
    assert.equal(2, horizon)
    assert.equal(1, #writers)
    assert.is_nil(writers[1].pid)
    assert.equal("left behind", writers[1].prepared)
    assert.equal("number", type(writers[1].since))
    must(writer, "COMMIT PREPARED 'left behind'")
    assert.equal(3, (log:horizon()))
  end)

  -- Taken for gone, or for a new one, it would hold nothing, or only what comes after the others.
  it("stays below a known writer that is prepared between two drains", function()
    assert.same({ 1, 2 }, load.drained(log))
    hold()
    assert.same({}, load.drained(log, 2, { settle = 0 }))
    local last = 2
    for n = 4, 6 do
      must(log, "INSERT INTO item (n) VALUES ($1)", n)
      assert.same({}, load.drained(log, last, { settle = 0 }))
    end
    must(writer, "PREPARE TRANSACTION 'known'")
    assert.same({}, load.drained(log, last, { settle = 0 }))
    must(log, "INSERT INTO item (n) VALUES (7)")
    assert.same({}, load.drained(log, last, { settle = 0 }))
    must(writer, "COMMIT PREPARED 'known'")
    assert.same({ 3, 4, 5, 6, 7 }, load.drained(log, last))
  end)

  it("stays below each of several writers prepared at once, some rolled back", function()
    local others = {}
    assert.same({ 1, 2 }, load.drained(log))
    for i = 1, 4 do
      others[i] = load.connect(db)
      must(others[i], "BEGIN; INSERT INTO ledger (n) VALUES (0)")
      load.drained(log, 2, { settle = 0 })
      must(log, "INSERT INTO item (n) VALUES (0)")
      load.drained(log, 2, { settle = 0 })
    end
    for i = 1, 4 do must(others[i], "PREPARE TRANSACTION 'p" .. i .. "'") end
    assert.same({}, load.drained(log, 2, { settle = 0 }))
    must(log, "ROLLBACK PREPARED 'p1'")
    must(log, "COMMIT PREPARED 'p3'")
    assert.same({}, load.drained(log, 4, { settle = 0 }))
    must(log, "COMMIT PREPARED 'p2'")
    must(log, "ROLLBACK PREPARED 'p4'")
    -- writers took 3, 5, 7, 9; 3 and 9 were rolled back
    assert.same({ 4, 5, 6, 7, 8, 10 }, load.drained(log, 2))
    for i = 1, 4 do others[i]:close() end
  end)

  it("is not held by readers, by lockers of other tables, or by a writer in another database", function()
    local elsewhere, other = load.installed()
    must(other, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(writer, "BEGIN; SELECT * FROM forge_change_log; UPDATE pg_class SET relname = relname WHERE false")
    assert.same({ 1, 2 }, load.drained(log))
    assert.same({}, (select(2, log:horizon())))
    other:close()
    support.drop(elsewhere)
  end)
end)
