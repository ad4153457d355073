-- A consumer: batches to a handler, a resync at each gap, and the next try after whatever the
-- handler does. Where the position is kept is in consumer/checkpoint_spec and store_spec.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"

local must, settle = logs.must, consumers.settle

describe("a consumer", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  it("handles no more than it is asked to", function()
    at:add(5)
    local one, seen = at:make()
    assert.equal(2, one:step(5, 2))
    assert.equal(3, one:step(5))
    assert.same({ 2, 3 }, seen.batches)
  end)

  it("hands batches to its handler from the beginning on, and says how it stands", function()
    at:add(25)
    local one, seen = at:make { batch = 10 }
    assert.equal(25, settle(one))
    assert.same({ 10, 10, 5 }, seen.batches)
    at:add(1)
    assert.equal(1, one:step(5))
    local stats = one:stats()
    assert.equal(26, stats.handed_out)
    assert.matches("^%d+:26%f[^%d]", stats.position)
    assert.same({ 0, 0, 0, 0, true, nil }, { stats.lag_changes, stats.lag_seconds,
      stats.reconnects, stats.resyncs, stats.connected, stats.last_error })
    one:close()
    assert.is_false(one:stats().connected)
    at:add(1)
    assert.equal(1, settle(one)) -- from the saved position
    assert.equal(27, seen.seqs[27])
  end)

  it("knows its lag while it is behind", function()
    at:add(20)
    must(at.log, "UPDATE forge_change_log SET created_at = now() - interval '1 minute'")
    local within = {}
    local one
    one = at:make { batch = 10, on_changes = function(changes)
      within[#within + 1] = one:stats()
      if #within == 1 then error("stuck") end
      assert(changes[1])
    end }
    local function behind(changes, stats)
      assert.equal(changes, stats.lag_changes)
      local seconds = stats.lag_seconds
      assert.is_true(seconds >= 59 and seconds < 80, tostring(seconds))
    end
    assert.is_nil((one:step(5)))
    behind(20, within[1]) -- the batch at hand counts
    behind(20, one:stats()) -- and while it waits for the next try
    assert.equal(10, one:step(5))
    behind(20, within[2])
    behind(10, one:stats())
    assert.equal(10, settle(one))
    assert.same({ 0, 0 }, { one:stats().lag_changes, one:stats().lag_seconds })
  end)

  it("tells the age of a resync as its lag, and no lag once it has caught up", function()
    local real, during, one = os.time, nil, nil
    one = at:make { on_resync = function()
      os.time = function() return real() + 60 end -- luacheck: ignore 122
      during = one:stats().lag_seconds
      os.time = real -- luacheck: ignore 122
    end }
    assert.equal(0, one:step(5))
    assert.is_true(during >= 60 and during < 80, tostring(during))
    at:add(1)
    must(at.log, "UPDATE forge_change_log SET created_at = now() - interval '1 hour'")
    assert.equal(1, settle(one))
    assert.equal(0, one:stats().lag_seconds)
  end)

  it("hands a batch out again, later each time, until its handler returns", function()
    at:add(3)
    local tries, times = {}, {}
    local one, seen = at:make { backoff = 0.05, backoff_max = 1, on_changes = function(changes)
      tries[#tries + 1], times[#times + 1] = changes[1].seq .. "-" .. #changes, core.now()
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
      assert.same({ "handler_failed", true, true, 1, 3, 3 }, { err.code, err.retryable,
        one:passes(err), err.first_seq, err.last_seq, err.changes })
      assert.is_nil(one:stats().position) -- it waits for the handler
    end
    assert.matches("^the handler, with 3 changes %(seq 1 to 3%), raised: .*not today$",
      seen.errors[1].err.message)
    assert.matches("of ours", seen.errors[2].err.message, 1, true)
    assert.is_true(seen.errors[3].err.theirs)
    local _, waits = one:step(0.01) -- the next try is not due
    assert.same({ "timeout", "retry", true, seen.errors[4].err }, { waits.kind, waits.code,
      waits.retryable, waits.last_error })
    assert.matches("^waiting for the next try: the handler, .* raised: nil$", waits.message)
    assert.equal(3, one:step(5))
    assert.same({ "1-3", "1-3", "1-3", "1-3", "1-3" }, tries)
    assert.is_true(times[4] - times[3] > 0.09 and times[5] - times[4] > 0.19)
    assert.matches("^%d+:3$", one:stats().position)
    assert.equal(3, one:stats().handed_out)
  end)

  it("takes back what a handler that raised has left open", function()
    at:add(1)
    local tries = 0
    local one = at:make { on_changes = function(_, own)
      tries = tries + 1
      must(own, "BEGIN; INSERT INTO item (n) VALUES (7)")
      if tries == 1 then error("in the middle") end
      must(own, "COMMIT")
    end }
    assert.is_nil(one:step(5))
    assert.equal(1, one:step(5))
    assert.equal(1, must(at.log, "SELECT count(*) AS n FROM item")[1].n)
  end)

  it("stops from inside a handler, after the batch; and within a second while it waits", function()
    at:add(30)
    local one, seen
    one, seen = at:make { batch = 10, on_changes = function(changes)
      seen.seqs[#seen.seqs + 1] = changes[#changes].seq
      if #seen.seqs == 2 then one:stop() end
    end }
    assert.is_true(one:run())
    assert.same({ 10, 20 }, seen.seqs)
    assert.matches("^%d+:20@", one:stats().position)
    assert.is_false(one:stats().connected)
    local waits
    local function stop_and_wait(...)
      waits:stop()
      return core.poll(...)
    end
    waits = at:make { start = "now", on_changes = function() end,
      wait = { now = core.now, wait = stop_and_wait } }
    local started = core.now()
    assert.is_true(waits:run())
    assert.is_true(core.now() - started < 3)
  end)

  it("starts as it is told: at the beginning, now, or with a resync", function()
    at:add(2)
    local beginning = at:make()
    assert.equal(2, settle(beginning))
    local now = at:make { start = "now" }
    assert.equal(0, now:step(5))
    assert.equal(0, settle(now))
    local reasons = {}
    local anew, seen = at:make { on_resync = function(reason, own)
      reasons[#reasons + 1] = reason
      must(own, "SELECT 1")
      if #reasons == 1 then error("the tables are locked") end
      at:add(2) -- committed while it reads: must not be lost
    end }
    local _, failed = anew:step(5)
    assert.matches("^the resync %(start%) raised: .*the tables are locked$", failed.message)
    assert.same({ "handler_failed", true }, { failed.code, failed.retryable })
    assert.equal(0, anew:step(5))
    assert.equal(2, settle(anew))
    assert.same({ "start", "start" }, reasons)
    assert.same({ 3, 4 }, seen.seqs)
    assert.equal(1, anew:stats().resyncs)
  end)

  it("resyncs at each gap from a position taken before, so that no change falls between", function()
    at:add(5)
    local one, seen
    one, seen = at:make { start = "beginning", on_resync = function(reason)
      seen.resyncs[#seen.resyncs + 1] = reason
      at:add(1)
    end }
    assert.equal(5, settle(one))
    at:terminate(one)
    at:add(3)
    must(at.log, "DELETE FROM forge_change_log")
    settle(one)
    assert.same({ "trimmed" }, seen.resyncs)
    assert.same({ 1, 2, 3, 4, 5, 9 }, seen.seqs)
    must(at.log, [[DELETE FROM forge_change_log;
      ALTER SEQUENCE forge_change_log_seq_seq RESTART WITH 3]])
    at:add(1)
    settle(one)
    assert.equal("reset", seen.resyncs[2]) -- and more, until seqs are past what is known to be gone
    assert.equal(10, seen.seqs[7])
    assert.equal(#seen.resyncs, one:stats().resyncs)
    assert.equal("gap", one:stats().last_error.kind)
  end)

  it("ends on a gap where nobody can resync", function()
    at:add(5)
    must(at.log, "DELETE FROM forge_change_log WHERE seq < 3")
    local kept = consumer.memory()
    kept.save(nil, nil, "1:1")
    local one = at:make { position = kept }
    local ok, err = one:run()
    assert.is_nil(ok)
    assert.equal("gap", err.kind)
    assert.equal("trimmed", err.reason)
  end)

  it("passes on what it follows: tables, ops, columns, and the log's schema", function()
    must(at.log, "CREATE TABLE other (id int); CREATE SCHEMA elsewhere")
    assert(at.log:watch("other"))
    local one, seen = at:make { tables = { "other" } }
    must(at.log, "INSERT INTO item (n) VALUES (1); INSERT INTO other VALUES (1)")
    settle(one)
    assert.same({ 2 }, seen.seqs)
    must(at.log, "UPDATE item SET n = 2; UPDATE item SET id = id; DELETE FROM item")
    one, seen = at:make { ops = { "UPDATE", "INSERT" }, columns = { "n" } }
    settle(one)
    assert.same({ 1, 2, 3 }, seen.seqs)
    local lost = at:make { schema = "elsewhere" }
    assert.equal("schema", select(2, lost:run()).kind)
  end)

  it("refuses misuse by name", function()
    local nothing = function() end
    local function refuses(message, options)
      assert.error_matches(function() consumer.new(options) end, message)
    end
    refuses("forgelog: consumer.new: on_changes or on_change must be a function$", {})
    refuses("forgelog: consumer.new: there is no option on_changed$",
      { on_changes = nothing, on_changed = nothing })
    refuses("name must not be empty$", { on_changes = nothing, name = "" })
    refuses('name must not end like that of a lane, got "a#1/2"; for lanes there is share$',
      { on_changes = nothing, name = "a#1/2" })
    refuses("no waiter cqueus: there are poll, cqueues, luv, openresty$",
      { on_changes = nothing, wait = "cqueus" })
    refuses('start = "resync" needs on_resync or resync = "backfill"$',
      { on_changes = nothing, start = "resync" })
    refuses("position must be a store", { on_changes = nothing, position = "file" })
    refuses("transaction needs position = consumer.table",
      { on_changes = nothing, transaction = true })
    refuses("the table store needs a name", { on_changes = nothing, position = consumer.table() })
  end)
end)
