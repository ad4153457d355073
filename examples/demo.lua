-- Follows pgbench's own load through the log while it is trimmed, and counts the changes that
-- arrive. For comparison, a reader with a plain "WHERE seq > cursor" runs beside it.
-- lua5.4 examples/demo.lua [seconds [clients [scale]]]
-- It uses the database of the environment (PGHOST, PGDATABASE ...), and recreates pgbench's tables.
local forgelog = require "forgelog"

local seconds, clients = tonumber(arg[1] or 15), tonumber(arg[2] or 8)
local scale = tonumber(arg[3] or 10)
local tables = { "pgbench_accounts", "pgbench_branches", "pgbench_tellers", "pgbench_history" }

local INTERRUPTED = "interrupted!" -- what Lua raises at Ctrl-C

local function run(command)
  local status, what = os.execute(command)
  assert(what ~= "signal", INTERRUPTED) -- Ctrl-C ends that program, too
  assert(status == true or status == 0, "failed: " .. command)
end

local on_terminal = os.execute("test -t 1")
on_terminal = on_terminal == true or on_terminal == 0

-- What a reader has received: distinct changes by table, and how many came twice.
local function new_tally()
  return { cursor = 0, total = 0, twice = 0, seen = {}, by_table = {} }
end

local function receive(tally, change)
  tally.cursor = change.seq
  if tally.seen[change.seq] then
    tally.twice = tally.twice + 1
    return
  end
  tally.seen[change.seq] = true
  tally.total = tally.total + 1
  tally.by_table[change.table_name] = (tally.by_table[change.table_name] or 0) + 1
end

local function drain(log, tally)
  local newest
  for change in log:drain(tally.cursor) do
    receive(tally, change)
    newest = change.created_at
  end
  return newest
end

local function drain_naively(log, tally)
  local sql = "SELECT seq, table_name FROM forge_change_log WHERE seq > $1 ORDER BY seq"
  for _, change in ipairs(assert(log:query(sql, tally.cursor))) do receive(tally, change) end
end

-- Each transaction of pgbench makes one change in each of its four tables, one of them a new row of
-- the history.
local function committed(log)
  local row = assert(log:query([[
    SELECT count(*) AS transactions, extract(epoch FROM clock_timestamp())::float8 AS now
      FROM pgbench_history]]))[1]
  return row.transactions, row.now
end

local function lost(tally, transactions)
  local missing = 0
  for _, name in ipairs(tables) do
    missing = missing + transactions - (tally.by_table[name] or 0)
  end
  return missing
end

local function show(format, ...)
  local line = format:format(...)
  io.write(on_terminal and "\r" .. line .. "\27[K" or line .. "\n")
  io.flush()
end

local function prepare(log)
  print(("pgbench -i at scale %d ..."):format(scale))
  run("pgbench -i -q -s " .. scale .. " >/dev/null 2>&1")
  assert(log:install())
  for _, name in ipairs(tables) do assert(log:watch(name)) end
  print("watched: " .. table.concat(assert(log:watched()), ", "))
end

-- Reads, reports and trims until the time is over.
local function follow(log, naive, plain, careful)
  local trimmed, _, start = 0, committed(log)
  local now, reported = start, start
  while now < start + seconds do
    local newest = drain(log, careful)
    drain_naively(naive, plain)
    local transactions
    transactions, now = committed(log)
    if now - reported >= 1 then
      reported = now
      trimmed = trimmed + assert(log:trim(now - 3, { min_rows = 1000 }))
      show("%4.0f s   committed %d   delivered %d   lag %.0f ms   trimmed %d", now - start,
        transactions * #tables, careful.total, newest and (now - newest) * 1000 or 0, trimmed)
    end
    assert(log:query("SELECT pg_sleep(0.01)"))
  end
  return trimmed
end

-- Whether all arrived, and once.
local function demonstrate()
  local log, naive = assert(forgelog.connect()), assert(forgelog.connect())
  prepare(log)
  print(("pgbench's TPC-B load for %d s with %d clients ..."):format(seconds, clients))
  local careful, plain = new_tally(), new_tally()
  local load = assert(io.popen(("pgbench -n -c %d -j 2 -T %d 2>&1"):format(clients, seconds)))
  local trimmed = follow(log, naive, plain, careful)
  local report = load:read("*a")
  load:close()
  local transactions = tonumber(report:match("actually processed: (%d+)"))
  assert(transactions and transactions > 0, report)
  drain(log, careful)
  drain_naively(naive, plain)

  if on_terminal then print() end
  local changes, in_history = transactions * #tables, committed(log)
  local function say(format, ...) print(format:format(...)) end
  say("committed %d changes in %d transactions (pgbench's count; rows in pgbench_history: %d)",
    changes, transactions, in_history)
  say("forgelog  delivered %d   lost %d   twice %d   %.0f changes/s, trimmed %d meanwhile",
    careful.total, lost(careful, transactions), careful.twice, changes / seconds, trimmed)
  say("naive     delivered %d   lost %d   twice %d   (WHERE seq > cursor ORDER BY seq)",
    plain.total, lost(plain, transactions), plain.twice)
  log:close()
  naive:close()
  return in_history == transactions and lost(careful, transactions) == 0 and careful.twice == 0
end

local done, right = xpcall(demonstrate, function(err)
  local text = tostring(err)
  return text:find(INTERRUPTED, 1, true) and INTERRUPTED or debug.traceback(text)
end)
if right == INTERRUPTED then
  print()
  os.exit(130)
end
if not done then io.stderr:write(right, "\n") end
os.exit(done and right and 0 or 1)
