-- What a drain waits for, and what it leaves for the next one.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a drain", function()
  local db, log, writer

  before_each(function()
    db, log = logs.installed()
    must(log, "CREATE TABLE ledger (id serial PRIMARY KEY, n int)")
    assert(log:watch("ledger", { notify = false }))
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
    writer = logs.connect(db .. " application_name=holder")
  end)
  after_each(function()
    logs.rollback_prepared(log)
    writer:close()
    log:close()
    support.drop(db)
  end)

  local function hold() must(writer, "BEGIN; INSERT INTO ledger (n) VALUES (3)") end

  it("delivers everything while nobody writes", function()
    assert.same({ 1, 2 }, logs.drained(log))
    local horizon, writers = log:horizon()
    assert.equal(2, horizon)
    assert.same({}, writers)
  end)

  it("on a fresh connection waits for a long writer, at most settle seconds", function()
    hold()
    must(log, "INSERT INTO item (n) VALUES (4)")
    local fresh = logs.connect(db)
    local started = logs.now()
    assert.same({}, logs.drained(fresh, 0, { settle = 0.2 }))
    local took = logs.now() - started
    assert.is_true(took >= 0.2 and took < logs.at_most(3), "took " .. took)
    must(writer, "COMMIT")
    assert.same({ 1, 2, 3, 4 }, logs.drained(fresh))
    fresh:close()
  end)

  it("on a fresh connection goes on as soon as the writers it met have gone", function()
    hold()
    local other = support.lua([[
      local log = require("support.logs").connect((...))
      assert(log:query("BEGIN; INSERT INTO ledger (n) VALUES (8)"))
      print("open"); io.stdout:flush()
      assert(log:query("SELECT pg_sleep(0.5)"))
      assert(log:query("COMMIT"))
    ]], db)
    support.wait_until(function() return other:output():find("open") end, "the writer")
    must(writer, "COMMIT")
    local fresh = logs.connect(db)
    local started = logs.now()
    assert.same({ 1, 2, 3, 4 }, logs.drained(fresh, 0, { settle = 200 }))
    assert.is_true(logs.now() - started < logs.at_most(10))
    assert.is_true(other:wait())
    fresh:close()
  end)

  it("delivers what is below a long writer that its connection has seen begin", function()
    assert.same({ 1, 2 }, logs.drained(log))
    hold()
    must(log, "INSERT INTO item (n) VALUES (4)")
    assert.same({}, logs.drained(log, 2, { settle = 0 }))
    assert.same({ 2 }, logs.drained(log, 1, { settle = 0 }))
    must(writer, "COMMIT")
    assert.same({ 3, 4 }, logs.drained(log, 2))
  end)

  -- Were it taken for gone, it would hold nothing; were it taken for a new writer, it would hold
  -- only what comes after the others.
  it("stays below a known writer that is prepared between two drains", function()
    assert.same({ 1, 2 }, logs.drained(log))
    hold()
    assert.same({}, logs.drained(log, 2, { settle = 0 }))
    local last = 2
    for n = 4, 6 do
      must(log, "INSERT INTO item (n) VALUES ($1)", n)
      assert.same({}, logs.drained(log, last, { settle = 0 }))
    end
    must(writer, "PREPARE TRANSACTION 'known'")
    assert.same({}, logs.drained(log, last, { settle = 0 }))
    must(log, "INSERT INTO item (n) VALUES (7)")
    assert.same({}, logs.drained(log, last, { settle = 0 }))
    must(writer, "COMMIT PREPARED 'known'")
    assert.same({ 3, 4, 5, 6, 7 }, logs.drained(log, last))
  end)

  it("stays below each of several writers prepared at once, some rolled back", function()
    local others = {}
    assert.same({ 1, 2 }, logs.drained(log))
    for i = 1, 4 do
      others[i] = logs.connect(db)
      must(others[i], "BEGIN; INSERT INTO ledger (n) VALUES (0)")
      logs.drained(log, 2, { settle = 0 })
      must(log, "INSERT INTO item (n) VALUES (0)")
      logs.drained(log, 2, { settle = 0 })
    end
    for i = 1, 4 do must(others[i], "PREPARE TRANSACTION 'p" .. i .. "'") end
    assert.same({}, logs.drained(log, 2, { settle = 0 }))
    must(log, "ROLLBACK PREPARED 'p1'")
    must(log, "COMMIT PREPARED 'p3'")
    assert.same({}, logs.drained(log, 4, { settle = 0 }))
    must(log, "COMMIT PREPARED 'p2'")
    must(log, "ROLLBACK PREPARED 'p4'")
    -- writers took 3, 5, 7, 9; 3 and 9 were rolled back
    assert.same({ 4, 5, 6, 7, 8, 10 }, logs.drained(log, 2))
    for i = 1, 4 do others[i]:close() end
  end)

  it("waits for no readers, no lockers of other tables, no writer in another database", function()
    local elsewhere, other = logs.installed()
    must(other, "BEGIN; INSERT INTO item (n) VALUES (1)")
    must(writer, [[BEGIN; SELECT * FROM forge_change_log;
      UPDATE pg_class SET relname = relname WHERE false]])
    assert.same({ 1, 2 }, logs.drained(log))
    assert.same({}, (select(2, log:horizon())))
    other:close()
    support.drop(elsewhere)
  end)
end)
