-- The recipe of a webhook: signed, tried again while the receiver is away, parked where that
-- refuses it; each event at least once, also where the program is killed or an answer is lost.
local consumer = require "forgelog.consumer"
local docs = require "support.docs"
local logs = require "support.logs"
local nginx = require "support.nginx"
local receivers = require "support.receiver"
local recipes = require "support.recipes"
local support = require "support"

local must = logs.must

describe("the recipe of a webhook", function()
  local SECRET = "0123456789abcdefghijklmnopqrstuv"
  local recipe, log, receiver
  before_each(function()
    if not nginx.available() then return end
    recipe = recipes.new()
    log, receiver = recipe.log, receivers.start(SECRET)
  end)
  after_each(function()
    if not receiver then return end
    receiver:stop()
    recipe:close()
    receiver = nil
  end)

  local function begin(secret)
    local program = recipe:start("webhook.lua", { ["https://example.com/hook"] = receiver.url,
      ["head -c 32 /dev/urandom"] = "printf " .. (secret or SECRET) }, "export WEBHOOK_ATTEMPTS=2")
    recipe:wait("its position", function()
      return recipe:count("forge_change_log_consumers WHERE position IS NOT NULL") == 1
    end)
    return program
  end

  local function taken()
    local ids = {}
    for _, event in ipairs(receiver:events()) do ids[#ids + 1] = event.id end
    return ids
  end

  local function expect(what, ...)
    local wanted = table.concat({ ... }, " ")
    recipe:wait(what, function() return table.concat(taken(), " ") == wanted end)
  end

  it("sends what a library for it understands", function()
    if not receiver then return pending("there is no nginx, or no build for LuaJIT") end
    begin()
    must(log, "INSERT INTO orders VALUES (1, 'd''Ada \"x\"', 1.50); TRUNCATE orders")
    expect("both", 1, 2)
    local events = receiver:events()
    assert.matches('"type": "orders.truncate"', events[2].body, 1, true)
    assert.matches('"id": null', events[2].body, 1, true)
    must(log, "INSERT INTO orders VALUES (2, 'd''Ada \"x\"', 1.50)")
    expect("the third", 1, 2, 3)
    local body = receiver:events()[3].body
    local row = must(log, "SELECT $1::jsonb->>'type' AS type, $1::jsonb->'row' = to_jsonb(o) AS"
      .. " same FROM orders o", body)[1]
    assert.same({ type = "orders.insert", same = true }, row)
  end)

  it("is refused with another secret, and then parks its events", function()
    if not receiver then return pending("there is no nginx, or no build for LuaJIT") end
    local program = begin("another-secret-another-secret-32")
    must(log, "INSERT INTO orders VALUES (1, 'ada', 1)")
    recipe:wait("its end", function() return #assert(consumer.parked(log, "webhook")) == 1 end)
    assert.same({}, taken())
    local raised = "the handler, with the change of seq 1, raised: it answers 4%d%d"
    recipe:wait("its words", function()
      return program:errors():find("webhook: " .. raised .. " %(attempt 1%)\n")
        and program:errors():find("webhook: event 1 is parked: " .. raised .. "\n")
    end)
  end)

  it("waits while the receiver is away, and parks what it refuses", function()
    if not receiver then return pending("there is no nginx, or no build for LuaJIT") end
    begin()
    local function parked() return #assert(consumer.parked(log, "webhook")) end
    receiver:tell { away = 503 }
    must(log, "INSERT INTO orders VALUES (1, 'ada', 1), (2, 'bob', 1), (3, 'cleo', 1)")
    for i, status in ipairs { 503, 444 } do
      receiver:tell { away = status } -- for more tries than an event has
      recipe:wait("tries", function() return receiver:tries() > 1 + 2 * i end)
      assert.same({}, taken())
      assert.equal(0, parked())
    end
    receiver:tell { refuse = "bob" }
    expect("those of the others", 1, 3)
    recipe:wait("the refused one to be parked", function() return parked() == 1 end)
    must(log, "UPDATE orders SET customer = 'rob' WHERE id = 2;"
      .. " UPDATE orders SET total = 2 WHERE id = 3")
    expect("the later one of another order", 1, 3, 5)
    recipe:wait("both of the refused order", function() return parked() == 2 end)
    receiver:tell {}
    assert(consumer.retry(log, "webhook"))
    recipe:wait("them", function()
      return table.concat(taken(), " "):find("^1 3 5 2 [2 ]*4") ~= nil
    end)
  end)

  it("ends at a gap, and goes on without what is gone if it is told to", function()
    if not receiver then return pending("there is no nginx, or no build for LuaJIT") end
    recipes.kill(begin())
    must(log, "INSERT INTO orders VALUES (1, 'ada', 1)")
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    local program = begin()
    recipe:wait("its end", function() return not support.alive(program) end)
    local ok, _, errors = program:wait()
    assert.is_false(ok)
    assert.matches("trimmed", errors)
    docs.sh(recipe.db, "forgelog rewind webhook now")
    begin()
    must(log, "INSERT INTO orders VALUES (2, 'bob', 1)")
    expect("the second", 2)
  end)

  it("sends each event at least once, killed as often as may be", function()
    if not receiver then return pending("there is no nginx, or no build for LuaJIT") end
    receiver:tell { drop = true }
    recipe:kill_often("\\set id random(1, 9)\nINSERT INTO orders VALUES (:id, 'ada', 1)"
      .. " ON CONFLICT (id) DO UPDATE SET total = orders.total + 1;", begin,
      function() return #taken() end, { times = 2, transactions = 40 })
    local written, seen, twice = recipe:changes("orders"), nil, nil
    recipe:wait("all of them", function()
      seen, twice = {}, 0
      for _, id in ipairs(taken()) do
        twice = twice + (seen[id] and 1 or 0)
        seen[id] = true
      end
      local lost = 0
      for _, row in ipairs(must(log, "SELECT seq FROM forge_change_log")) do
        lost = lost + (seen[row.seq] and 0 or 1)
      end
      return lost == 0
    end)
    support.note("webhook: %d changes, lost 0, twice %d, killed twice", written, twice)
    assert.is_true(written >= support.scale(80) and twice > 0)
  end)
end)
