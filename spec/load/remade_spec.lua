-- A log that becomes another one, or is emptied, beside those who read it by connections that
-- stand.
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a log that is read", function()
  local db, log, other
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    must(log, "CREATE TABLE item (id serial PRIMARY KEY, n int)")
    assert(log:watch("item"))
    other = logs.connect(db)
    must(other, "INSERT INTO item (n) VALUES (0)")
  end)
  after_each(function()
    for _, each in ipairs({ other, log }) do each:close() end
    support.drop(db)
  end)

  it("and made anew meanwhile is a gap", function()
    local feed = log:follow(nil, { poll = 0.01 })
    assert(feed:next(5))
    assert.same({}, feeds.take_all(feed, {}, 0.05))
    must(other, "DROP TABLE forge_change_log, forge_change_log_state CASCADE")
    assert(other:install())
    local _, err = feed:next(5)
    assert.equal("gap", err.kind)
    assert.equal("reset", err.reason)
  end)

  it("and emptied has no gap behind a position taken beside a writer of later", function()
    local writer = logs.connect(db)
    must(other, "TRUNCATE forge_change_log")
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    local fresh = logs.connect(db)
    local position = assert(fresh:position())
    assert.is_false((fresh:gap(position)))
    local feed = fresh:follow(position, { poll = 0.01 })
    assert.same({}, feeds.take_all(feed, {}, 0.05))
    must(writer, "COMMIT")
    assert.equal(2, feed:next(5).seq)
    fresh:close()
    writer:close()
  end)
end)
