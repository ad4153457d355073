-- A consumer: batches to a handler, positions to a store, a resync at each gap; whatever the handler does.
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local feeds = require "support.feeds"
local load = require "support.load"
local support = require "support"

local must = load.must

describe("a consumer", function()
  local db, log, made
  before_each(function()
    db, log = load.installed()
    made = {}
  end)
  after_each(function()
    for _, each in ipairs(made) do each:close() end
    log:close()
    support.drop(db)
  end)

  -- A consumer that keeps what it was handed and told.
  local function make(options)
    local self = { seqs = {}, batches = {}, errors = {}, resyncs = {} }
    local all = { conninfo = db, backoff = 0.01, backoff_max = 0.05, poll = 0.3,
      on_error = function(err, attempt) self.errors[#self.errors + 1] = { err = err, attempt = attempt } end,
      on_changes = function(changes)
        self.batches[#self.batches + 1] = #changes
        for _, change in ipairs(changes) do self.seqs[#self.seqs + 1] = change.seq end
      end }
    for name, value in pairs(options or {}) do all[name] = value end
    self.consumer = consumer.new(all)
    made[#made + 1] = self.consumer
    return self.consumer, self
  end

  local function add(count) load.fill(log, count or 1) end

  -- Steps until nothing comes; returns the changes handled.
  local function settle(one)
    local sum = 0
    while true do
      local count, err = one:step(0.3)
      if not count and err.kind == "timeout" then return sum end
      sum = sum + (count or 0)
    end
  end

  it("saves its position where changes come for others only, and handles no more than it is asked to", function()
    local ahead = 0 -- of a clock that is set forward, so that no time has to pass
    local waiter = { wait = core.poll, now = function() return core.now() + ahead end }
    local one, seen = make { name = "quiet", position = consumer.table(), tables = { "nosuch" }, wait = waiter }
    add(5)
    assert.equal(0, settle(one))
    local function saved() return (must(log, "SELECT position FROM forge_change_log_consumers")[1] or {}).position end
    assert.is_nil(saved())
    ahead = 11
    assert.equal(0, settle(one))
    assert.matches("^%d+:5$", saved())
    assert.same({}, seen.errors)
    local two, other = make {}
    assert.equal(2, two:step(5, 2))
    assert.equal(3, two:step(5))
    assert.same({ 2, 3 }, other.batches)
    -- away with a saved position, but not while its consumer runs
    local position, err = consumer.forget(log, "quiet")
    assert.same({ nil, "55P03" }, { position, err.sqlstate })
    one:close()
    assert.matches("^%d+:5$", consumer.forget(log, "quiet"))
    assert.is_nil(saved())
    assert.is_false(consumer.forget(log, "quiet"))
  end)

  it("hands batches to its handler from the beginning on, and says how it stands", function()
    add(25)
    local one, seen = make { batch = 10 }
    assert.equal(25, settle(one))
    assert.same({ 10, 10, 5 }, seen.batches)
    add(1)
    assert.equal(1, one:step(5))
    local stats = one:stats()
    assert.equal(26, stats.handed_out)
    assert.matches("^%d+:26$", stats.position)
    assert.same({ 0, 0, 0, 0, true, nil }, { stats.lag_changes, stats.lag_seconds, stats.reconnects, stats.resyncs,
      stats.connected, stats.last_error })
    one:close()
    assert.is_false(one:stats().connected)
    add(1)
    assert.equal(1, settle(one)) -- from the saved position
    assert.equal(27, seen.seqs[27])
  end)

  it("tells its lag while it is behind", function()
    add(20)
    must(log, "UPDATE forge_change_log SET created_at = now() - interval '1 minute'")
    local one = make { batch = 10 }
    assert.equal(10, one:step(5))
    local stats = one:stats()
    assert.equal(10, stats.lag_changes)
    assert.is_true(stats.lag_seconds >= 59 and stats.lag_seconds < 80, tostring(stats.lag_seconds))
  end)

  it("hands a batch out again, later each time, until its handler returns; its position waits", function()
    add(3)
    local tries, at = {}, {}
    local one, seen = make { backoff = 0.05, backoff_max = 1, on_changes = function(changes)
      tries[#tries + 1], at[#at + 1] = changes[1].seq .. "-" .. #changes, core.now()
      if #tries == 1 then error("not today") end
      if #tries == 2 then error(core.error("query", "of ours")) end
      if #tries == 3 then error({ theirs = true }) end
      if #tries == 4 then error() end
    end }
    for i = 1, 4 do
      local count, err = one:step(5)
      assert.is_nil(count)
      assert.equal(i, seen.errors[i].attempt)
      assert.equal(seen.errors[i].err, err)
      assert.is_nil(one:stats().position)
    end
    assert.matches("not today", seen.errors[1].err.message, 1, true)
    assert.equal("of ours", seen.errors[2].err.message)
    assert.is_true(seen.errors[3].err.theirs)
    assert.equal("timeout", select(2, one:step(0.01)).kind) -- the next try is not due
    assert.equal(3, one:step(5))
    assert.same({ "1-3", "1-3", "1-3", "1-3", "1-3" }, tries)
    assert.is_true(at[4] - at[3] > 0.09 and at[5] - at[4] > 0.19)
    assert.matches("^%d+:3$", one:stats().position)
    assert.equal(3, one:stats().handed_out)
  end)

  it("takes back what a handler that raised has left open", function()
    add(1)
    local tries = 0
    local one = make { on_changes = function(_, own)
      tries = tries + 1
      must(own, "BEGIN; INSERT INTO item (n) VALUES (7)")
      if tries == 1 then error("in the middle") end
      must(own, "COMMIT")
    end }
    assert.is_nil(one:step(5))
    assert.equal(1, one:step(5))
    assert.equal(1, must(log, "SELECT count(*) AS n FROM item")[1].n)
  end)

  it("stops from inside a handler, after the batch; and within a second while it waits", function()
    add(30)
    local one, seen
    one, seen = make { batch = 10, on_changes = function(changes)
      seen.seqs[#seen.seqs + 1] = changes[#changes].seq
      if #seen.seqs == 2 then one:stop() end
    end }
    assert.is_true(one:run())
    assert.same({ 10, 20 }, seen.seqs)
    assert.matches("^%d+:20$", one:stats().position)
    assert.is_false(one:stats().connected)
    local waits = make { start = "now", on_changes = function() end, wait = { now = core.now, wait = function(...)
      made[#made]:stop()
      return core.poll(...)
    end } }
    local started = core.now()
    assert.is_true(waits:run())
    assert.is_true(core.now() - started < 3)
  end)

  it("starts as it is told: at the beginning, now, or with a resync", function()
    add(2)
    local beginning = make()
    assert.equal(2, settle(beginning))
    local now = make { start = "now" }
    assert.equal(0, now:step(5))
    assert.equal(0, settle(now))
    local reasons = {}
    local anew, seen = make { on_resync = function(reason, own)
      reasons[#reasons + 1] = reason
      must(own, "SELECT 1")
      if #reasons == 1 then error("the tables are locked") end
      add(2) -- committed while it reads: must not be lost
    end }
    assert.matches("the tables are locked", select(2, anew:step(5)).message, 1, true)
    assert.equal(0, anew:step(5))
    assert.equal(2, settle(anew))
    assert.same({ "start", "start" }, reasons)
    assert.same({ 3, 4 }, seen.seqs)
    assert.equal(1, anew:stats().resyncs)
  end)

  it("resyncs at each gap from a position taken before, so that no change falls between", function()
    add(5)
    local one, seen
    one, seen = make { start = "beginning", on_resync = function(reason)
      seen.resyncs[#seen.resyncs + 1] = reason
      add(1)
    end }
    assert.equal(5, settle(one))
    feeds.terminate(log, one._log._core:known().backend)
    add(3)
    must(log, "DELETE FROM forge_change_log")
    settle(one)
    assert.same({ "trimmed" }, seen.resyncs)
    assert.same({ 1, 2, 3, 4, 5, 9 }, seen.seqs)
    must(log, "DELETE FROM forge_change_log; ALTER SEQUENCE forge_change_log_seq_seq RESTART WITH 3")
    add(1)
    settle(one)
    assert.equal("reset", seen.resyncs[2]) -- and more, until seqs are past what is known to be gone
    assert.equal(10, seen.seqs[7])
    assert.equal(#seen.resyncs, one:stats().resyncs)
    assert.equal("gap", one:stats().last_error.kind)
  end)

  it("ends on a gap where nobody can resync", function()
    add(5)
    must(log, "DELETE FROM forge_change_log WHERE seq < 3")
    local kept = consumer.memory()
    kept.save(nil, nil, "1:1")
    local one = make { position = kept }
    local ok, err = one:run()
    assert.is_nil(ok)
    assert.equal("gap", err.kind)
    assert.equal("trimmed", err.reason)
  end)

  it("passes on what it follows: tables, and the log's schema", function()
    must(log, "CREATE TABLE other (id int); CREATE SCHEMA elsewhere")
    assert(log:watch("other"))
    local one, seen = make { tables = { "other" } }
    must(log, "INSERT INTO item (n) VALUES (1); INSERT INTO other VALUES (1)")
    settle(one)
    assert.same({ 2 }, seen.seqs)
    local lost = make { schema = "elsewhere" }
    assert.equal("schema", select(2, lost:run()).kind)
  end)

  it("refuses misuse by name", function()
    local nothing = function() end
    local function refuses(message, options)
      assert.error_matches(function() consumer.new(options) end, message)
    end
    refuses("forgelog: consumer.new: on_changes must be a function", {})
    refuses("forgelog: consumer.new: there is no option on_change$", { on_changes = nothing, on_change = nothing })
    refuses("start must be one of beginning, now, got \"resync\"", { on_changes = nothing, start = "resync" })
    refuses("position must be a store", { on_changes = nothing, position = "file" })
    refuses("transaction needs position = consumer.table", { on_changes = nothing, transaction = true })
    refuses("the table store needs a name", { on_changes = nothing, position = consumer.table() })
  end)
end)
