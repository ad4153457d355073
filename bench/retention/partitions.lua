--- A log partitioned by ranges of seq beside the plain one, in turns: its writers, the tick and the
-- drain of readers, and a trim that drops partitions instead of deleting rows.
local bench = require "bench.support"
local partitioned = require "bench.retention.partitioned"
local retention = require "bench.retention.log"

local ROUNDS, CLIENTS, SECONDS = 5, 8, bench.scale(3)
local SIZE, NUMBER = bench.scale(100000), 31
local BULK, DRAINED, TICKS = bench.scale(50000), bench.scale(500000), 500

local INSERT = "INSERT INTO added (name) VALUES ('new');\n"
local GIVEN = "SELECT coalesce(pg_sequence_last_value('forge_change_log_seq_seq'), 0)"

local function begin(name)
  local side = retention.begin()
  side.name = name
  side:must("CREATE TABLE added (id bigserial PRIMARY KEY, name text)"
    .. " WITH (autovacuum_enabled = off)")
  assert(side.log:watch("added"))
  if name == "partitioned" then partitioned.make(side, SIZE, NUMBER) end
  return side
end

-- Whether readers see on both who may still write a lower seq.
local function check_horizon(side)
  local writer = side:connect()
  assert(writer:query("BEGIN"))
  assert(writer:query("INSERT INTO added (name) VALUES ('open')"))
  local open = side:number(GIVEN)
  side:must("INSERT INTO added (name) VALUES ('later')")
  local horizon = side.log:horizon()
  assert(not horizon or horizon < open, "an open writer is not seen")
  assert(writer:query("COMMIT"))
  assert(side.log:horizon() == side:number(GIVEN), "the horizon stands")
  writer:close()
end

local function compare(sides, what, format, measure)
  local list = {}
  for i, side in ipairs(sides) do
    list[i] = { side.name, function() return measure(side) end }
  end
  local figures = bench.alternate(ROUNDS, list)
  local plain, parts = bench.median(figures.plain), bench.median(figures.partitioned)
  bench.line(what, "plain " .. format .. ", partitioned " .. format .. ": %.2f x", plain, parts,
    parts / plain)
end

local function rate(script)
  return function(side)
    side:must("CHECKPOINT")
    local load = bench.pgbench { conninfo = side.conninfo, script = script, clients = CLIENTS,
      seconds = SECONDS }
    local _, report = load:wait()
    return tonumber(report:match("tps = ([%d.]+)"))
  end
end

local function bulk(side)
  side:must("CHECKPOINT")
  return BULK / bench.timed(side.must, side,
    "INSERT INTO added (name) SELECT 'new' FROM generate_series(1, $1::int)", BULK)
end

-- Milliseconds.
local function tick(side)
  local started = bench.now()
  for _ = 1, TICKS do assert(side.log.connection:tick()) end
  return (bench.now() - started) * 1000 / TICKS
end

local function drain(side)
  local count, started = 0, bench.now()
  for _ in side.log:drain(side.last, { limit = DRAINED }) do count = count + 1 end
  assert(count == DRAINED, "not all came")
  return count / (bench.now() - started)
end

local function trim_plain(side, first, stop)
  local count = side:trim_to(stop)
  assert(count == stop - first + 1, "not all was trimmed")
  side:must("CHECKPOINT")
  side:must("VACUUM forge_change_log")
  return count
end

local function trim_partitioned(side, first, stop)
  for i = first / SIZE, (stop + 1) / SIZE - 1 do partitioned.detach(side, i) end
  return stop - first + 1
end

-- Trims whole partitions of what was drained, and as much of the plain log.
local function trim(side)
  local first = math.ceil(side.last / SIZE) * SIZE
  local stop = math.floor((side.last + DRAINED) / SIZE) * SIZE - 1
  if side.name == "plain" then
    side:trim_to(first - 1)
    side:must("VACUUM forge_change_log")
  else
    for i = 0, first / SIZE - 1 do partitioned.detach(side, i) end
  end
  side:must("CHECKPOINT")
  local seconds, wal, count = side:cost(side.name == "plain" and trim_plain or trim_partitioned,
    side, first, stop)
  bench.line("trim of " .. bench.count(count) .. ", " .. side.name,
    "%.2f s; WAL %.1f bytes a change", seconds, wal / count)
end

return function()
  local sides = { begin("plain"), begin("partitioned") }
  bench.title("retention: a log of %d partitions of %s seqs beside the plain one, %d rounds",
    NUMBER + 1, bench.count(SIZE), ROUNDS)
  for _, side in ipairs(sides) do check_horizon(side) end
  compare(sides, "UPDATE of single rows, 8 clients", "%.0f/s", rate(retention.one(CLIENTS)))
  compare(sides, "INSERT of single rows, 8 clients", "%.0f/s", rate(INSERT))
  compare(sides, "INSERT of many rows", "%.0f/s", bulk)
  for _, side in ipairs(sides) do
    side.last = side:number(GIVEN)
    bench.sleep(2) -- what follows is to be younger than what was written
    bench.fill(side.log, DRAINED, 1)
  end
  compare(sides, "tick", "%.3f ms", tick)
  compare(sides, "drain", "%.0f/s", drain)
  for _, side in ipairs(sides) do
    trim(side)
    side:drop()
  end
end
