-- A standby is promoted: whoever can have missed nothing by that goes on, and nobody else.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local feeds = require "support.feeds"
local logs = require "support.logs"
local support = require "support"

local must, settle = logs.must, consumers.settle

-- A primary with a log, and a standby that follows it. `both` finds whichever is the primary.
local pair = {}
pair.__index = pair

local function start()
  local self = setmetatable({ primary = support.server(), open = {} }, pair)
  self.db, self.log = logs.installed(self.primary.conninfo)
  must(self.log, "CREATE TABLE effect (seq bigint)")
  self.standby = self.primary:standby()
  local function each(name)
    return ("%s=%s,%s"):format(name, self.primary.conninfo:match(name .. "=(%S+)"),
      self.standby.conninfo:match(name .. "=(%S+)"))
  end
  self.both = ("%s %s target_session_attrs=read-write %s"):format(each("host"), each("port"),
    self.db:match("user=.*"))
  return self
end

-- From now on the standby gets nothing.
function pair:cut()
  support.psql("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
    self.standby.conninfo)
  support.wait_until(function()
    return support.psql("SELECT count(*) FROM pg_stat_replication", self.primary.conninfo) == "0"
  end, "the end of replication")
end

-- The standby takes over from a primary that was shut down in order ("stop"), or died ("kill").
function pair:switch(how)
  self.log:close()
  self.primary[how](self.primary)
  self.standby:promote()
  self.log = logs.connect(self.both)
end

function pair:add(n) logs.fill(self.log, n) end

function pair:stop()
  for _, each in ipairs(self.open) do each:close() end
  self.log:close()
  self.standby:stop()
  self.primary:stop()
end

function pair:follow(opts)
  local options = { backoff = 0.02, backoff_max = 0.2, poll = 0.2 }
  for name, value in pairs(opts or {}) do options[name] = value end
  local log = logs.connect(self.both)
  self.open[#self.open + 1] = log
  return log:follow(0, options), log
end

-- A consumer, and what it was handed and told.
function pair:make(name, options)
  local seen = { seqs = {}, resyncs = {} }
  local all = { conninfo = self.both, name = name, backoff = 0.02, backoff_max = 0.2, poll = 0.2,
    start = "beginning", batch = 10, position = consumer.table(),
    on_changes = function(changes)
      for _, change in ipairs(changes) do seen.seqs[#seen.seqs + 1] = change.seq end
    end,
    on_resync = function(reason) seen.resyncs[#seen.resyncs + 1] = reason end }
  for option, value in pairs(options or {}) do all[option] = value end
  local made = consumer.new(all)
  self.open[#self.open + 1] = made
  return made, seen
end

-- One whose effects commit with its position.
function pair:writer(name, write)
  return self:make(name, { transaction = true, on_changes = write or consumers.write })
end

function pair:saved(name)
  local sql = "SELECT position FROM forge_change_log_consumers WHERE name = $1"
  return must(self.log, sql, name)[1].position
end

function pair:effects()
  local seqs = {}
  for i, row in ipairs(must(self.log, "SELECT seq FROM effect ORDER BY seq")) do
    seqs[i] = row.seq
  end
  return seqs
end

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
      assert.equal("failover", logs.drain_error(at.log, position).reason)
    end
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
    assert.equal("failover", select(2, handed:next(10)).reason)
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
