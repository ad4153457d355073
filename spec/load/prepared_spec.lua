-- Statements that come again and again are prepared, and nobody is to notice: whatever becomes of
-- what was prepared, and whatever stands between, no error comes of it and no change is lost.
local feeds = require "support.feeds"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must = logs.must

describe("a statement that is prepared", function()
  local db, log, writer, pool, errors
  before_each(function()
    db, log = logs.installed()
    writer, errors = logs.connect(db), {}
  end)
  after_each(function()
    log:close(); writer:close()
    if pool then pool:stop() end
    pool = nil
    support.drop(db)
  end)

  local function follow(by, opts)
    opts = opts or {}
    opts.on_error = function(err) errors[#errors + 1] = tostring(err) end
    return by:follow(by:position(), opts)
  end

  -- Writes one change after another, each of which has to come before the next one.
  local function cycle(feed, count, between)
    for i = 1, count do
      must(writer, "INSERT INTO item (n) VALUES ($1)", i)
      assert(feed:next(10))
      if between then between(i) end
    end
    assert.same({}, errors)
  end

  local function names(by)
    local list = {}
    for _, row in ipairs(must(by, "SELECT name, statement FROM pg_prepared_statements"
      .. " WHERE name LIKE 'forgelog%'")) do list[#list + 1] = row end
    return list
  end

  it("is the tick of a feed, and what reads a few changes", function()
    local feed = follow(log)
    cycle(feed, 5)
    local found = names(log)
    assert.equal(2, #found)
    cycle(feed, 20)
    assert.equal(2, #names(log))
    feed:close()
  end)

  it("is one of a few, however many filters a connection sees", function()
    for i = 1, 20 do
      local feed = follow(log, { tables = { "item" }, channels = { "other" .. i } })
      cycle(feed, 4)
      feed:close()
    end
    assert.is_true(#names(log) <= 16, tostring(#names(log)))
  end)

  it("may be thrown away at any time", function()
    for _, statement in ipairs { "DEALLOCATE ALL", "DISCARD ALL" } do
      local own = logs.connect(db)
      local feed = follow(own, { listen = false, poll = 0 })
      cycle(feed, 4)
      assert.is_true(#names(own) > 0)
      cycle(feed, 6, function() must(own, statement) end)
      assert.same({}, names(own)) -- it is not tried again
      feed:close()
      own:close()
    end
  end)

  it("may be there already, as on a server process that others had before", function()
    local feed = follow(log)
    cycle(feed, 4)
    local found = names(log)
    feed:close()
    local own = logs.connect(db)
    for _, row in ipairs(found) do
      must(own, ("PREPARE %s AS %s"):format(row.name, row.statement))
    end
    feed = follow(own)
    cycle(feed, 6)
    feed:close()
    own:close()
  end)

  it("survives a log that is altered", function()
    local feed = follow(log, { listen = false, poll = 0 })
    cycle(feed, 4)
    must(writer, "ALTER TABLE forge_change_log ADD more int")
    cycle(feed, 4)
    must(writer, "ALTER TABLE forge_change_log ALTER row_id TYPE varchar")
    cycle(feed, 4)
    feed:close()
  end)

  it("is none in a transaction of the user's", function()
    local own = logs.connect(db)
    must(own, "BEGIN")
    for _ = 1, 4 do logs.drained(own) end
    assert.same({}, names(own))
    must(own, "COMMIT")
    own:close()
  end)

  it("is none behind a pooler, whose server processes take turns", function()
    pool = pooler.start(db)
    local own, others = pool:connect(), {}
    for i = 1, 2 do others[i] = pool:connect() end
    local feed = follow(own, { listen = false, poll = 0 })
    local seen = {}
    cycle(feed, 30, function(i)
      seen[logs.backend(own)] = true
      must(others[1], i % 2 == 1 and "BEGIN" or "COMMIT") -- keeps one server process to itself
      assert.equal(0, #names(others[2]))
    end)
    local count = 0
    for _ in pairs(seen) do count = count + 1 end
    support.note("the statements of 30 cycles went to %d server processes", count)
    assert.is_true(count > 1)
    feed:close()
    own:close()
    for _, other in ipairs(others) do other:close() end
  end)

  it("is none behind a pooler in session mode, where a feed sleeps as usual", function()
    pool = pooler.start(db, "session")
    local own = pool:connect()
    local feed = follow(own)
    cycle(feed, 5)
    feeds.lies_down(feed, "owned")
    cycle(feed, 5)
    assert.equal(0, #names(own))
    feed:close()
    own:close()
  end)
end)
