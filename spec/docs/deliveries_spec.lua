-- The recipes of an audit trail and an outbox: killed by SIGKILL as often as may be. Nothing is
-- lost, and what is to be there once is there once.
local consumer = require "forgelog.consumer"
local logs = require "support.logs"
local recipes = require "support.recipes"
local support = require "support"

local must = logs.must

describe("the recipe of", function()
  local recipe, log
  before_each(function()
    recipe = recipes.new()
    log = recipe.log
  end)
  after_each(function() recipe:close() end)

  local function parked(name) return assert(consumer.parked(log, name)) end

  it("an audit trail has each change once, with who and why", function()
    recipe:sh("watch account")
    must(log, "INSERT INTO account SELECT g, 'ada', 0 FROM generate_series(1, 20) g")
    local program = recipe:kill_often([[
      \set id random(1, 20)
      BEGIN;
      SELECT set_config('forgelog.context', 'client ' || :client_id, true);
      UPDATE account SET balance = balance + 1 WHERE id = :id;
      COMMIT;]], function() return recipe:start_lua('name = "audit"') end,
      function() return recipe:count("audit") end)
    for _ = 1, 2 do
      recipe:wait("the audit", function()
        return recipe:count("audit") >= recipe:changes("account") end)
      recipe:wait("the program to have the name", function()
        return recipe:query("SELECT EXISTS (SELECT FROM forge_change_log_consumers JOIN"
          .. " pg_stat_activity USING (pid) WHERE name = 'audit') AS yes")[1].yes
      end)
      recipe:kill_where(program, "SELECT FROM forge_change_log_consumers WHERE name = 'audit'"
        .. " FOR UPDATE", "UPDATE account SET owner = 'eve' WHERE id = 1")
      program = recipe:start_lua('name = "audit"')
    end
    local written = recipe:changes("account")
    recipe:wait("the audit", function() return recipe:count("audit") >= written end)
    assert.equal(written, recipe:count("audit"))
    assert.equal(written, recipe:count("forge_change_log l JOIN audit a USING (seq)"
      .. " WHERE l.row_id = a.row_id AND l.context IS NOT DISTINCT FROM a.who"))
    local steps = recipe:count("audit WHERE op = 'UPDATE' AND who LIKE 'client %'"
      .. " AND (new->>'balance')::int = (old->>'balance')::int + 1")
    support.note("audit: %d changes, killed 5 times", written)
    assert.equal(written - 22, steps)
    must(log, "UPDATE account SET owner = NULL, balance = NULL WHERE id = 1; DELETE FROM account"
      .. " WHERE id = 1; TRUNCATE account")
    recipe:wait("the end", function() return recipe:count("audit") == written + 3 end)
    local last = must(log, "SELECT op, row_id, old::text, new::text FROM audit ORDER BY seq DESC")
    assert.same({ { op = "TRUNCATE" }, { op = "DELETE", row_id = "1", old = "{}" } },
      { last[1], last[2] })
    assert.equal("{}", last[3].new)
  end)

  it("an audit trail ends where changes are gone, and says so", function()
    recipe:sh("watch account")
    local program = recipe:start_lua('name = "audit"')
    must(log, "INSERT INTO account VALUES (1, 'ada', 1)")
    recipe:wait("the first", function() return recipe:count("audit") == 1 end)
    recipes.kill(program)
    must(log, "UPDATE account SET balance = 2")
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    local ok, _, errors = recipe:start_lua('name = "audit"'):wait()
    assert.is_false(ok)
    assert.matches("trimmed", errors)
  end)

  it("an outbox delivers each message, in order per aggregate, and parks what fails", function()
    local delivered = support.path("delivered")
    local function begin()
      return recipe:start("outbox.lua", { ["'wc -c'"] = "'sh " .. delivered .. ".sh'" },
        "export OUTBOX_ATTEMPTS=2")
    end
    support.write(delivered .. ".sh", ('text=$(cat); case $text in *poison*) exit 1;; esac; echo '
      .. '"$text" >>%s\n'):format(delivered))
    support.write(delivered, "")
    local function ids()
      local list = {}
      for id, aggregate in support.read(delivered):gmatch('"id": (%d+)[^\n]*ate": "(%w+)"') do
        list[#list + 1] = { id = tonumber(id), aggregate = aggregate }
      end
      return list
    end
    must(log, "INSERT INTO account SELECT g, 'ada', 0 FROM generate_series(1, 6) g")
    must(log, "INSERT INTO outbox (aggregate, body) VALUES ('early', '1')")
    recipe:sh("watch outbox")
    recipe:kill_often([[
      \set id random(1, 6)
      BEGIN;
      UPDATE account SET balance = balance + 1 WHERE id = :id;
      INSERT INTO outbox (aggregate, body) VALUES ('a' || :id, '{}');
      COMMIT;]], begin, function() return #ids() end)
    recipe:wait("the outbox to be empty", function() return recipe:count("outbox") == 0 end)
    local seen, last, twice = {}, {}, 0
    for _, one in ipairs(ids()) do
      if seen[one.id] then
        twice = twice + 1
      else
        assert.is_true(one.id > (last[one.aggregate] or 0), "out of order")
        seen[one.id], last[one.aggregate] = true, one.id
      end
    end
    local rows, lost = must(log, "SELECT row_id FROM forge_change_log WHERE table_name = 'outbox'"
      .. " AND op = 'INSERT'"), 0
    for _, row in ipairs(rows) do lost = lost + (seen[tonumber(row.row_id)] and 0 or 1) end
    support.note("outbox: %d messages, lost %d, twice %d, killed 3 times", #rows, lost, twice)
    assert.is_true(#rows > support.scale(200))
    assert.equal(0, lost)

    local before = #ids()
    must(log, [[INSERT INTO outbox (aggregate, body) VALUES ('a1', '"poison"'), ('a1', '{}'),
      ('a2', '{}')]])
    recipe:wait("one of another aggregate", function() return #ids() == before + 1 end)
    assert.equal("a2", ids()[#ids()].aggregate)
    recipe:wait("both of it to be parked", function() return #parked("outbox") == 2 end)
    must(log, "UPDATE outbox SET body = '{}'")
    assert(consumer.retry(log, "outbox"))
    recipe:wait("both", function() return #ids() == before + 3 end)
    recipe:wait("the outbox to be empty", function() return recipe:count("outbox") == 0 end)
  end)

  it("an outbox sends what is there after a gap", function()
    recipe:sh("watch outbox")
    local delivered = support.path("delivered")
    local function begin()
      return recipe:start("outbox.lua", { ["'wc -c'"] = "'cat >>" .. delivered .. "'" })
    end
    local function has(text)
      recipe:wait(text, function()
        return (support.read(delivered) or ""):find(text, 1, true) end)
    end
    local program = begin()
    must(log, "INSERT INTO outbox (aggregate, body) VALUES ('a', '\"one\"')")
    has("one")
    recipes.kill(program)
    must(log, "INSERT INTO outbox (aggregate, body) VALUES ('a', '\"two\"')")
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    begin()
    has("two")
  end)
end)
