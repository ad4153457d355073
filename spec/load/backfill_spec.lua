-- A large table is read beside writers, while the consumer is killed at random moments and the
-- server is started again: at the end its copy is the table, and no key's last word is older.
-- FORGELOG_SCALE=20 reads a million rows.
local core = require "forgelog.core"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- Copies item twice: by looking rows up, and by the values that came with the changes, the last
-- word of each key. What each chunk took is written to a file.
local CONSUMER = [[
local conninfo, path, name = ...
local make_pace = require "forgelog.consumer.filling.pace"
local file = assert(io.open(path, "a"))
package.loaded["forgelog.consumer.filling.pace"] = function(...)
  local pace = make_pace(...)
  local took = pace.took
  function pace.took(self, seconds, count, now)
    file:write(("%.4f %d\n"):format(seconds, count)) -- in Lua 5.1 it returns no file
    file:flush()
    return took(self, seconds, count, now)
  end
  return pace
end
local consumer = require "forgelog.consumer"
local copies = require "support.copies"
consumer.new{ conninfo = conninfo, name = name, position = consumer.table(), resync = "backfill",
  backoff = 0.02, backoff_max = 0.1, poll = 0.2,
  on_changes = function(changes, log)
    local words, ids, values = {}, {}, {}
    for _, change in ipairs(changes) do
      words[change.row_id] = change.new and change.new.n or false
    end
    for id, n in pairs(words) do
      ids[#ids + 1], values[#values + 1] = id, n or "NULL"
    end
    ids, values = "{" .. table.concat(ids, ",") .. "}", "{" .. table.concat(values, ",") .. "}"
    assert(log:query("DELETE FROM word WHERE id = ANY ($1::bigint[])", ids))
    assert(log:query("INSERT INTO word SELECT * FROM unnest($1::bigint[], $2::int[]) u(id, n) "
      .. "WHERE n IS NOT NULL", ids, values))
    copies.copy(changes, log)
  end }:run()
]]

local WRITES = [[
\set a random(1, :rows)
\set b random(1, :rows)
\set c random(1, :rows)
\set n random(1, 1000000)
INSERT INTO item VALUES (2 * :a + 1, :n) ON CONFLICT DO NOTHING;
UPDATE item SET n = :n WHERE id = 2 * :b;
UPDATE item SET id = CASE WHEN :n % 2 = 0 THEN 1 ELSE -1 END * nextval('fresh') WHERE id = 2 * :c;
DELETE FROM item WHERE id = 2 * :a;
]]

describe("a backfill beside writers", function()
  local ROWS = support.scale(50000)
  local server, db, log
  setup(function()
    server = support.server()
    db, log = logs.installed(server.conninfo, { item = "id bigint PRIMARY KEY, n int" })
    assert(log:watch("item", { keep = { "n" } }))
    must(log, ("CREATE SEQUENCE fresh START %d; CREATE TABLE copy (id bigint PRIMARY KEY, n int);"
      .. "CREATE TABLE word (id bigint PRIMARY KEY, n int)"):format(3 * ROWS))
    must(log, "ALTER TABLE item DISABLE TRIGGER ALL")
    must(log, "INSERT INTO item SELECT 2 * i, i FROM generate_series(1, $1::int) i", ROWS)
    must(log, "ALTER TABLE item ENABLE TRIGGER ALL; ANALYZE item")
  end)
  teardown(function()
    log:close()
    server:stop()
  end)

  -- Four statements each transaction, most of which write one row.
  local function writers(seconds)
    return support.pgbench { conninfo = db, clients = 4, seconds = seconds, script = WRITES,
      variables = { rows = ROWS }, args = { "-R", "125" } }
  end

  local function left()
    return must(log, "SELECT coalesce(sum(rows), 0)::bigint AS rows, count(*) AS n "
      .. "FROM forge_change_log_backfills")[1]
  end

  -- How many rows of one table the other has not, in both directions.
  local function differ(other)
    return must(log, ([[SELECT count(*) AS n FROM ((TABLE item EXCEPT TABLE %s)
      UNION ALL (TABLE %s EXCEPT TABLE item)) d]]):format(other, other))[1].n
  end

  it("ends with the table, whoever is killed meanwhile", function()
    local KILLS, path = 20, support.path("chunks")
    local load = writers(3600)
    math.randomseed(7)
    local began, early = core.now(), 0
    for kill = 1, KILLS do
      local process = support.lua(CONSUMER, db, path, "copy")
      local before = left()
      if kill % 2 == 0 then -- as far as the machine lets it, every other one reads something
        support.wait_until(function()
          local now = left()
          return now.rows ~= before.rows or kill > 2 and now.n == 0
        end, "some rows to be read", 20)
      end
      logs.pause(math.random() * 0.25)
      if left().n > 0 then early = early + 1 end
      process:kill("KILL")
      process:wait()
      if kill == KILLS / 2 then
        load:stop()
        log:close()
        server:kill()
        server:start()
        log = logs.connect(db)
        load = writers(3600)
      end
    end
    local rows = left().rows
    local process = support.lua(CONSUMER, db, path, "copy")
    support.wait_until(function()
      return left().n == 0 and must(log, "SELECT EXISTS (SELECT FROM forge_change_log_consumers "
        .. "WHERE position IS NOT NULL) AS yes")[1].yes
    end, "the end of the table", 60 + ROWS / 2000)
    local took = core.now() - began
    load:stop()
    support.wait_until(function() return not logs.under_way(log) end, "the writers' end")
    local late
    pcall(support.wait_until, function()
      late = { differ("copy"), differ("word") }
      return late[1] + late[2] == 0
    end, "the copies to be the table", 5)
    process:kill("KILL")
    process:wait()
    local longest, chunks = 0, 0
    for seconds in support.read(path):gmatch("(%S+) %d+\n") do
      longest, chunks = math.max(longest, tonumber(seconds)), chunks + 1
    end
    os.remove(path)
    local written = must(log, "SELECT count(*) AS n FROM forge_change_log")[1].n
    support.note("%d rows in %.1f s beside %d changes; %d kills, %d of them before the end (%d "
      .. "rows by then), 1 restart; %d chunks, the longest took %.0f ms; different rows: %d and %d",
      ROWS, took, written, KILLS, early, rows, chunks, longest * 1000, late[1], late[2])
    assert.same({ 0, 0 }, late)
    assert.is_true(written > 500)
    assert.is_true(early >= 3)
  end)

  it("leaves writers their rate", function()
    local seconds = math.max(2, math.min(support.scale(2), 20))
    local alone = writers(seconds):wait() / seconds
    must(log, "TRUNCATE copy; TRUNCATE word")
    local path = support.path("chunks")
    local process = support.lua(CONSUMER, db, path, "again")
    local ok, beside = pcall(function()
      support.wait_until(function() return left().rows > 0 end, "some rows to be read", 20)
      return writers(seconds):wait() / seconds
    end)
    local read = left()
    process:kill("KILL")
    process:wait()
    assert(ok, beside)
    os.remove(path)
    support.note("transactions of 4 writes a second: %.1f alone, %.1f beside (%.2f); %s", alone,
      beside, beside / alone, read.n > 0 and read.rows .. " rows were read by then"
      or "all was read before they ended")
    assert.is_true(beside > 0)
  end)
end)
