-- Capture of statements of one row and of 100,000 rows in one session: a plan that was made for the
-- one must not serve the other, which would take minutes or be compiled each time.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

for _, mode in ipairs({ "hstore", "jsonb" }) do
  describe("capture by " .. mode, function()
    local db, log
    setup(function()
      db, log = logs.empty()
      assert(log:install({ hstore = mode == "hstore" }))
    end)
    teardown(function()
      log:close()
      support.drop(db)
    end)

    -- How long the server works at a statement of PL/pgSQL.
    local function seconds(session, sql)
      return must(session, ([[DO $$ DECLARE t timestamptz := clock_timestamp(); BEGIN %s;
        PERFORM set_config('spec.took', EXTRACT(epoch FROM clock_timestamp() - t)::text, false);
        END $$;
        SELECT current_setting('spec.took')::float8 AS took]]):format(sql))[1].took
    end

    it("keeps large statements fast after small ones in the same session", function()
      must(log, [[CREATE TABLE big (id int PRIMARY KEY, n int, filler text);
        ALTER TABLE big SET (autovacuum_enabled = off)]])
      assert(log:watch("big"))
      local count = support.scale(100000)
      must(log, "INSERT INTO big SELECT i, 0, repeat('x', 80) FROM generate_series(1, $1::int) i",
        count)
      for id = 1, 10 do
        must(log, ([[UPDATE big SET n = 1 WHERE id = %d;
          UPDATE big SET n = 2 WHERE id IN (1, %d)]]):format(id, id))
      end
      must(log, "SET statement_timeout = '60s'") -- pairing each row with each takes minutes
      local took = seconds(log, "UPDATE big SET n = n + 1")
      must(log, "RESET statement_timeout")
      support.note("%s: UPDATE of %d rows after single ones: %.2f s", mode, count, took)
      local row = must(log, [[SELECT count(*) AS n, count(DISTINCT row_id) AS ids
        FROM forge_change_log WHERE table_name = 'big' AND op = 'UPDATE']])[1]
      assert.is_true(row.n >= count + 20 and row.ids == count)
    end)

    it("keeps small statements fast after large ones in the same session", function()
      local other = logs.connect(db) -- no plan made for small ones yet
      must(other, [[SET jit = on; SET jit_above_cost = 1000; SET jit_inline_above_cost = 1000;
        SET jit_optimize_above_cost = 1000]])
      for _ = 1, 8 do must(other, "UPDATE big SET n = n + 1 WHERE id <= 3000") end
      local single = seconds(other, [[FOR i IN 1..50 LOOP
        UPDATE big SET n = n + 1 WHERE id = i; END LOOP]]) / 50
      other:close()
      support.note("%s: UPDATE of one row after large ones: %.3f ms", mode, single * 1000)
      assert.is_true(single < 0.02) -- a plan compiled anew each time takes 50 ms and more
    end)
  end)
end
