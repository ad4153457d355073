-- The live feed of a quiet log: what it delivers and when, how long it waits, what it leaves to the
-- program. The feed under a load of writers is in spec/load/feed_spec.
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a feed", function()
  local db, log, feed, writer
  before_each(function()
    db, log = logs.installed()
    writer = logs.connect(db)
    feed = log:follow(0)
  end)
  after_each(function()
    feed:close(); log:close(); writer:close()
    support.drop(db)
  end)

  local function next_seqs(count)
    local list = {}
    for i = 1, count do list[i] = assert(feed:next(5)).seq end
    return list
  end

  it("delivers what is visible above an open writer, then what that writer commits", function()
    local long = logs.connect(db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(writer, 3)
    assert.same({ 2, 3, 4 }, next_seqs(3))
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:0:2%-4", feed:position())
    must(long, "INSERT INTO item (n) VALUES (2); COMMIT")
    assert.same({ 1, 5 }, next_seqs(2))
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:5%f[^%d]", feed:position())
    long:close()
  end)

  it("has not caught up before it has looked, whatever its position names", function()
    local seq, position = 0, nil
    support.wait_until(function()
      logs.fill(writer, 1)
      seq = assert(feed:next(5)).seq
      position = feed:position()
      return position:find("!", 1, true)
    end, "a position that names rows")
    feed:close()
    logs.fill(writer, 300)
    log:close()
    log = logs.connect(db)
    feed = log:follow(position)
    assert.equal(seq + 1, assert(feed:next(5)).seq)
    assert.is_true(feed:stats().behind > 0)
    assert.is_nil(feed:stats().caught_up)
    for next_seq = seq + 2, seq + 300 do assert.equal(next_seq, assert(feed:next(5)).seq) end
    support.wait_until(function()
      assert.equal("timeout", select(2, feed:next(0.05)).kind)
      return feed:stats().caught_up
    end, "a look that finds nothing")
  end)

  it("delivers changes of some tables, and nothing for rolled back work", function()
    feed:close()
    must(writer, "CREATE TABLE other (id int PRIMARY KEY)")
    assert(writer:watch("other"))
    feed = log:follow(0, { tables = { "other" }, channels = { "it's \"x\"" } })
    must(writer, "INSERT INTO item (n) VALUES (1); INSERT INTO other VALUES (7)")
    must(writer, "BEGIN; INSERT INTO other VALUES (8); ROLLBACK")
    must(writer, [[BEGIN; SAVEPOINT a; INSERT INTO other VALUES (9); ROLLBACK TO a;
      INSERT INTO other VALUES (10); COMMIT]])
    assert.equal("7", assert(feed:next(5)).row_id)
    assert.equal("10", assert(feed:next(5)).row_id)
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:5%f[^%d]", feed:position())
  end)

  it("delivers some ops and columns, and its position passes what it leaves out", function()
    feed:close()
    must(writer, "ALTER TABLE item ADD price int, ADD vat int")
    feed = log:follow(0, { ops = { "UPDATE", "DELETE" }, columns = { "price" } })
    must(writer, [[INSERT INTO item (n) VALUES (1); UPDATE item SET n = 2;
      UPDATE item SET vat = 3, price = 1; UPDATE item SET vat = 4; DELETE FROM item;
      INSERT INTO item (n) VALUES (1)]])
    assert.equal(3, assert(feed:next(5)).seq)
    assert.equal(5, assert(feed:next(5)).seq)
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:6$", feed:position())
  end)

  it("delivers some keys, and its position passes the others", function()
    feed:close()
    feed = log:follow(0, { keys = { "2" } })
    must(writer, "INSERT INTO item (id, n) VALUES (1, 1), (2, 1), (3, 1)")
    must(writer, "UPDATE item SET n = 2; DELETE FROM item WHERE id = 3")
    assert.equal(2, assert(feed:next(5)).seq)
    assert.equal(5, assert(feed:next(5)).seq)
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    assert.matches("^%d+:7$", feed:position())
  end)

  it("waits no longer than told, and not at all for 0", function()
    local before = logs.now()
    local change, err = feed:next(0.3)
    assert.is_nil(change)
    assert.equal("timeout", err.kind)
    assert.is_true(err.retryable)
    local took = logs.now() - before
    assert.is_true(took >= 0.3 and took < 2, tostring(took))
    must(writer, "INSERT INTO item (n) VALUES (1)")
    repeat change, err = feed:next(0) until change or err.code ~= "unfinished"
    assert.equal(1, assert(change, tostring(err)).seq)
    assert.equal("timeout", select(2, feed:next(0)).kind)
  end)

  it("delivers batches of at most max", function()
    logs.fill(writer, 2500)
    local sizes = {}
    for i = 1, 3 do sizes[i] = #assert(feed:batch(i == 1 and 7 or nil, 5)) end
    assert.equal(7, sizes[1])
    assert.is_true(sizes[2] <= 1000 and sizes[3] <= 1000)
    local seqs = feeds.take_all(feed, {})
    assert.equal(2500, sizes[1] + sizes[2] + sizes[3] + #seqs)
  end)

  it("is an iterator, which raises errors", function()
    logs.fill(writer, 3)
    local seqs = {}
    for change in feed do
      seqs[#seqs + 1] = change.seq
      if #seqs == 3 then break end
    end
    assert.same({ 1, 2, 3 }, seqs)
    feed:close()
    local ok, err = pcall(function() for _ in feed do error("a change after the end") end end)
    assert.is_false(ok)
    assert.equal("closed", err.kind)
  end)

  it("leaves its log usable: queries and drains between two changes, and after its end", function()
    logs.fill(writer, 3)
    assert.equal(1, feed:next(5).seq)
    assert.same({ 1, 2, 3 }, logs.drained(log))
    assert.equal(3, must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n)
    assert.same({ 2, 3 }, next_seqs(2))
    must(log, "BEGIN")
    assert.equal("query", select(2, feed:next(1)).kind)
    must(log, "COMMIT")
    logs.fill(writer, 1)
    assert.same({ 4 }, next_seqs(1))
    feed:close()
    feed:close()
    assert.equal("closed", select(2, feed:next(1)).kind)
    feed = log:follow(3)
    assert.same({ 4 }, next_seqs(1))
  end)

  it("gathers what comes within linger", function()
    feed:close()
    feed = log:follow(0, { linger = 0.2 })
    assert.is_nil(feed:next(0.05))
    local process = support.lua([[
      require("support.logs").pause(0.1)
      local log = require("support.logs").connect(...)
      for _ = 1, 4 do assert(log:query("INSERT INTO item (n) VALUES (1)")) end
    ]], db)
    assert.equal(4, #assert(feed:batch(10, 5)))
    assert(process:wait())
  end)

  it("refuses misuse by name", function()
    local function refuses(message, call) assert.error_matches(call, "forgelog: " .. message) end
    refuses("follow: this log is followed already", function() log:follow(0) end)
    refuses("next: timeout must be a number of seconds", function() feed:next("x") end)
    refuses("batch: max must be a whole number above zero", function() feed:batch(0) end)
    feed:close()
    refuses("follow: since is no position", function() log:follow("1:") end)
    refuses("follow: there is no option pol", function() log:follow(0, { pol = 1 }) end)
  end)
end)
