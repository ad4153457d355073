-- What a drain costs others and the program itself: no snapshot held while the program works,
-- memory for one chunk.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a long drain", function()
  local db, log, watcher
  before_each(function()
    db, watcher = logs.installed()
    log = logs.connect(db)
  end)
  after_each(function() log:close(); watcher:close(); support.drop(db) end)

  local function check_idle(pid, where)
    support.wait_until(function()
      local row = must(watcher,
        "SELECT state, backend_xmin::text AS xmin FROM pg_stat_activity WHERE pid = $1", pid)[1]
      return row.state == "idle" and row.xmin == nil
    end, "the drain's backend to be idle and without a snapshot at change " .. where, 3)
  end

  -- Sleeps at several points of the drain, for as long as the server needs to come to rest.
  local function hold_nothing(rows, bytes, every)
    must(watcher, "INSERT INTO forge_change_log (table_name, op, row_id, created_at) SELECT "
      .. "'item', 'INSERT', "
      .. "repeat('x', $2::int), now() FROM generate_series(1, $1::int)", rows, bytes)
    local pid, n = must(log, "SELECT pg_backend_pid() AS pid")[1].pid, 0
    for _ in log:drain() do
      n = n + 1
      if n % every == 1 or n == rows then check_idle(pid, n) end
    end
    assert.equal(rows, n)
  end

  it("holds no snapshot while the program works", function() hold_nothing(40000, 10, 3301) end)
  it("holds none with rows of 3 KB", function() hold_nothing(2000, 3000, 151) end)
  it("holds none with rows of 100 KB", function() hold_nothing(150, 100000, 13) end)

  it("holds none after a break", function()
    logs.fill(log, 30000)
    local pid, n = must(log, "SELECT pg_backend_pid() AS pid")[1].pid, 0
    for _ in log:drain() do
      n = n + 1
      if n == 5000 then break end
    end
    check_idle(pid, n)
  end)

  -- A young collection frees what is young and not in use any more; what is old, and with it all
  -- that it holds, waits for a full one.
  if _VERSION == "Lua 5.4" then
    it("leaves a generational collector nothing old behind", function()
      logs.fill(log, 4000)
      local before = collectgarbage("generational")
      -- What is alive in two collections becomes old. So nothing but the steps below collects: a
      -- batch is used up in fewer changes than lie between two of them.
      collectgarbage("stop")
      local seen, n, alive = setmetatable({}, { __mode = "v" }), 0, 0
      for change in log:drain() do
        n = n + 1
        seen[n] = change
        if n % 100 == 0 then collectgarbage("step", 0) end
      end
      for i = 1, n - 1000 do
        if seen[i] then alive = alive + 1 end
      end
      collectgarbage("restart")
      collectgarbage(before)
      assert.equal(4000, n)
      assert.equal(0, alive)
    end)
  end

  local MEASURE = [[
    local conninfo, limit = ...
    local log = require("support.logs").connect(conninfo)
    local function peak() -- KiB
      for line in io.lines("/proc/self/status") do
        local kib = line:match("VmHWM:%s*(%d+)")
        if kib then return tonumber(kib) end
      end
    end
    local idle, count, lua = peak(), 0, 0
    for _ in log:drain(0, { limit = tonumber(limit) }) do
      count = count + 1
      if count % 1000 == 0 then lua = math.max(lua, collectgarbage("count")) end
    end
    print(("%d %d %d"):format(count, peak() - idle, math.floor(lua)))
  ]]

  local function measure(limit)
    local ok, output, errors = support.lua(MEASURE, db, limit):wait()
    assert.is_true(ok, errors)
    local count, kib, lua = output:match("(%d+) (%d+) (%d+)")
    return tonumber(count), tonumber(kib), tonumber(lua)
  end

  it("takes the same memory for 400,000 changes as for 100,000", function()
    local small, large = support.scale(100000), support.scale(400000)
    logs.fill(watcher, large)
    local few, few_kib, few_lua = measure(small)
    local many, many_kib, many_lua = measure(large)
    support.note("drain of %d: %d KiB above idle, Lua %d KiB; of %d: %d KiB, Lua %d KiB", few,
      few_kib, few_lua, many,
      many_kib, many_lua)
    assert.equal(small, few)
    assert.equal(large, many)
    assert.is_true(many_lua < few_lua + 2048 and many_lua < 8192, "Lua's memory grows")
    if logs.measurable() then
      assert.is_true(many_kib < few_kib + 4096, "memory grows with the log")
      assert.is_true(many_kib < 32 * 1024)
    end
  end)
end)
