-- A trim that races a drain: the drain has every change, or it raises a gap; never a hole.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- Hands out what a drain gives, sure that each seq follows the one before; returns the last, and
-- the error.
local function without_holes(log, since, each)
  local last, count = since, 0
  local ok, err = pcall(function()
    for change in log:drain(since) do
      if change.seq ~= last + 1 then error(
        ("a hole without a gap: %d after %d"):format(change.seq, last), 0) end
      last, count = change.seq, count + 1
      if each then each(last) end
    end
  end)
  if not ok and type(err) ~= "table" then error(err, 0) end
  if not ok and err.kind ~= "gap" then error(tostring(err), 0) end
  return last, not ok and err or nil, count
end

local function race(name, make)
  describe("a trim racing a drain on " .. name, function()
    local db, log, trimmer
    setup(function() db, log = make(); trimmer = logs.connect(db) end)
    teardown(function() trimmer:close(); log:close(); support.drop(db) end)

    it("never leaves a hole, wherever it strikes", function()
      math.randomseed(42)
      logs.fill(log, 1)
      local size, complete, gaps, last = 6000, 0, 0, logs.drained(log)[1] -- several chunks
      for _ = 1, support.scale(30) do
        logs.fill(log, size)
        local first = last
        local strike, upto = first + math.random(math.floor(size * 2 / 3)), first + math.random(
          math.floor(size / 2), size)
        local reached, err = without_holes(log, first, function(seq)
          if seq == strike then must(trimmer, "DELETE FROM forge_change_log WHERE seq <= $1",
            upto) end
        end)
        assert.is_true(reached >= strike, "the trim was never made")
        if err then
          gaps = gaps + 1
          assert.is_true(upto > reached, "a gap though nothing was missed")
          assert.equal(upto, err.upto)
        else
          complete = complete + 1
          assert.equal(first + size, reached)
        end
        last = first + size
      end
      support.note("%s: %d drains complete, %d ended in a gap", name, complete, gaps)
      assert.is_true(complete > 0 and gaps > 0)
    end)

    it("never leaves a hole under a load of writers and trimmers", function()
      local writers = support.pgbench({ conninfo = db, clients = 2, seconds = 4,
        script = "INSERT INTO forge_change_log (table_name, op, created_at) SELECT 'item', "
          .. "'INSERT', clock_timestamp() "
          .. "FROM generate_series(1, 20);" })
      local trims = support.pgbench({ conninfo = db, clients = 1, seconds = 4,
        script = "DELETE FROM forge_change_log WHERE created_at < clock_timestamp() - interval "
          .. "'150 ms';\n\\sleep 5 ms" })
      logs.wait_for_writes(trimmer)
      local last = select(2, log:gap(0)) or 0
      last = must(trimmer, "SELECT coalesce(max(seq), $1::bigint) AS n FROM forge_change_log",
        last)[1].n
      local complete, gaps, delivered = 0, 0, 0
      while logs.under_way(trimmer) do
        local reached, err, count = without_holes(log, last)
        delivered = delivered + count
        last = reached
        if err then
          gaps = gaps + 1
          assert.is_true(err.upto > reached, "a gap though nothing was missed")
          last = log:horizon() -- as a consumer that resyncs does
        else
          complete = complete + 1
        end
        if (complete + gaps) % 4 == 0 then -- the next drain comes too late
          support.wait_until(function()
            return log:gap(last) or not logs.under_way(trimmer)
          end, "a trim to pass the reader")
        end
      end
      writers:wait()
      trims:wait()
      support.note("%s under load: %d drains complete, %d ended in a gap; %d delivered", name,
        complete, gaps, delivered)
      assert.is_true(complete > 0 and gaps > 0 and delivered > 0)
    end)
  end)
end

race("our log", logs.installed)
race("the framework's plain log", logs.framework)
