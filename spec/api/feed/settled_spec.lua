-- A feed that hands out only what is settled: in ascending seq, held up by writers that are open,
-- and soon after these have ended, although one that rolls back tells nobody.
local core = require "forgelog.core"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a feed of what is settled", function()
  local db, log, feed, writer, long
  before_each(function()
    db, log = logs.installed()
    writer, long = logs.connect(db), logs.connect(db)
    feed = log:follow(0, { settled = true, poll = 10 })
  end)
  after_each(function()
    feed:close(); log:close(); writer:close(); long:close()
    support.drop(db)
  end)

  local function next_seqs(count)
    local list = {}
    for i = 1, count do list[i] = assert(feed:next(5)).seq end
    return list
  end

  local function nothing(seconds)
    local change, err = feed:next(seconds)
    assert.is_nil(change)
    assert.equal("timeout", err.kind)
  end

  it("holds back what lies above an open writer, and then goes in ascending seq", function()
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 3)
    nothing(0.1)
    assert.matches("^%d+:0$", core.place(feed:position()))
    must(long, "INSERT INTO item (n) VALUES (2); COMMIT")
    assert.same({ 1, 2, 3 }, next_seqs(3))
    assert.matches("^%d+:3$", core.place(feed:position()))
    assert.same({ 4, 5 }, next_seqs(2))
    nothing(0.05)
    assert.matches("^%d+:5$", core.place(feed:position()))
  end)

  it("goes on soon after a writer has rolled back that began while it slept", function()
    local took = logs.soon(1, function()
      feeds.lies_down(feed, "owned")
      must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
      must(writer, "INSERT INTO item (n) VALUES (2)") -- which notifies the feed
      nothing(0.3)
      must(long, "ROLLBACK")
      local before = logs.now()
      next_seqs(1)
      return logs.now() - before
    end)
    assert.is_true(took < logs.at_most(1), tostring(took))
  end)

  it("sleeps again when nothing is held up", function()
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 1)
    nothing(0.1)
    assert.equal("off", feed:stats().bell)
    must(long, "COMMIT")
    assert.same({ 1, 2 }, next_seqs(2))
    feeds.lies_down(feed, "owned")
  end)

  it("keeps the order across a connection that breaks", function()
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 3)
    nothing(0.1)
    feeds.terminate(writer, logs.backend(log))
    nothing(0.5)
    must(long, "COMMIT")
    assert.same({ 1, 2, 3, 4 }, next_seqs(4))
    assert.equal(1, feed:stats().reconnects)
  end)

  it("goes on from a position with ranges without what these name", function()
    feed:close()
    logs.fill(writer, 5)
    feed = log:follow("1:1:3-4", { settled = true })
    assert.same({ 2, 5 }, next_seqs(2))
  end)

  it("tells a gap", function()
    logs.fill(writer, 5)
    assert.same({ 1 }, next_seqs(1))
    feed:close()
    assert.equal(5, assert(writer:trim(os.time() + 60, { min_rows = 0 })))
    feed = log:follow("1:2", { settled = true })
    local change, err = feed:next(5)
    assert.is_nil(change)
    assert.equal("gap", err.kind)
  end)
end)
