-- Servers whose history has left the one that a consumer has followed: it goes on where that has
-- all that it was handed out, and is told where it has not, whatever the timelines are called.
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must = logs.must

local at, all, naive
local function writes(log, count)
  must(log, "INSERT INTO item (n) SELECT g FROM generate_series(1, $1::int) g", count)
end

-- Consumers whose names say where they keep their position, and what they do when the server is
-- lost: two are there, and find the next one by themselves.
local function begin()
  for _, name in ipairs { "memory", "table", "closed", "died", "some" } do
    local store = name == "memory" and consumer.memory() or name ~= "table"
      and consumer.file(support.path(name)) or nil
    local one = { name = name, options = { conninfo = at.both, position = store,
      tables = name == "some" and { "item" } or nil } }
    one.one, one.seen = at:copier(name, one.options)
    all[#all + 1] = one
  end
end

-- Steps all of them in turn until for longer than a poll nothing has come to any.
local function settle_all(only)
  local since, deadline = core.now(), core.now() + 30
  while core.now() - since < 0.3 do
    assert(core.now() < deadline, "the consumers did not come to rest")
    for _, each in ipairs(all) do
      if not only or each.name:match(only) then
        local count, err = each.one:step(0.02)
        local rests = not count and err.code == "no_change" and each.one:stats().connected
        since = rests and since or core.now()
      end
    end
  end
end

-- Some rows more, which all have.
local function had(log, count, only)
  writes(log, count)
  settle_all(only)
  naive = math.max(naive or 0, log:max_seq())
end

local function is_there(each) return each.name == "memory" or each.name == "table" end

-- Those that are not there end, in order if they are not at work.
local function leave()
  for _, each in ipairs(all) do
    if not is_there(each) then
      each.one:close()
      support.note("%s was left at %s", each.name, each.options.position.load(nil, each.name))
    end
  end
end

-- They come back, all of them to this server if one is given.
local function come_back(server, only)
  for _, each in ipairs(all) do
    if server and is_there(each) then each.one:close() end
    if (server or not is_there(each)) and (not only or each.name:match(only)) then
      each.options.conninfo = server and at:on(server) or at.both
      each.one, each.seen = at:copier(each.name, each.options, each.seen)
    end
  end
end

-- What became of them: `reason` is what they are told; nil: nothing, they go on.
local function come(log, name, reason, only)
  local written = must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n
  settle_all(only)
  for _, each in ipairs(all) do
    if not only or each.name:match(only) then
      local wrong, seen = at:wrong(each.seen.copy, log), {}
      for _, seq in ipairs(each.seen.seqs) do seen[seq] = (seen[seq] or 0) + 1 end
      local twice = 0
      for _, times in pairs(seen) do twice = twice + times - 1 end
      support.note("%s, %s: %d changes, %d handed out, twice %d, resyncs %s, rows wrong %d", name,
        each.name, written, #each.seen.seqs, twice, table.concat(each.seen.resyncs, ", "), wrong)
      assert.same({ { reason }, 0 }, { each.seen.resyncs, wrong })
      assert.is_true(written > 0 and #each.seen.seqs > 0)
      for i in ipairs(each.seen.resyncs) do each.seen.resyncs[i] = nil end
    end
  end
end

-- A program that knows only the seq of the last change that it had, as it was at a time.
local function loses(log, since, name)
  local missed = must(log, [[SELECT count(*) AS n FROM forge_change_log
    WHERE seq <= $1 AND created_at > $2::timestamptz]], naive, since)[1].n
  support.note("%s: whoever looks at seqs alone loses %d changes", name, missed)
  assert.is_true(missed > 0)
end

local function clock(log) return must(log, "SELECT clock_timestamp()::text AS now")[1].now end

local function begin_pair(options)
  at, all, naive = start(options), {}, nil
  begin()
  writes(at.log, 3)
  settle_all()
  for _ = 1, 3 do had(at.log, 4) end
end

describe("where a standby lacks what was handed out,", function()
  setup(function()
    begin_pair()
    for _, each in ipairs(all) do each.one:close() end -- at rest, as the standby has it too
    for _, each in ipairs(all) do
      each.one, each.seen = at:copier(each.name, each.options, each.seen)
    end
    settle_all()
    at:catch_up()
    at:cut()
  end)
  teardown(function() at:stop() end)

  it("each consumer is told so once it is promoted, and nobody loses a change", function()
    had(at.log, 50)
    for _, each in ipairs(all) do each.seen.dies = each.name == "died" end
    writes(at.log, 2)
    for _, each in ipairs(all) do
      if each.seen.dies then each.one:step(0.5) end
      each.seen.dies = false
    end
    settle_all("^[^d]")
    leave()
    at:switch("kill")
    local since = clock(at.log)
    writes(at.log, 20)
    loses(at.log, since, "an asynchronous standby")
    come_back()
    come(at.log, "an asynchronous standby", "failover")
  end)

  it("and where one comes to the old primary by mistake", function()
    at.primary:start()
    local old = logs.connect(at:on(at.primary))
    had(at.log, 3)
    leave()
    come_back(at.primary, "^[^t]") -- what the table store keeps is of the old primary
    come(old, "the old primary", "failover", "^[^t]")
    old:close()
  end)
end)

describe("where a standby has all that was handed out,", function()
  before_each(function() begin_pair() end)
  after_each(function() at:stop() end)

  -- The primary dies, and the next one has been started again before anybody looks.
  local function fail_over()
    at:switch("kill")
    at.log:close()
    at.standby:restart()
    at.log = logs.connect(at.both)
  end

  it("everybody at rest goes on, though seqs above that are given again", function()
    at:catch_up()
    at:cut()
    for _ = 1, 60 do must(at.log, "BEGIN; INSERT INTO item (n) VALUES (1); ROLLBACK") end
    for _ = 1, 4 do
      settle_all()
      logs.pause(0.25) -- a poll, which sees how far the sequence is
    end
    leave()
    naive = 75
    for _, each in ipairs(all) do
      assert.equal("75", each.one:stats().position:match("^%d+:(%d+)"))
    end
    fail_over()
    local since = clock(at.log)
    writes(at.log, 40)
    loses(at.log, since, "seqs given again")
    come_back()
    come(at.log, "seqs given again", nil)
  end)

  it("also where all of that was trimmed before", function()
    must(at.log, "DELETE FROM forge_change_log")
    settle_all()
    leave()
    at:catch_up()
    fail_over()
    writes(at.log, 5)
    come_back()
    come(at.log, "trimmed before", nil)
  end)

  it("also where that was restored up to a point behind it, but nobody who was ahead", function()
    at.standby:stop()
    at.standby:start { "recovery_target_name=here", "recovery_target_action=promote" }
    settle_all()
    leave()
    must(at.log, "SELECT pg_create_restore_point('here')")
    writes(at.log, 40)
    settle_all("^[mt]")
    at:catch_up_to_promotion()
    at.log:close()
    at.primary:kill()
    at.log = logs.connect(at.both)
    local since = clock(at.log)
    naive = 55
    writes(at.log, 10)
    loses(at.log, since, "restored")
    come_back()
    come(at.log, "restored behind them", nil, "^[^mt]")
    come(at.log, "restored before what they had", "failover", "^[mt]")
  end)
end)

describe("two standbys that are promoted beside each other", function()
  local other
  setup(function()
    begin_pair()
    other = at.primary:standby()
    had(at.log, 4) -- what it has to catch up with
    at:catch_up()
    at:catch_up(other)
  end)
  teardown(function()
    at:stop()
    other:stop()
  end)

  -- The first one has not got what commits now, with a seq below what everybody was handed out.
  local function get_ahead()
    local open = logs.connect(at.db)
    must(open, "BEGIN")
    writes(open, 1)
    had(at.log, 2)
    leave()
    at:catch_up()
    support.psql("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
      at.standby.conninfo)
    support.wait_until(function()
      return support.psql("SELECT count(*) FROM pg_stat_replication", at.primary.conninfo) == "1"
    end, "the end of replication")
    must(open, "COMMIT")
    at:catch_up(other)
    open:close()
  end

  it("are told apart, though both call their timeline 2", function()
    get_ahead()
    at:switch("kill")
    other:promote()
    local there = logs.connect(at:on(other))
    come_back(nil, "^[^s]")
    settle_all("^[^s]")
    all[3].one:close()
    all[3].options.conninfo = at:on(other)
    all[3].one, all[3].seen = at:copier(all[3].name, all[3].options, all[3].seen)
    come(there, "the other one, which has got one more", nil, "^c")
    all[3].one:close()
    table.remove(all, 3)
    writes(at.log, 1)
    come(at.log, "the first one", nil, "^[^s]")
    local since = clock(there)
    writes(there, 3)
    had(at.log, 9, "^[^s]")
    writes(there, 30)
    loses(there, since, "the other one")
    for _, each in ipairs(all) do each.seen.dies = each.name == "died" end
    writes(at.log, 1)
    for _, each in ipairs(all) do
      if each.seen.dies then each.one:step(0.5) end
      each.seen.dies = false
    end
    local function timeline(log)
      return must(log, "SELECT pg_walfile_name(pg_current_wal_lsn()) AS name")[1].name:sub(1, 8)
    end
    assert.equal(timeline(at.log), timeline(there))
    leave()
    come_back(other)
    come(there, "the other one", "reset", "^[^st]")
    come(there, "the other one, from what both have", nil, "^s")
    there:close()
  end)
end)
