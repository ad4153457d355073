-- A standby is promoted: whoever can have missed nothing by that goes on, and nobody else.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local feeds = require "support.feeds"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must, settle = logs.must, consumers.settle

-- Nothing of the log is missing in what was handed out. Returns how often something came again.
local function has_all(at, seqs)
  local result = feeds.compare(at.log, seqs)
  assert.is_true(result.written > 0)
  assert.equal(0, result.lost)
  return result.twice
end

describe("where a primary hands over to a standby in order,", function()
  local at, feed, seqs, strict, behind, before, here = nil, nil, nil, {}, nil, nil, nil
  local live, closed, died, bound, one, two, file = nil, nil, nil, nil, {}, {}, {}
  setup(function()
    at = start()
    file.closed, file.died = support.path("closed"), support.path("died")
    behind, before = at:follow(), {}
    at:add(6000)
    while #before < 3000 do
      for _, change in ipairs(assert(behind:batch(100, 5))) do before[#before + 1] = change.seq end
    end
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 2000")
    feed, seqs = at:follow(), {}
    for i, names in ipairs { {}, { tables = { "item" } }, { channels = { "item" } } } do
      names.failover = "gap"
      strict[i] = at:follow(names)
    end
    live, one = at:make("live")
    closed, two = at:make("closed", { position = consumer.file(file.closed) })
    died = at:make("died", { position = consumer.file(file.died) })
    bound = at:writer("bound")
    for _, each in ipairs { live, closed, died, bound } do settle(each) end
    closed:close(); died:close(); bound:close()
    local long = logs.connect(at.db)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)")
    at:add(2)
    feeds.take_all(feed, seqs, 0.4)
    for _, each in ipairs(strict) do feeds.take_all(each, {}, 0.4) end
    settle(live)
    here = must(at.log, "SELECT pg_current_wal_insert_lsn()::text AS lsn")[1].lsn
    died = at:make("died", { position = consumer.file(file.died),
      on_changes = function() error("as if the program ended here") end })
    died:step(2)
    at:add(2) -- nobody has looked since
    at:switch("stop")
    long:close()
    at:add(40)
  end)
  teardown(function() at:stop() end)

  it("a feed goes on, also beside a writer that was open", function()
    assert.equal(0, has_all(at, feeds.take_all(feed, seqs)))
    assert.matches("^2:", feed:position())
  end)

  it("a feed that is behind goes on, and hands out a chunk of rows again at most", function()
    local twice = has_all(at, feeds.take_all(behind, before))
    support.note("of %d changes %d came twice", #before, twice)
    assert.is_true(twice > 0 and twice <= 4096)
  end)

  it("a feed says gap where it is told to, whatever else it is told", function()
    for _, each in ipairs(strict) do
      assert.equal("failover", select(2, each:next(10)).reason)
    end
  end)

  it("consumers go on, alive, and from where they stood when they were closed", function()
    assert.matches("^1:%d+@%x+/%x+$", (support.read(file.closed):gsub("%s", "")))
    settle(live); settle(closed)
    assert.equal(0, has_all(at, two.seqs))
    has_all(at, one.seqs)
    assert.same({}, one.resyncs)
    assert.same({}, two.resyncs)
    assert.matches("^2:%d+$", (support.read(file.closed):gsub("%s", "")))
  end)

  it("one that ended at its work does not: the work may have seen what is lost", function()
    assert.is_nil(support.read(file.died):find("@", 1, true))
    local again, seen = at:make("died", { position = consumer.file(file.died) })
    settle(again)
    assert.same({ "failover" }, seen.resyncs)
  end)

  it("a position is judged by where the timeline began, as long as the server knows", function()
    local forked = must(at.log, "SELECT pg_last_wal_replay_lsn()::text AS lsn")[1].lsn
    local behind_it = must(at.log, "SELECT ($1::pg_lsn + 1)::text AS lsn", forked)[1].lsn
    local function says(position) return (at.log:gap(position)) end
    assert.is_false(says("1:3001@" .. here))
    assert.is_false(says("1:3001@" .. forked))
    assert.equal("trimmed", says("1:1000@" .. here))
    assert.equal("reset", says("1:9000@" .. here))
    assert.is_false(says("3001"))
    for _, position in ipairs { "1:3001", "1:3001@" .. behind_it, "3:3001@" .. here } do
      assert.equal("failover", says(position))
      local err = logs.drain_error(at.log, position)
      assert.equal("failover", err.reason)
      assert.matches("which may lack what was handed out by then;", err.message, 1, true)
    end
    assert.matches("recreated or restored since position 9000;",
      logs.drain_error(at.log, "1:9000@" .. here).message, 1, true)
    assert.same(logs.drained(at.log, 3001), logs.drained(at.log, "1:3001@" .. here))
  end)

  it("a log that was trimmed or made anew is found by whose effects are in it, too", function()
    at:add(1)
    must(at.log, "DELETE FROM forge_change_log")
    local again, seen = at:make("bound", { transaction = true })
    settle(again)
    assert.same({ "trimmed" }, seen.resyncs)
    must(at.log, "UPDATE forge_change_log_state SET trimmed_to = 0, deleted = '{}', empty_to = 0")
    must(at.log, "SELECT setval('forge_change_log_seq_seq', 1)")
    again:close()
    settle(again)
    assert.same({ "trimmed", "reset" }, seen.resyncs)
  end)

  it("what the recovery from a crash says is not taken for that", function()
    at.log:close()
    at.standby:kill()
    at.standby:start()
    at.log = logs.connect(at.both)
    assert.is_string(must(at.log, "SELECT pg_last_wal_replay_lsn()::text AS lsn")[1].lsn)
    assert.equal("failover", (at.log:gap("1:3001@" .. here)))
  end)

  it("from the third timeline on the log has to show that it was on the one before", function()
    for _, shown in ipairs { false, "failover" } do -- what was deleted here shows the second
      local next_one = at.standby:standby()
      local name = at.db:match("dbname=%S+")
      at:add(1)
      local last = must(at.log, "SELECT pg_current_wal_insert_lsn()::text AS lsn")[1].lsn
      local timeline, seq = at.log:position():match("^(%d+):(%d+)$")
      at.log:close()
      at.standby:stop()
      next_one:promote()
      at.standby, at.both = next_one, next_one.conninfo:gsub("dbname=%S+", name)
      at.log = logs.connect(at.both)
      assert.equal(shown, (at.log:gap(("%s:%s@%s"):format(timeline, seq, last))))
    end
  end)
end)

describe("where a primary dies, and its standby lacks the last changes,", function()
  local at, handed, own, worked, live, two, armed, long, slow, three
  setup(function()
    at = start()
    handed, own = at:follow()
    worked = at:follow()
    live, two = at:writer("live", function(changes, log)
      if armed then -- the primary dies while the handler works
        armed = false
        at:switch("kill")
        error("lost")
      end
      consumers.write(changes, log)
    end)
    local apart, held = at:make("apart"), false
    slow, three = at:writer("slow", function(changes)
      if held then error("not yet") end
      for _, change in ipairs(changes) do three.seqs[#three.seqs + 1] = change.seq end
    end)
    at:add(10)
    for _, each in ipairs { live, apart, slow } do settle(each) end
    feeds.take_all(handed, {}, 0.3)
    feeds.take_all(worked, {}, 0.3)
    at:cut()
    at:add(100)
    assert.equal(100, #feeds.take_all(handed, {}, 0.3))
    settle(live)
    assert.equal(110, #at:effects())
    held = true
    assert.is_nil((slow:step(5)))
    held = false
    at:add(1)
    assert.equal(101, #assert(worked:batch(500, 5)))
    armed = true
    assert.is_nil((live:step(5)))
    assert.is_false(armed)
    long = logs.connect(at.both)
    must(long, "BEGIN; INSERT INTO item (n) VALUES (1)") -- a number that was given before
    at:add(200)
  end)
  teardown(function() at:stop() end)

  it("a feed says gap", function()
    local _, err = handed:next(10)
    assert.equal("failover", err.reason)
    assert.matches("this server lacks changes that were handed out;", err.message, 1, true)
    assert.equal("failover", select(2, worked:next(10)).reason)
  end)

  it("what was settled there is not taken for settled here", function()
    local open = must(long, "SELECT currval('forge_change_log_seq_seq') AS seq")[1].seq
    assert.is_true(open < 110 and at.log:max_seq() > 110)
    assert.is_true(own:horizon() < open)
    must(long, "ROLLBACK")
    long:close()
  end)

  it("a consumer resyncs", function()
    local apart, seen = at:make("apart")
    settle(apart)
    assert.same({ "failover" }, seen.resyncs)
  end)

  it("a consumer whose effects commit with its position goes on, with neither too many", function()
    settle(live)
    assert.same(logs.drained(at.log), at:effects())
    assert.same({}, two.resyncs)
    assert.matches("^2:", at:saved("live"))
    settle(slow) -- what it has at hand is not there
    assert.same(logs.drained(at.log), three.seqs)
    assert.same({}, three.resyncs)
  end)
end)

describe("where effects commit with a position in a store with an address of its own,", function()
  local at
  before_each(function() at = start() end)
  after_each(function() at:stop() end)

  -- A consumer that has had some changes.
  local function begin()
    local one, seen = at:make("elsewhere", { transaction = true, on_changes = consumers.write,
      position = consumer.table { conninfo = at.both } })
    at:add(3)
    settle(one)
    at:catch_up()
    return one, seen
  end

  it("it goes on after a failover, with neither too many", function()
    local one, seen = begin()
    at:switch("kill")
    at:add(2)
    settle(one)
    assert.same(logs.drained(at.log), at:effects())
    assert.same({}, seen.resyncs)
  end)

  it("it is told where the new primary lacks what it was handed out", function()
    local one, seen = begin()
    at:cut()
    at:add(50)
    settle(one)
    at:switch("kill")
    at:add(2)
    settle(one)
    assert.same({ "failover" }, seen.resyncs)
  end)
end)
