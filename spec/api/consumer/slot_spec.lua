-- The log that each of several workers has for its handlers: no connection where none is used, and
-- nothing of one change's work on it when the next is handled.
local beside = require "forgelog.wait.beside"
local find_waiter = require "forgelog.wait"
local handling = require "support.handling"
local logs = require "support.logs"
local loops = require "support.loops"
local make_slot = require "forgelog.consumer.slot"
local make_workers = require "forgelog.consumer.workers"
local relay = require "support.relay"
local support = require "support"

local must = logs.must

describe("a worker's log", function()
  local db, watcher, slot

  setup(function()
    db, watcher = logs.installed()
    must(watcher, "CREATE TABLE effect (n int)")
  end)
  teardown(function()
    watcher:close()
    support.drop(db)
  end)
  before_each(function()
    must(watcher, "TRUNCATE effect")
    slot = make_slot(db .. " application_name=slot", nil, 10)
  end)
  after_each(function() slot:close() end)

  local function sessions() return #relay.sessions(watcher, "slot") end
  local function effects() return must(watcher, "SELECT count(*) AS n FROM effect")[1].n end
  local function insert(change, log) must(log, "INSERT INTO effect VALUES ($1)", change) end

  it("connects when a handler uses it, and stays", function()
    assert.is_true(slot:work(function() end, 1))
    assert.equal(0, sessions())
    for change = 1, 3 do assert.is_true(slot:work(insert, change)) end
    assert.same({ 1, 3 }, { sessions(), effects() })
    slot:close()
    support.wait_until(function() return sessions() == 0 end, "the session's end")
    assert.is_true(slot:work(insert, 4))
    assert.same({ 1, 4 }, { sessions(), effects() })
  end)

  it("has nothing of a transaction in which a handler raised", function()
    local raised = {}
    local ok, what, has_raised = slot:work(function(change, log)
      must(log, "BEGIN")
      insert(change, log)
      error(raised)
    end, 1)
    assert.same({ nil, true }, { ok, has_raised })
    assert.equal(raised, what)
    assert.is_true(slot:work(insert, 2))
    assert.equal(1, effects())
  end)

  it("has nothing of a transaction that a handler left open, which failed so", function()
    local ok, err = slot:work(function(change, log)
      must(log, "BEGIN")
      insert(change, log)
    end, 1)
    assert.is_nil(ok)
    assert.truthy(err.message:find("left a transaction open", 1, true))
    assert.is_true(slot:work(insert, 2))
    assert.equal(1, effects())
  end)

  it("is another one where a handler has closed it", function()
    assert.is_true(slot:work(function(_, log) log:close() end, 1))
    assert.is_true(slot:work(insert, 2))
    assert.equal(1, effects())
  end)

  it("lets the rest of a transaction fail whose connection was lost", function()
    local ok, err = slot:work(function(change, log)
      must(log, "BEGIN")
      insert(change, log)
      must(watcher, "SELECT pg_terminate_backend($1)", logs.backend(log))
      support.wait_until(function() return sessions() == 0 end, "the session's end")
      log:query("INSERT INTO effect VALUES (2)")
      insert(3, log)
    end, 1)
    assert.is_nil(ok)
    assert.truthy(tostring(err):find("the connection is gone", 1, true))
    assert.equal(0, effects())
    assert.is_true(slot:work(insert, 4))
    assert.equal(1, effects())
  end)

  it("says whether it was lost in the work, not before", function()
    local function fails() error("it failed", 0) end
    slot:work(fails, 1)
    assert.is_false(slot.lost) -- nobody has used it
    slot:work(insert, 1)
    assert.is_false(slot.lost)
    slot:work(function(change, log)
      must(watcher, "SELECT pg_terminate_backend($1)", logs.backend(log))
      insert(change, log)
    end, 1)
    assert.is_true(slot.lost)
    slot:work(fails, 1)
    assert.is_false(slot.lost)
    local away = make_slot("host=127.0.0.1 port=1", nil, 10)
    for _ = 1, 2 do
      away:work(insert, 1)
      assert.is_true(away.lost)
    end
    away:close()
  end)

  if not beside.possible then return end

  for _, name in ipairs({ "cqueues", "luv" }) do
    -- Hands changes to 64 workers, each with a slot of its own. Returns how many coroutines were
    -- started, and how many sessions there were at the end.
    local function at_once(work, changes)
      local waiter, started, open = find_waiter("spec", name), nil, nil
      loops[name](function()
        local workers = make_workers {
          waiter = waiter, count = 64, room = #changes, failed = handling.retry,
          handle = function(change, own)
            own.log = own.log or make_slot(db .. " application_name=slot", { wait = name }, 10)
            local ok, raised = own.log:work(work, change)
            if not ok then error(raised, 0) end
          end,
        }
        workers:add(changes)
        assert(workers:drain(30))
        started, open = workers:stats().workers, sessions()
        for _, own in ipairs(workers:slots()) do own.log:close() end
        workers:stop(1)
      end)
      return started, open
    end

    local function changes_of(count)
      local changes = {}
      for seq = 1, count do changes[seq] = handling.change(seq, seq) end
      return changes
    end

    it("makes no connection of 64 workers whose handlers use none, under " .. name, function()
      local waiter = find_waiter("spec", name)
      local function work() waiter.wait(nil, "", 0.01) end
      assert.same({ 64, 0 }, { at_once(work, changes_of(200)) })
    end)

    it("is each worker's own, under " .. name, function()
      local tried = {}
      local function work(change, log)
        must(log, "BEGIN")
        insert(change.seq, log)
        must(log, "SELECT pg_sleep(0.02)")
        if change.seq % 7 == 0 and not tried[change.seq] then
          tried[change.seq] = true
          error("it failed", 0)
        end
        must(log, "COMMIT")
      end
      local started, open = at_once(work, changes_of(150))
      support.note("%s: 150 changes, %d workers, %d sessions", name, started, open)
      assert.same({ 64, 64, 150 }, { started, open, effects() })
    end)
  end
end)
