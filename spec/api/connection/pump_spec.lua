-- The loop that waits: time limits belong to a view of the connection, and readers share it.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a time limit", function()
  local db, log, conn
  setup(function()
    db = support.database()
    log = logs.connect(db)
    conn = log.connection
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  local function too_long(limited)
    local rows, err = limited:query("SELECT pg_sleep(20)")
    return not rows and err.kind == "timeout"
  end

  it("holds for what is done by the connection it was given to, and for nothing else", function()
    local seen = {}
    local result = conn:within(0.2, function(limited, word)
      seen = { limited:limit(), conn:limit(), word, too_long(limited) }
      return "done"
    end, "word")
    assert.equal("done", result)
    assert.same({ 0.2, nil, "word", true }, { seen[1], seen[2], seen[3], seen[4] })
    assert.is_nil(conn:limit())
    assert.equal(1, must(log, "SELECT 1 AS n, pg_sleep(0.3)")[1].n)
  end)

  it("is gone when what it was given to raises", function()
    local ok, err = pcall(conn.within, conn, 0.1, function() error("no", 0) end)
    assert.is_false(ok)
    assert.equal("no", err)
    assert.is_nil(conn:limit())
    assert.equal(1, must(log, "SELECT 1 AS n, pg_sleep(0.2)")[1].n)
  end)

  it("can be that of a log", function()
    local limited = log:limited(0.2)
    assert.is_true(too_long(limited))
    assert.equal(1, must(log, "SELECT 1 AS n, pg_sleep(0.3)")[1].n)
    assert.is_true(too_long(limited))
  end)
end)

describe("readers of one connection", function()
  local MANY = 30000
  local db, log
  setup(function()
    db, log = logs.installed()
    logs.fill(log, MANY)
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- Takes the next change of each of several drains in turn, until all have ended.
  local function in_turns(nexts, between)
    local counts, lasts, open = {}, {}, #nexts
    for i = 1, #nexts do counts[i], lasts[i] = 0, 0 end
    while open > 0 do
      for i, step in pairs(nexts) do
        local change = step()
        if change then
          assert.is_true(change.seq > lasts[i], "out of order")
          counts[i], lasts[i] = counts[i] + 1, change.seq
          if between and counts[i] % 5000 == 0 then between() end
        else
          nexts[i], open = nil, open - 1
        end
      end
    end
    return counts
  end

  it("drain side by side, each from its place, with statements between", function()
    local counts = in_turns({ log:drain(0), log:drain(MANY / 2), log:drain(0, { limit = 12345 }) },
      function() must(log, "SELECT 1") end)
    assert.same({ MANY, MANY / 2, 12345 }, counts)
  end)

  it("drain while a feed follows", function()
    local feed = assert(log:follow(MANY - 10))
    local change, err = feed:next(5)
    assert(change, tostring(err))
    assert.equal(MANY - 9, change.seq)
    local step, drained = log:drain(MANY - 5000), 0
    while step() do
      drained = drained + 1
      if drained == 1000 then assert.equal(MANY - 8, feed:next(5).seq) end
    end
    assert.equal(5000, drained)
    assert.equal(8, #assert(feed:batch(100, 5)))
    feed:close()
  end)

  it("may be forgotten while their rows are on the way", function()
    for _ = 1, 20 do
      local step = log:drain(0)
      for _ = 1, 2000 do step() end -- by then the next chunk has been asked for
      step = nil -- luacheck: ignore 311
      collectgarbage()
      collectgarbage()
      assert.equal(1, must(log, "SELECT 1 AS n")[1].n)
    end
    assert.equal(MANY, #logs.drained(log, 0))
  end)

  it("end with the connection", function()
    local other = logs.connect(db)
    local step = other:drain(0)
    assert(step())
    other:close()
    local ok, err = pcall(step)
    assert.is_false(ok)
    assert.equal("closed", err.kind)
  end)
end)
