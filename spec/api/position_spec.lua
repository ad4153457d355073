-- The position of a time: whoever goes on from it has every change that was written at or after
-- that time, whatever the clocks did and whoever was writing; where some may be gone, it says so.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local T = 1795555000 -- the change of seq n was written n seconds later

describe("the position of a time", function()
  local db, log
  before_each(function() db, log = logs.installed() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function set_times()
    must(log, "UPDATE forge_change_log SET created_at = to_timestamp($1::float8 + seq)", T)
  end

  local function fill(count)
    logs.fill(log, count)
    set_times()
  end

  -- What a log says, as one text without the timeline.
  local function place(at, of)
    local position, reason, upto, first_at = (of or log):position({ at = at, settle = 0.2 })
    if not position then error(reason, 2) end
    local text = position:match(":(.*)$")
    if not reason then return text end
    return ("%s %s %d %s"):format(text, reason, upto,
      first_at and ("%.5f"):format(first_at - T):gsub("%.?0+$", "") or "none")
  end

  it("is just before the first change that was written at or after it", function()
    fill(10)
    for at, wanted in pairs({ [-1e9] = "0", [0] = "0", [1] = "0", [1.000001] = "1", [2] = "1",
      [4.5] = "4", [10] = "9", [10.5] = "10", [1e8] = "10" }) do
      assert.equal(wanted, place(T + at), at)
    end
    local position = assert(log:position({ at = T + 7.5 }))
    assert.same({ 8, 9, 10 }, logs.drained(log, position))
  end)

  it("takes the time of a change as that is", function()
    logs.fill(log, 5)
    must(log, "UPDATE forge_change_log SET created_at = timestamptz '2026-11-24 21:24:17.757165Z'"
      .. " + seq * interval '1 microsecond'")
    local times = {}
    for change in log:drain() do times[change.seq] = change.created_at end
    for seq = 1, 5 do assert.equal(tostring(seq - 1), place(times[seq])) end
  end)

  it("is the present one of an empty log, and for a time to come", function()
    assert.equal("0", place(T))
    assert.equal("0", place(os.time() + 1000))
    fill(3)
    must(log, "BEGIN"); logs.fill(log, 2); must(log, "ROLLBACK")
    assert.equal("3", place(os.time() + 1000))
  end)

  it("skips nothing where a clock was set back", function()
    fill(10)
    must(log, [[UPDATE forge_change_log SET created_at = to_timestamp($1::float8 + 90)
      WHERE seq = 4]], T)
    assert.equal("3", place(T + 8))
    assert.equal("3", place(T + 50))
    assert.equal("10", place(T + 95))
  end)

  it("is not above what a writer may still commit", function()
    fill(3)
    assert.equal("2", place(T + 3))
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (4)")
    logs.fill(log, 4)
    set_times()
    assert.equal("3", place(T + 7)) -- 4 is the writer's
    assert.equal("1", place(T + 2))
    assert.equal("3", place(T + 90))
    local position = assert(log:position({ at = T + 7 }))
    must(writer, "COMMIT")
    writer:close()
    assert.same({ 4, 5, 6, 7, 8 }, logs.drained(log, position))
    set_times()
    assert.equal("6", place(T + 7))
  end)

  it("says that changes are gone where a trim has passed such a writer", function()
    fill(3)
    assert.equal("2", place(T + 3))
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (4)")
    logs.fill(log, 4)
    set_times()
    must(log, "DELETE FROM forge_change_log WHERE seq <= 6")
    assert.equal("3 trimmed 6 8", place(T + 8))
    must(writer, "COMMIT")
    writer:close()
    set_times()
    assert.equal("7", place(T + 8))
  end)

  it("is not known while a writer is open of which nobody knows when it began", function()
    fill(3)
    local writer, fresh = logs.connect(db), logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (4)")
    local position, err = fresh:position({ at = T + 2, settle = 0.05 })
    assert.is_nil(position)
    assert.same({ "timeout", "unknown_writers" }, { err.kind, err.code })
    must(writer, "ROLLBACK")
    assert.equal("1", place(T + 2, fresh))
    fresh:close()
    writer:close()
  end)

  it("takes no number that was rolled back for a change that is gone", function()
    must(log, "BEGIN"); logs.fill(log, 2); must(log, "ROLLBACK")
    fill(3)
    must(log, "BEGIN"); logs.fill(log, 2); must(log, "ROLLBACK")
    logs.fill(log, 2)
    set_times()
    assert.equal("2", place(T + 1))
    assert.equal("7", place(T + 6))
    assert.equal("7", place(T + 8))
  end)

  it("says where changes since then may be gone, and from when on there are any", function()
    fill(10)
    must(log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert.equal("5 trimmed 5 6", place(T + 2))
    assert.equal("5 trimmed 5 6", place(T + 6))
    assert.equal("6", place(T + 6.5))
    assert.equal("10", place(T + 11))
    must(log, "DELETE FROM forge_change_log WHERE seq = 8")
    assert.equal("8 trimmed 8 9", place(T + 7.5))
    assert.equal("5 trimmed 8 6", place(T + 6))
    assert.equal("6 trimmed 8 7", place(T + 7)) -- from there on there is a gap
    assert.equal("9", place(T + 10))
    must(log, "DELETE FROM forge_change_log")
    assert.equal("10 trimmed 10 none", place(T + 11))
    assert.equal("10", place(os.time() + 1000))
    logs.fill(log, 1)
    set_times()
    assert.equal("10 trimmed 10 11", place(T + 11))
    assert.equal("11", place(T + 12))
  end)

  it("is of a plain log, too, as far as that has times", function()
    local plain, other = logs.framework()
    logs.fill(other, 5)
    must(other, "UPDATE forge_change_log SET created_at = to_timestamp($1::float8 + seq)", T)
    assert.equal("2", place(T + 3, other))
    must(other, "DELETE FROM forge_change_log WHERE seq <= 2")
    assert.equal("2 trimmed 2 3", place(T + 3, other))
    assert.equal("3", place(T + 4, other))
    -- A change that does not say when it was written may be of any time.
    must(other, "ALTER TABLE forge_change_log ALTER created_at DROP NOT NULL")
    must(other, "UPDATE forge_change_log SET created_at = NULL WHERE seq = 4")
    assert.equal("3", place(T + 5, other))
    must(other, "ALTER TABLE forge_change_log DROP created_at")
    local position, err = other:position({ at = T })
    assert.is_nil(position)
    assert.same({ "schema", "no_times", "install" }, { err.kind, err.code, err.remedy })
    other:close()
    support.drop(plain)
  end)

  it("is found without walking over what was trimmed, and no further than it lies", function()
    fill(20000)
    local holder = logs.connect(db)
    must(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM forge_change_log LIMIT 1")
    assert(log:trim(os.time() + 1e8, { min_rows = 1000 }))
    assert.equal(19000, require("forgelog.seqs").empty_to(log.connection))
    local text = require("forgelog.connection.sql").statement("drain.at", "public")
    text = text:gsub("%$1", "19000"):gsub("%$2", tostring(T + 19002))
    must(log, "ANALYZE forge_change_log")
    local plan = {}
    for _, row in ipairs(must(log, "EXPLAIN (ANALYZE, BUFFERS, TIMING off) " .. text)) do
      plan[#plan + 1] = row["QUERY PLAN"]
    end
    local pages = tonumber(plan[1] and table.concat(plan, "\n"):match("shared hit=(%d+)"))
    assert.is_true(pages < 60, table.concat(plan, "\n"))
    assert.equal("19001", place(T + 19002))
    holder:close()
  end)

  it("is asked for in Unix seconds", function()
    for _, at in ipairs({ "2026-11-24", 0 / 0, 1 / 0, os.time() * 1000 }) do
      local ok, message = pcall(log.position, log, { at = at })
      assert.is_false(ok)
      assert.matches("at must be Unix seconds", message)
    end
  end)
end)
