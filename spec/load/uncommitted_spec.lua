-- What ticks, feeds and drains cost the server beside changes that are not committed: pages that it
-- has counted itself (pg_stat_statements), never a clock.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local UNCOMMITTED = 300000

describe("beside many uncommitted changes", function()
  local server, db, log, other
  setup(function()
    server = support.server { "shared_preload_libraries=pg_stat_statements" }
    db, log = logs.installed(server.conninfo)
    other = logs.connect(db)
    must(other, "CREATE EXTENSION pg_stat_statements")
    logs.fill(other, 1000)
  end)
  teardown(function()
    log:close(); other:close()
    server:stop()
  end)

  -- Pages that the server has looked at for what `run` did.
  local function pages(run)
    must(other, "SELECT pg_stat_statements_reset()")
    run()
    return must(other, "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::bigint AS n"
      .. " FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'")[1].n
  end

  it("ticks, feeds and drains read no more than without them", function()
    local feed = log:follow(log:position(), { poll = 0 })
    local drainer, writer, reader = logs.connect(db), logs.connect(db), logs.connect(db)
    local cycles = {
      tick = function() for _ = 1, 20 do assert(reader.connection:tick()) end end,
      feed = function()
        for _ = 1, 20 do
          logs.fill(other, 1)
          assert(feed:next(5))
          assert.equal("timeout", select(2, feed:next(0)).kind)
        end
      end,
      drain = function()
        for _ = 1, 10 do logs.drained(drainer, 1000, { settle = 0 }) end
      end,
    }
    assert(reader:horizon())
    local before = {}
    for name, run in pairs(cycles) do run(); before[name] = pages(run) end
    must(writer, ([[BEGIN; INSERT INTO forge_change_log (table_name, op, created_at)
      SELECT 'x', 'INSERT', clock_timestamp() FROM generate_series(1, %d)]]):format(UNCOMMITTED))
    assert.equal("timeout", select(2, feed:next(0)).kind) -- a feed passes them once
    for _, name in ipairs { "tick", "feed", "drain" } do
      -- A connection walks over them until what the sequence says is on disk.
      must(other, "CHECKPOINT")
      for _ = 1, 2 do cycles[name]() end
      local beside = pages(cycles[name])
      support.note("%-10s %d pages, beside %d uncommitted changes %d", name, before[name],
        UNCOMMITTED, beside)
      assert.is_true(beside <= 2 * before[name] + 200, name)
    end
    must(writer, "COMMIT")
    local seqs, count = {}, 0
    while count < UNCOMMITTED do
      for _, change in ipairs(assert(feed:batch(1000, 10))) do
        assert.is_nil(seqs[change.seq], "twice")
        seqs[change.seq], count = true, count + 1
      end
    end
    for _, each in ipairs { drainer, writer, reader } do each:close() end
  end)
end)
