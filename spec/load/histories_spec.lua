-- Servers with another history of the log: who goes on there has lost nothing, and whoever may have
-- lost something is told, and nobody else.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must, settle = logs.must, consumers.settle

-- Steps consumers by turns for that many seconds.
local function work(all, seconds)
  local over = logs.now() + seconds
  repeat
    for _, each in ipairs(all) do each.one:step(0.02) end
  until logs.now() >= over
end

-- What became of a consumer that was to go on: nothing lost, no resync, its copy as the table is.
local function goes_on(at, name, seen)
  local result = logs.compare(at.log, seen.seqs)
  local wrong = at:wrong(seen.copy)
  support.note("%s: of %d changes %d handed out, lost %d, twice %d, resyncs %d, rows wrong %d",
    name, result.written, result.delivered, result.lost, result.twice, #seen.resyncs, wrong)
  assert.same({}, seen.resyncs)
  assert.is_true(result.written > 0)
  assert.equal(0, result.lost)
  assert.equal(0, wrong)
end

describe("with a synchronous standby, a primary that is killed under load", function()
  local at, all, paths = nil, {}, {}
  local ADVERTISED = "INSERT INTO forge_change_log (table_name, op, created_at) "
    .. "SELECT 'other', 'INSERT', clock_timestamp() FROM generate_series(1, 5)"

  local function add(name, options)
    local one, seen = at:copier(name, options)
    all[name] = { one = one, seen = seen, options = options }
    all[#all + 1] = all[name]
  end

  -- A program that ended without a word, and is started again: what it knew is in its file.
  local function again(name)
    local before = all[name]
    before.one:close()
    if before.left then support.write(paths[name], before.left) end
    before.one, before.seen = at:copier(name, before.options, before.seen)
  end

  local function load(seconds)
    local writers = logs.writers(at:on(at.primary), { seconds = 600, clients = 4,
      args = { "-R", "300" } })
    local others = support.pgbench { conninfo = at:on(at.primary), clients = 1, seconds = 600,
      script = ADVERTISED .. ";\n\\sleep 5 ms" }
    local long = logs.connect(at:on(at.primary))
    must(long, "BEGIN; INSERT INTO item (n) VALUES (7)")
    work(all, seconds)
    all.died.seen.dies = true
    work(all, 0.3)
    all.died.left = support.read(paths.died)
    support.note("one ended at its work behind %s", all.died.left)
    support.note("others: %s", all.file.one:stats().position)
    return function()
      pcall(writers.stop, writers)
      pcall(others.stop, others)
      long:close()
    end
  end

  setup(function()
    at = start { third = true }
    at:wait_for_standby()
    paths.file, paths.died, paths.away = support.path("file"), support.path("died"),
      support.path("away")
    add("table")
    add("file", { position = consumer.file(paths.file) })
    add("died", { position = consumer.file(paths.died) })
    add("some", { tables = { "item" } })
    add("away", { position = consumer.file(paths.away) })
    logs.add_items(at.log, 3)
    for _, each in ipairs(all) do settle(each.one) end
  end)
  teardown(function() at:stop() end)

  it("is one to nobody who goes on", function()
    local ended = load(1.5)
    all.away.one:close()
    at:switch("kill")
    ended()
    again("died")
    logs.add_items(at.log, 5)
    for _, name in ipairs { "table", "file", "died" } do
      settle(all[name].one)
      goes_on(at, name, all[name].seen)
    end
    settle(all.some.one)
    assert.same({}, all.some.seen.resyncs)
    assert.equal(0, at:wrong(all.some.seen.copy))
  end)

  it("nor is the second one, whose successor is started again before anybody looks", function()
    at:rotate()
    at:wait_for_standby()
    all[5] = nil -- it is still away
    local ended = load(1)
    at:switch("kill")
    at.log:close()
    at.standby:restart()
    at.log = logs.connect(at.both)
    ended()
    again("died")
    logs.add_items(at.log, 5)
    again("away")
    for _, name in ipairs { "table", "file", "died", "away" } do
      settle(all[name].one)
      goes_on(at, name, all[name].seen)
    end
  end)
end)
