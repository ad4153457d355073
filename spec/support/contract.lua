--- What every waiter has to do, as a list of checks that raise where it does not: the same list in
-- a plain Lua and inside nginx. Each check has a `name`, `beside` (true: it needs `spawn`) and
-- `test`, a function of `place`: `wait` (the waiter or its name), `conninfo` (a database with a
-- watched table item), `spawn` (starts a function beside this one; nil where nothing can run so).
-- @module support.contract
local connection = require "forgelog.connection"
local core = require "forgelog.core"
local find_waiter = require "forgelog.wait"
local forgelog = require "forgelog"

local contract = {}

-- Plain Lua 5.1 cannot yield across pcall: there an error goes to the loop itself.
local plain = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
contract.try = plain and function(call) return true, call() end or pcall

local function check(name, test, needs_spawn)
  contract[#contract + 1] = { name = name, test = test, beside = needs_spawn }
end

local function waiter_of(place) return find_waiter("contract", place.wait) end

-- A time limit may be too short for connecting on a busy machine: then it is tried again.
local function connect(place, opts)
  opts = opts or {}
  local log, err
  for _ = 1, 20 do
    log, err = forgelog.connect(opts.conninfo or place.conninfo,
      { wait = place.wait, timeout = opts.timeout })
    if log or not opts.timeout then break end
  end
  return assert(log, tostring(err))
end

local function between(low, seconds, high, what)
  if seconds < low or seconds > high then
    error(("%s took %.3f s, not %g to %g"):format(what, seconds, low, high), 2)
  end
end

local function timed(call, ...)
  local started = core.now()
  local result, err = call(...)
  return core.now() - started, result, err
end

-- Starts a function beside this one; returns a function that waits for its end, and raises what it
-- raised.
local function beside(place, work)
  local ended, ok, result, err = false, nil, nil, nil
  place.spawn(function()
    ok, result, err = contract.try(work)
    ended = true
  end)
  return function(seconds)
    local waiter = waiter_of(place)
    local deadline = core.now() + seconds
    while not ended do
      assert(core.now() < deadline, "what ran beside did not end")
      waiter.wait(nil, "", 0.005)
    end
    assert(ok, result)
    return result, err
  end
end

-- A handle of the core that is connected, to be stepped by hand.
local function connected_handle(place)
  local handle, waiter = connection.new_handle(place.conninfo, "forge_change_log"), waiter_of(place)
  assert(handle:connect())
  local state = handle:step()
  while state == "read" or state == "write" do
    waiter.wait(handle:pollfd(), handle:events(), 5)
    state = handle:step()
  end
  assert(state == "done", tostring(handle:error()))
  return handle
end

check("sleeps without a descriptor", function(place)
  local seconds, ready = timed(waiter_of(place).wait, nil, "", 0.1)
  between(0.09, seconds, 0.5, "a sleep of 0.1 s")
  assert(not ready)
end)

check("gives way also where there is no time to wait", function(place)
  local ran = false
  local joined = beside(place, function()
    waiter_of(place).wait(nil, "", 0)
    ran = true
    return true
  end)
  for _ = 1, 5 do waiter_of(place).wait(nil, "", 0) end
  assert(ran, "the other coroutine did not run")
  joined(1)
end, true)

check("waits no longer than it is told to", function(place)
  local log = connect(place)
  local seconds, ready = timed(waiter_of(place).wait, log.connection:pollfd(), "r", 0.1)
  between(0.09, seconds, 0.5, "a wait of 0.1 s")
  assert(not ready)
  log:close()
end)

check("tells readiness to write and to read", function(place)
  local log, waiter = connect(place), waiter_of(place)
  for _, events in ipairs({ "w", "rw" }) do
    local seconds, ready = timed(waiter.wait, log.connection:pollfd(), events, 5)
    between(0, seconds, 0.5, events)
    assert(ready, events)
  end
  local handle = connected_handle(place)
  assert(handle:query("SELECT pg_sleep(0.1)"))
  assert(handle:step() == "read")
  local seconds, ready = timed(waiter.wait, handle:pollfd(), "r", 5)
  between(0.05, seconds, 1, "r")
  assert(ready)
  handle:close()
  log:close()
end)

check("waits as long as it takes without a time", function(place)
  local log = connect(place)
  local seconds, rows = timed(log.query, log, "SELECT pg_sleep(0.3), 7 AS n")
  between(0.29, seconds, 2, "a statement of 0.3 s")
  assert(rows[1].n == 7)
  log:close()
end)

-- A server that has no processor in that moment answers the cancel too late, and the connection is
-- dropped, as it has to be: then it is tried again. After a cancel that was answered it is usable.
check("ends a statement at its timeout and stays usable", function(place)
  local cancelled
  for _ = 1, 5 do
    local log = connect(place, { timeout = 0.2 })
    local seconds, rows, err = timed(log.query, log, "SELECT pg_sleep(20)")
    between(0.19, seconds, 2, "a timeout of 0.2 s")
    assert(not rows and err.kind == "timeout", tostring(err))
    cancelled = err.sqlstate == "57014"
    if cancelled then assert(log:limited(5):query("SELECT 1 AS one")[1].one == 1) end
    log:close()
    if cancelled then break end
  end
  assert(cancelled, "the connection is dropped each time")
end)

check("connects to the second host where the first refuses", function(place)
  local host, port = place.conninfo:match("host=(%S+) port=(%S+)")
  local others = place.conninfo:gsub("host=%S+ port=%S+", "")
  local several = ("host=127.0.0.1,127.0.0.1,%s port=1,2,%s %s"):format(host, port, others)
  for _ = 1, 3 do
    local log = connect(place, { conninfo = several })
    assert(log:query("SELECT 1 AS one")[1].one == 1)
    log:close()
  end
end)

check("says so where nobody listens", function(place)
  local log, err = forgelog.connect("host=127.0.0.1 port=1 dbname=x user=x", { wait = place.wait })
  assert(not log and err.kind == "connect" and err.retryable, tostring(err))
end)

check("drains and follows", function(place)
  local log, writer = connect(place), connect(place)
  assert(writer:query("INSERT INTO forge_change_log (table_name, op, row_id, created_at) "
    .. "SELECT 'item', 'INSERT', g, now() FROM generate_series(1, 20000) g"))
  local last, count, next_change = 0, 0, log:drain(0)
  local change = next_change()
  while change do
    count, last = count + 1, change.seq
    change = next_change()
  end
  assert(count >= 20000, count)
  local feed = log:follow(last, { poll = 20 })
  local _, err = feed:next(0.1)
  assert(err.kind == "timeout", tostring(err))
  assert(writer:query("INSERT INTO item (n) VALUES (1)"))
  change, err = feed:next(5)
  assert(change, tostring(err))
  assert(change.table_name == "item" and change.seq > last)
  feed:close()
  log:close()
  writer:close()
end)

check("lets others run while it waits", function(place)
  local log, ticks = connect(place), 0
  local done = false
  local joined = beside(place, function()
    while not done do
      waiter_of(place).wait(nil, "", 0.01)
      ticks = ticks + 1
    end
    return true
  end)
  assert(log:query("SELECT pg_sleep(0.5)"))
  done = true
  joined(2)
  assert(ticks > 15, ticks .. " ticks in half a second")
  log:close()
end, true)

check("is woken by a change committed meanwhile", function(place)
  local log, writer = connect(place), connect(place)
  local feed = log:follow(log:max_seq(), { poll = 20 })
  local joined = beside(place, function() return feed:next(10) end)
  waiter_of(place).wait(nil, "", 0.3)
  assert(writer:query("INSERT INTO item (n) VALUES (2)"))
  local seconds, change, err = timed(joined, 3)
  assert(change, tostring(err))
  between(0, seconds, 1, "waking")
  log:close()
  writer:close()
end, true)

check("lets go a wait on a log that another closes", function(place)
  for _ = 1, 3 do
    local log = connect(place)
    local joined = beside(place, function() return log:query("SELECT pg_sleep(20)") end)
    waiter_of(place).wait(nil, "", 0.1)
    log:close()
    local other = connect(place) -- takes the descriptor's number
    local seconds, rows, err = timed(joined, 2)
    assert(not rows and err.kind == "closed", tostring(err))
    between(0, seconds, 1, "a wait on a closed log")
    assert(other:query("SELECT pg_sleep(0.1), 1 AS one")[1].one == 1)
    other:close()
  end
end, true)

-- Where a waiter starts coroutines. It has none of it in a plain Lua 5.1.
local function spawns(place)
  local waiter = waiter_of(place)
  if plain then
    assert(waiter.spawn == nil)
    return nil
  end
  return waiter
end

check("starts coroutines beside the present one", function(place)
  local waiter = spawns(place)
  if not waiter then return end
  local seen, tasks = {}, {}
  for i = 1, 50 do
    tasks[i] = waiter.spawn(function(number, none, text)
      waiter.wait(nil, "", 0.1)
      seen[#seen + 1] = number
      assert(none == nil and text == "text")
    end, i, nil, "text")
  end
  local seconds = timed(waiter.wait, nil, "", 0.2)
  between(0.19, seconds, 0.6, "a sleep beside others")
  assert(#seen == 50, #seen)
  for _, task in ipairs(tasks) do assert(task.ended and not task.failed, tostring(task.raised)) end
end, true)

check("keeps what a coroutine raises, and goes on", function(place)
  local waiter = spawns(place)
  if not waiter then return end
  local what = { "raised" }
  local at_once = waiter.spawn(function() error(what, 0) end)
  local later = waiter.spawn(function()
    waiter.wait(nil, "", 0.01)
    error(nil)
  end)
  local ended = waiter.spawn(function() waiter.wait(nil, "", 0.03) end)
  waiter.wait(nil, "", 0.1)
  assert(at_once.ended and at_once.failed and at_once.raised == what)
  assert(later.ended and later.failed and later.raised == nil)
  assert(ended.ended and not ended.failed)
end, true)

check("waits for a signal no longer than it is told to", function(place)
  local seconds, woken = timed(function() return waiter_of(place).signal():wait(0.1) end)
  between(0.09, seconds, 0.5, "a wait of 0.1 s for a signal")
  assert(woken == false)
end, true)

check("remembers a signal that nobody waited for, once", function(place)
  local signal = waiter_of(place).signal()
  signal:wake()
  signal:wake()
  local seconds, woken = timed(signal.wait, signal, 5)
  between(0, seconds, 0.5, "a wait for a signal that was given")
  assert(woken == true)
  assert(signal:wait(0.02) == false)
  signal:wake() -- not for the wait whose time was over
  assert(signal:wait(0.02) == true)
end, true)

check("wakes all that wait for a signal", function(place)
  local waiter = waiter_of(place)
  local signal, woken, joined = waiter.signal(), 0, {}
  for i = 1, 20 do
    joined[i] = beside(place, function()
      assert(signal:wait(i % 2 == 0 and 5 or nil) == true)
      woken = woken + 1
      return signal:wait(0.05)
    end)
  end
  waiter.wait(nil, "", 0.05)
  signal:wake()
  assert(woken == 0, "a coroutine ran before the one that woke it gave way")
  for i = 1, 20 do assert(joined[i](2) == false) end
  assert(woken == 20, woken)
end, true)

check("loses no signal between two that answer each other", function(place)
  local waiter = waiter_of(place)
  local there, back, rounds = waiter.signal(), waiter.signal(), 2000
  local joined = beside(place, function()
    for _ = 1, rounds do
      assert(there:wait(2))
      back:wake()
    end
    return true
  end)
  for _ = 1, rounds do
    there:wake()
    assert(back:wait(2))
  end
  joined(2)
end, true)

return contract
