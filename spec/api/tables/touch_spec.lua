-- touch: one change that has every consumer read a table again.
local failures = require "support.failures"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("touch", function()
  local db, log
  before_each(function() db, log = logs.installed() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("writes one RELOAD under the name that changes of the table have", function()
    must(log, [[CREATE SCHEMA sales; CREATE TABLE sales."orders.eu" (id int);
      CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
      CREATE TABLE part PARTITION OF parts DEFAULT]])
    assert(log:watch("parts"))
    assert.equal(1, log:touch("item"))
    assert.equal(2, log:touch('sales."orders.eu"'))
    assert.equal(3, log:touch("part"))
    local seen = {}
    for change in log:drain() do
      assert.is_nil(change.row_id)
      seen[#seen + 1] = change.op .. " " .. change.table_name
    end
    assert.same({ "RELOAD item", 'RELOAD sales."orders.eu"', "RELOAD parts" }, seen)
  end)

  it("wakes a follower", function()
    local feed = log:follow(0, { poll = 60 })
    assert.is_nil((feed:next(0.1)))
    local other = logs.connect(db)
    assert(other:touch("item"))
    assert.equal("RELOAD", feed:next(10).op)
    feed:close()
    other:close()
  end)

  it("refuses what is no table, and says which right is missing", function()
    failures.refused("schema", "there is no table nothing", log:touch("nothing"))
    local role, drop = logs.role(log)
    local other = logs.as(db, role)
    failures.refused("schema", "touch needs INSERT on the log", other:touch("item"))
    other:close()
    drop()
  end)
end)
