-- The promise: whatever writers do at the same time, no committed change is missed, none comes
-- twice, all come in order.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- What happens beside the short writers: long and prepared transactions, in steps that the reading
-- loop goes through.
local function acts(db, table_name)
  local long, prepared, late = logs.connect(db), logs.connect(db), logs.connect(db)
  local insert = ("INSERT INTO %s VALUES (DEFAULT, 'INSERT', 'x')"):format(table_name)
  if table_name == "forge_change_log" then insert = "INSERT INTO forge_change_log (table_name, "
    .. "op) VALUES ('x', 'INSERT')" end
  local function steps(log, ...)
    local list = { ... }
    return function(i) if list[i] then must(log, list[i]) end end, #list
  end
  local sets = {
    { steps(long, "BEGIN; " .. insert, insert, "SELECT 1", insert, "COMMIT") },
    -- the reader knows this writer, which is then prepared between two of its drains
    { steps(prepared, "BEGIN; " .. insert, insert, insert .. "; PREPARE TRANSACTION 'known'",
      "SELECT 1",
      "COMMIT PREPARED 'known'") },
    -- and here the reader has never seen it before
    { steps(late, "BEGIN; " .. insert .. "; PREPARE TRANSACTION 'unknown'", "SELECT 1", "SELECT 1",
      "COMMIT PREPARED 'unknown'") },
  }
  local function act(i)
    for _, set in ipairs(sets) do set[1](i) end
  end
  local function close() long:close(); prepared:close(); late:close() end
  return act, 5, close
end

-- Reads with `drain` and, beside it, as one would without knowing better, until the load is over.
local function read_along(db, log, act, rounds)
  local naive = logs.connect(db)
  local delivered, fooled, last, last_naive, passes, round = {}, {}, 0, 0, 0, 0
  local next_act, started = logs.now() + 0.5, logs.now()
  local function pass()
    -- A long writer is only to be waited for by its own act.
    for change in log:drain(last, { settle = 0.02 }) do
      last = change.seq
      delivered[#delivered + 1] = last
    end
    local visible = must(naive,
      "SELECT seq FROM forge_change_log WHERE seq > $1 ORDER BY seq", last_naive)
    for _, row in ipairs(visible) do
      last_naive = row.seq
      fooled[#fooled + 1] = last_naive
    end
    passes = passes + 1
  end
  logs.wait_for_writes(naive)
  repeat
    pass()
    if logs.now() >= next_act then
      round = round + 1
      if act then act((round - 1) % (rounds + 1) + 1) end
      next_act = logs.now() + 0.1
    end
  until not logs.under_way(naive) and (not act or round % (rounds + 1) == 0)
  pass()
  local seconds = logs.now() - started
  naive:close()
  return delivered, fooled, passes, seconds, math.floor(round / (rounds + 1))
end

local function concurrency(name, make, prepared_table)
  describe("a drain in a loop on " .. name, function()
    local db, log
    setup(function() db, log = make() end)
    teardown(function() log:close(); support.drop(db) end)

    it("loses nothing of 8 writers, long and prepared transactions; a naive reader does", function()
      local act, rounds, close = acts(db, prepared_table)
      local per_client = support.scale(740)
      local writers = logs.writers(db, { transactions = per_client })
      local delivered, fooled, passes, seconds, turns = read_along(db, log, act, rounds)
      writers:wait()
      close()
      local commits, result, naive = logs.commits(log), logs.compare(log,
        delivered), logs.compare(log, fooled)
      support.note("%s: %d commits (%d times long and prepared ones too), %d changes in %.1f s; "
        .. "%d drains delivered %d, "
        .. "lost %d, twice %d, out of order %d; naive reader lost %d",
        name, commits, turns, result.written, seconds, passes, result.delivered,
        result.lost, result.twice, result.disordered, naive.lost)
      assert.is_true(commits >= support.scale(5000), "too few commits: " .. commits)
      assert.is_true(turns >= 1, "no long and prepared transactions")
      assert.is_true(passes > 10, "the reader did not read along: " .. passes .. " drains")
      assert.is_true(naive.lost > 0, "the load was none: even the naive reader lost nothing")
      logs.complete(result)
    end)
  end)
end

concurrency("our log", function()
  local db, log = logs.installed()
  must(log, "CREATE TABLE ledger (id bigserial, op text, note text)")
  assert(log:watch("ledger", { notify = false }))
  return db, log
end, "ledger")

concurrency("the framework's plain log", logs.framework, "forge_change_log")

describe("a drain on a fresh connection each time", function()
  local db, log
  setup(function() db, log = logs.installed() end)
  teardown(function() log:close(); support.drop(db) end)

  it("loses nothing of 8 writers", function()
    local writers = logs.writers(db, { seconds = 600 })
    local delivered, drains, last, enough = {}, 0, 0, support.scale(20)
    local function drain()
      local fresh = logs.connect(db)
      for change in fresh:drain(last) do
        last = change.seq
        delivered[#delivered + 1] = last
      end
      fresh:close()
      drains = drains + 1
    end
    logs.wait_for_writes(log)
    repeat drain() until drains >= enough
    assert.is_true(logs.under_way(log))
    writers:stop()
    support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
    drain()
    local result = logs.compare(log, delivered)
    support.note("fresh connections: %d drains delivered %d of %d changes, lost %d, twice %d",
      drains, result.delivered,
      result.written, result.lost, result.twice)
    logs.complete(result)
  end)
end)
