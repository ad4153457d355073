-- What a snapshot costs that somebody holds for long (REPEATABLE READ, a dump, a replication slot):
-- all that is deleted or updated meanwhile has to stay on disk, dead, and whoever walks over it is
-- slower and slower. The same life of two logs, one beside such a snapshot: changes are written,
-- drained, saved and trimmed; then each operation is timed on both in turn.
local bench = require "bench.support"
local consumer = require "forgelog.store.table"
local forgelog = require "forgelog"
local lease = require "forgelog.consumer.lease"

local CHANGES, SAVES, ROUNDS = bench.scale(200000), bench.scale(20000), 31
local PART = 20 -- parts in which the changes come and go

-- A database, with a log of ours or of the framework's.
local function begin(installed)
  local conninfo = bench.database()
  local side = { conninfo = conninfo, store = consumer(), position = nil }
  if installed then
    side.log = bench.connect(conninfo)
    side.lease = lease.new("bench", 600)
    assert(side.lease:take(side.log.connection))
  else
    bench.framework(conninfo)
    side.log = assert(forgelog.connect(conninfo))
  end
  side.holder = assert(forgelog.connect(conninfo))
  return side
end

-- Holds a snapshot of a database until it is ended.
local function hold(side)
  assert(side.holder:query("BEGIN ISOLATION LEVEL REPEATABLE READ"))
  assert(side.holder:query("SELECT count(*) FROM forge_change_log"))
end

local function save(side, position)
  assert(side.store.save(side.log, "bench", position, side.position, side.lease))
  side.position = position
end

local function live(side, installed)
  local log = side.log
  local seq = 0
  for _ = 1, PART do
    assert(log:query([[INSERT INTO forge_change_log (table_name, op, row_id)
      SELECT 'item', 'INSERT', g::text FROM generate_series(1, $1::bigint) g]],
      math.floor(CHANGES / PART)))
    for change in log:drain(seq) do seq = change.seq end
    if installed then
      for i = 1, SAVES / PART do save(side, ("1:%d"):format(seq * 10000 + i)) end
    end
    assert(log:trim(os.time() + 10, { min_rows = 0 }) > 0)
  end
  assert(log:query([[INSERT INTO forge_change_log (table_name, op) VALUES ('item', 'INSERT')]]))
  assert(seq == math.floor(CHANGES / PART) * PART, "not all came")
end

local count = 0

-- What is timed. Each is done as a program does it, on a connection that it has.
local OPERATIONS = {
  { "save", function(side)
      count = count + 1
      save(side, ("2:%d"):format(count))
    end, store = true },
  { "renew", function(side) assert(side.lease:renew(side.log.connection)) end, store = true },
  { "load", function(side) assert(side.store.load(side.log, "bench")) end, store = true },
  { "trim", function(side)
      assert(side.log:query("INSERT INTO forge_change_log (table_name, op) VALUES ('i', 'INSERT')"))
      assert(side.log:trim(os.time() + 10, { min_rows = 1 }))
    end },
  { "min_seq", function(side) assert(side.log:min_seq()) end },
  { "tick", function(side) assert(side.log.connection:tick()) end },
  { "status", function(side) assert(side.log:status({ settle = 0 })) end },
  { "drain", function(side) for _ in side.log:drain() do count = count + 1 end end },
  { "min_seq of a new connection", function(side)
      local log = assert(forgelog.connect(side.conninfo))
      assert(log:min_seq())
      log:close()
    end, new = true },
}

-- Seconds that an operation takes on one side.
local function timed(operation, side)
  local started = bench.now()
  operation(side)
  return bench.now() - started
end

local function measure(name, installed)
  local free, held = begin(installed), begin(installed)
  hold(held)
  live(free, installed)
  assert(free.log:query("VACUUM"))
  live(held, installed)
  bench.title("%s: %s changes written, drained, saved and trimmed, beside a snapshot that is held",
    name, bench.count(CHANGES))
  for _, operation in ipairs(OPERATIONS) do
    if installed or not operation.store then
      local figures = bench.alternate(ROUNDS, {
        { "free", function() return timed(operation[2], free) end },
        { "held", function() return timed(operation[2], held) end },
      })
      local without, with = bench.median(figures.free), bench.median(figures.held)
      bench.line(operation[1], "%8.2f ms without, %8.2f ms with", without * 1000, with * 1000)
      -- Nothing tells a new connection where a plain log begins.
      if installed or not operation.new then
        bench.target(operation[1] .. " beside a snapshot", with / without, "<=", 2)
      end
    end
  end
  for _, side in ipairs({ free, held }) do
    side.holder:close()
    side.log:close()
    bench.drop(side.conninfo)
  end
end

measure("our log", true)
measure("a plain log", false)
