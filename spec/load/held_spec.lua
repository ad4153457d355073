-- Beside a snapshot that somebody holds, nothing that was deleted or updated can be removed. Each
-- operation is timed, in turn, on a log with a lot of that and on one without. make bench
-- BENCHES=held measures more of the same.
local core = require "forgelog.core"
local forgelog = require "forgelog"
local lease = require "forgelog.consumer.lease"
local logs = require "support.logs"
local store = require "forgelog.store.table"
local support = require "support"

local must = logs.must

local CHANGES, SAVES, TRIMS, ROUNDS, WORSE = 60000, 20000, 25000, 15, 2
local TRIES = 5 -- of so many rounds: others use this machine too, and their time only ever adds

-- What is done on a side: a database, a log of it, a store, a lease, and the position saved there.
local OPERATIONS = {
  take = function(side) assert(side.lease:take(side.log.connection)) end,
  renew = function(side) assert(side.lease:renew(side.log.connection)) end,
  look = function(side) assert(side.log.connection:run("lease.look", "c", 0)) end,
  save = function(side)
    side.saved = side.saved + 1
    local text = "1:" .. side.saved
    assert(side.store.save(side.log, "c", text, side.position, side.lease))
    side.position = text
  end,
  load = function(side) assert.equal(side.position, side.store.load(side.log, "c")) end,
  trim = function(side)
    logs.fill(side.log, 1)
    assert(side.log:trim(logs.server_time(side.log) + 10, { min_rows = 1 }))
  end,
  tick = function(side) assert(side.log.connection:tick()) end,
  min_seq = function(side) assert(side.log:min_seq()) end,
  new = function(side)
    local fresh = assert(forgelog.connect(side.db))
    assert(fresh:min_seq())
    fresh:close()
  end,
  status = function(side) assert(side.log:status({ settle = 0 })) end,
  drain = function(side) assert.is_true(#logs.drained(side.log) > 0) end,
}

-- Writes a row of a table anew, again and again.
local function write_anew(side, times, name, key, set)
  must(side.log, ([[DO $$ BEGIN FOR i IN 1..%d LOOP
    UPDATE %s SET %s
     WHERE ctid = (SELECT ctid FROM %s ORDER BY %s DESC LIMIT 1);
    END LOOP; END $$]]):format(times, name, set, name, key))
end

-- Changes that come and go, positions saved over each other, and what the trims of some hours write
-- in a busy log: each of their batches writes the state of the log anew. The vacuum is what comes
-- by itself, every minute.
local function live(side)
  logs.fill(side.log, CHANGES)
  assert(side.log:trim(logs.server_time(side.log) + 10, { min_rows = 1 }) >= CHANGES)
  write_anew(side, SAVES, "forge_change_log_consumers", "name", "epoch = epoch")
  write_anew(side, TRIMS, "forge_change_log_state", "one", "seen_to = seen_to")
  must(side.log, "VACUUM forge_change_log_state")
end

local function timed(run, side)
  local started = core.now()
  run(side)
  return core.now() - started
end

describe("beside a snapshot that is held", function()
  local free, held, holder

  local function begin()
    local db, log = logs.installed()
    local side = { db = db, log = log, store = store(), lease = lease.new("c", 600), saved = 0 }
    logs.fill(log, 1)
    OPERATIONS.take(side)
    OPERATIONS.save(side)
    return side
  end

  setup(function()
    free, held = begin(), begin()
    holder = logs.connect(held.db)
    must(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM forge_change_log")
  end)
  teardown(function()
    holder:close()
    for _, side in ipairs({ free, held }) do
      side.log:close()
      support.drop(side.db)
    end
  end)

  it("nothing takes longer for what was deleted and saved since", function()
    if not logs.measurable() then return pending("says nothing here") end
    live(held)
    local slow = {}
    for name, run in pairs(OPERATIONS) do
      local without, with, tries = math.huge, math.huge, 0
      repeat
        for _ = 1, ROUNDS do
          without, with = math.min(without, timed(run, free)), math.min(with, timed(run, held))
        end
        tries = tries + 1
      until with <= WORSE * without or tries == TRIES
      support.note("%-8s %.2f ms, with %d dead changes %.2f ms", name, without * 1000, CHANGES,
        with * 1000)
      if with > WORSE * without then slow[#slow + 1] = name end
    end
    assert.same({}, slow)
  end)
end)
