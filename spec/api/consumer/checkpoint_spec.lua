-- A consumer's position between two lives: saved behind the work, or in one transaction with it, so
-- that each change takes effect exactly once.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"
local support = require "support"

local must, handle, settle = logs.must, consumers.handle, consumers.settle

describe("a consumer's position", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  -- What is saved for a name of the table store.
  local function saved(name)
    local rows = must(at.log, "SELECT position FROM forge_change_log_consumers WHERE name = $1",
      name)
    return rows[1] and rows[1].position
  end

  it("is saved where changes come for others only", function()
    local ahead = 0 -- of a clock that is set forward, so that no time has to pass
    local waiter = { wait = core.poll, now = function() return core.now() + ahead end }
    must(at.log, "CREATE TABLE other (id int)")
    assert(at.log:watch("other"))
    local one, seen = at:make { name = "quiet", position = consumer.table(), wait = waiter,
      tables = { "other" } }
    at:add(5)
    assert.equal(0, settle(one))
    assert.is_nil(saved("quiet"))
    ahead = 11
    assert.equal(0, settle(one))
    local at_rest = saved("quiet")
    assert.matches("^%d+:5@%x+/%x+$", at_rest)
    assert.same({}, seen.errors)
    for _ = 1, 3 do -- what others write moves the WAL, and no position
      must(at.log, "INSERT INTO effect VALUES (0)")
      ahead = ahead + 11
      assert.equal(0, settle(one))
      assert.equal(at_rest, saved("quiet"))
    end
  end)

  it("is forgotten when asked to, but not while its consumer runs", function()
    local one = at:make { name = "quiet", position = consumer.table() }
    at:add(5)
    assert.equal(5, settle(one))
    assert.matches("^%d+:5$", saved("quiet"))
    local position, err = consumer.forget(at.log, "quiet")
    assert.same({ nil, "55P03" }, { position, err.sqlstate })
    one:close()
    -- The server frees the name a moment after the connection was closed.
    local forgotten
    support.wait_until(function()
      forgotten = consumer.forget(at.log, "quiet")
      return forgotten
    end, "the name to be free")
    assert.matches("^%d+:5@", forgotten)
    assert.is_nil(saved("quiet"))
    assert.is_false(consumer.forget(at.log, "quiet"))
  end)

  it("commits with the work, or neither does", function()
    at:add(30)
    local tries = 0
    local function work(changes, own)
      tries = tries + 1
      consumers.write(changes, own)
      if tries == 2 then error("after the work") end
      if tries == 3 then own:query("SELECT 1 / 0") end -- aborts the transaction, without a word
      if tries == 4 then own:query("SELECT pg_terminate_backend(pg_backend_pid())") end
    end
    local one = at:writer { position = consumer.table(), transaction = true, on_changes = work }
    handle(one, 30)
    assert.equal(6, tries)
    assert.same({ n = 30, different = 30 }, at:effects())
  end)

  it("is not saved where the handler has ended the transaction of its work", function()
    at:add(30)
    local tries, seen = 0, {}
    local function work(changes, own)
      tries = tries + 1
      consumers.write(changes, own)
      if tries == 1 then own:query("ROLLBACK") end
      if tries == 2 then own:query("COMMIT") end
    end
    local one = at:writer { position = consumer.table(), transaction = true, on_changes = work,
      on_error = function(err) seen[#seen + 1] = err end }
    handle(one, 30)
    assert.equal(30, at:effects().different)
    assert.same({ "handler_failed", "handler_failed" }, { seen[1].code, seen[2].code })
    assert.matches("ended the transaction", seen[1].message)
  end)

  it("is right when the connection breaks at its COMMIT, whether that took place or not", function()
    for _, committed in ipairs { true, false } do
      must(at.log, "TRUNCATE effect")
      at:add(10)
      local broken, store, one = 0, consumer.table(), nil
      local breaking = setmetatable({ save = function(own, ...)
        local ok, err = store.save(own, ...)
        if ok and broken == 0 then
          broken = 1
          if committed then must(own, "COMMIT") end -- done, but the answer is lost
          at:terminate(one)
        end
        return ok, err
      end }, { __index = store })
      one = at:writer { position = breaking, transaction = true }
      local deadline = core.now() + 10
      local _, err
      repeat
        _, err = one:step(0.2)
        local waits = err and err.code == "no_change"
      until waits and at:effects().n >= 10 or core.now() > deadline
      assert.equal("timeout", select(2, one:step(0.3)).kind)
      assert.equal(1, broken)
      assert.same({ n = 10, different = 10 }, at:effects())
      assert.equal(1, one:stats().reconnects)
      one:close()
    end
  end)
end)
