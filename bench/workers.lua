-- A handler that waits 5 ms for each change, as one does that makes an HTTP call: one batch at a
-- time, and on_change by 1, 8 and 64 coroutines in 1 and 4 programs that share the keys. Beside it,
-- what the consumer itself costs: a handler that does nothing.
local bench = require "bench.support"

local WAIT, KEYS = 0.005, 1000
local ROUNDS = 3

-- One program: it handles what there is, and prints when it was handed the first change and when
-- the last was done.
local PROGRAM = [[
local conninfo, share, concurrency, wait = ...
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local cqueues = require "cqueues"
concurrency, wait = tonumber(concurrency), tonumber(wait)
local first, last, count = nil, 0, 0
local function handle()
  first = first or core.now()
  if wait > 0 then cqueues.sleep(wait) end
  last, count = core.now(), count + 1
end
local options = { conninfo = conninfo, name = "bench", position = consumer.table(),
  wait = "cqueues", poll = 0.05, start = "beginning" }
if share ~= "1/1" then options.share = share end
if concurrency > 0 then
  options.concurrency, options.on_change = concurrency, handle
else
  function options.on_changes(changes)
    for _, change in ipairs(changes) do handle(change) end
  end
end
local one = consumer.new(options)
local loop = cqueues.new()
loop:wrap(function()
  local err
  repeat
    local done
    done, err = one:step(1)
  until not done and err.code == "no_change" and count > 0
  one:close()
end)
assert(loop:loop())
print(("%.6f %.6f %d"):format(first, last, count))
]]

-- Changes a second that programs handle together.
local function rate(programs, concurrency, wait, changes)
  local conninfo = bench.database()
  local log = bench.connect(conninfo)
  assert(log:query([[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
    SELECT 'item', 'UPDATE', (g % $2::bigint)::text, now()
      FROM generate_series(1, $1::bigint) g]], changes, KEYS))
  local running = {}
  for i = 1, programs do
    running[i] = bench.lua(PROGRAM, conninfo, i .. "/" .. programs, tostring(concurrency),
      tostring(wait))
  end
  local first, last, total = math.huge, 0, 0
  for _, program in ipairs(running) do
    local ok, output, errors = program:wait()
    assert(ok, errors)
    local from, upto, count = output:match("(%S+) (%S+) (%d+)")
    first, last = math.min(first, tonumber(from)), math.max(last, tonumber(upto))
    total = total + tonumber(count)
  end
  log:close()
  bench.drop(conninfo)
  assert(total == changes, total .. " changes came")
  return changes / (last - first)
end

local function measure(title, sides)
  bench.title("%s: changes a second", title)
  local figures = bench.alternate(ROUNDS, sides)
  local alone = bench.median(figures[sides[1][1]])
  for _, side in ipairs(sides) do
    local reached = bench.median(figures[side[1]])
    local most = side.most and (" of %s at most"):format(bench.count(side.most)) or ""
    bench.line(side[1], "%8s%s, %.1f times the first", bench.count(reached), most, reached / alone)
  end
end

-- The sides of a measurement; each takes about as long.
local function sides(wait, each)
  local list = { { "one batch at a time", function() return rate(1, 0, wait, each(1)) end,
    most = wait > 0 and 1 / wait or nil } }
  for _, programs in ipairs { 1, 4 } do
    for _, concurrency in ipairs { 1, 8, 64 } do
      local at_once = programs * concurrency
      local each_has = ("%d coroutine%s"):format(concurrency, concurrency == 1 and "" or "s")
      local name = ("%d programs, %s each"):format(programs, each_has)
      if programs == 1 then name = each_has end
      list[#list + 1] = { name, function()
        return rate(programs, concurrency, wait, each(at_once))
      end, most = wait > 0 and at_once / wait or nil }
    end
  end
  return list
end

measure("a handler that takes 5 ms", sides(WAIT, function(at_once)
  return math.min(bench.scale(500) * at_once, bench.scale(20000))
end))
measure("a handler that does nothing", sides(0, function() return bench.scale(20000) end))
