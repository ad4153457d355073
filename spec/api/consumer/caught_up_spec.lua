-- Waiting until a consumer has had all that was committed before: true only when it has, and soon
-- after.
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local logs = require "support.logs"
local poll = require "forgelog.wait.poll"
local support = require "support"

local must = logs.must

describe("caught_up", function()
  local db, log, one, waiter, pauses, meanwhile

  -- A waiter in whose pauses something else goes on, as in an event loop.
  local function make_waiter()
    return { now = poll.now, wait = function(fd, events, seconds)
      if fd then return poll.wait(fd, events, seconds) end
      pauses = pauses + 1
      if meanwhile then return meanwhile() end
      return poll.wait(nil, "", seconds)
    end }
  end

  before_each(function()
    db = logs.installed()
    waiter, pauses, meanwhile = make_waiter(), 0, nil
    log = logs.connect(db, { wait = waiter })
    must(log, "CREATE TABLE effect (seq bigint)")
  end)
  after_each(function()
    if one then one:close() end
    one = nil
    log:close()
    support.drop(db)
  end)

  local function put(name, position, more)
    must(log, ([[INSERT INTO forge_change_log_consumers (name, position%s) VALUES ($1, $2%s)
      ON CONFLICT (name) DO UPDATE SET position = excluded.position]]):format(
      more and ", lanes" or "", more and ", " .. more or ""), name, position)
  end

  -- A consumer that writes what it is handed to a table; it steps in the pauses of the log.
  local function consume(options)
    local all = { conninfo = db, name = "one", position = consumer.table(), start = "beginning",
      poll = 0.02, batch = 7, on_changes = function(changes, own)
        for _, change in ipairs(changes) do
          must(own, "INSERT INTO effect VALUES ($1)", change.seq)
        end
      end }
    for name, value in pairs(options or {}) do all[name] = value end
    one = consumer.new(all)
    meanwhile = function() one:step(0.02) end
  end

  local function behind(name, timeout)
    local ok, err = log:caught_up(name, timeout or 0)
    assert.is_nil(ok)
    local said = { err.kind, err.code }
    for _, lane in ipairs(err.behind or {}) do
      said[#said + 1] = ("%s %s"):format(lane.name, lane.changes or "?")
    end
    return table.concat(said, " "), err.message
  end

  local function missing()
    return #must(log, "SELECT FROM forge_change_log l WHERE NOT EXISTS"
      .. " (SELECT FROM effect e WHERE e.seq = l.seq)")
  end

  it("is an error at once where there is no such consumer", function()
    logs.fill(log, 3)
    local message =
      "there is no consumer one here: it has never run, or keeps its position elsewhere"
    for _, row in ipairs({ "", "(name) VALUES ('one')",
      "(name, position) VALUES ('one#x', '1:1')" }) do
      if row ~= "" then must(log, "INSERT INTO forge_change_log_consumers " .. row) end
      assert.same({ "schema no_consumer", message }, { behind("one", 60) })
    end
    put("one", "soon")
    assert.equal("schema no_position", (behind("one", 60)))
    assert.equal(0, pauses)
    local plain, other = logs.framework()
    local ok, err = other:caught_up("one", 60)
    assert.is_nil(ok)
    assert.same({ "schema", "no_consumers", "install" }, { err.kind, err.code, err.remedy })
    other:close()
    support.drop(plain)
  end)

  it("tells who is behind, and by how much", function()
    put("one", "1:0")
    assert.is_true(log:caught_up("one", 0))
    logs.fill(log, 5)
    assert.equal("timeout behind one 5", (behind("one")))
    put("one", "1:1:3-4")
    local said, message = behind("one", 0.5)
    assert.equal("timeout behind one 2", said)
    assert.equal("consumer one has not caught up in time: one is behind by 2 changes", message)
    assert.is_true(pauses > 1)
    put("one", "1:1:2-5")
    assert.is_true(log:caught_up("one"))
    must(log, "BEGIN"); logs.fill(log, 2); must(log, "ROLLBACK")
    assert.is_true(log:caught_up("one", 0))
  end)

  it("counts each lane", function()
    logs.fill(log, 5)
    put("one#1/3", "1:5")
    put("one#2/3", "1:3")
    assert.equal("timeout behind one#2/3 2 one#3/3 ?", (behind("one")))
    put("one#3/3", "1:2:4-5")
    meanwhile = function() put("one#2/3", "1:5") end
    assert.equal("timeout behind one#3/3 1", (behind("one", 0.5)))
    meanwhile = function() put("one#3/3", "1:5") end
    assert.is_true(log:caught_up("one"))
    put("one", nil, 4) -- by now it has another number of them
    assert.equal("timeout behind one#1/4 ? one#2/4 ? one#3/4 ? one#4/4 ?", (behind("one")))
  end)

  it("waits until tables are read, those aside that are paused", function()
    logs.fill(log, 20)
    consume({ start = "now", on_changes = function() end })
    one:step(1)
    assert.is_true(log:caught_up("one", 30))
    assert(consumer.backfill(log, "one", "item"))
    local working = meanwhile
    meanwhile = nil
    assert.same({ "timeout behind one 0",
      "consumer one has not caught up in time: one is reading item" }, { behind("one") })
    assert.equal("item", select(2, log:caught_up("one", 0)).behind[1].reading)
    logs.fill(log, 2)
    assert.matches("one is behind by 2 changes and is reading item$",
      select(2, behind("one", 0.05)))
    meanwhile = working
    assert.is_true(log:caught_up("one", 30))
    assert.equal(0, #must(log, "SELECT FROM forge_change_log_backfills"))
    meanwhile = nil
    assert(consumer.backfill(log, "one", "item"))
    assert(consumer.backfill(log, "one", "item", { pause = true }))
    assert.is_true(log:caught_up("one", 0))
    must(log, "DROP TABLE forge_change_log_backfills")
    assert.is_true(log:caught_up("one", 0))
  end)

  it("waits for a consumer, and for nothing else", function()
    consume()
    logs.fill(log, 30)
    one:step(5)
    assert.is_true(log:caught_up("one", 30))
    assert.equal(0, missing())
    for round = 1, 10 do
      logs.fill(log, round)
      assert.is_true(log:caught_up("one"))
      assert.equal(0, missing())
    end
    meanwhile = function() logs.fill(log, 1); one:step(0.02) end -- it is never done with all
    logs.fill(log, 20)
    assert.is_true(log:caught_up("one", 30))
  end)

  it("has what was committed above a lower seq of a writer who is still open", function()
    consume()
    logs.fill(log, 3)
    one:step(5)
    assert.is_true(log:caught_up("one", 30))
    local writer = logs.connect(db)
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(log, 3)
    assert.is_true(log:caught_up("one", 30))
    assert.equal(0, missing())
    must(writer, "COMMIT")
    assert.is_true(log:caught_up("one", 30))
    assert.equal(0, missing())
    must(writer, "BEGIN; INSERT INTO item (n) VALUES (1)")
    logs.fill(log, 3)
    must(writer, "ROLLBACK")
    writer:close()
    assert.is_true(log:caught_up("one", 30))
    assert.equal(0, missing())
  end)

  it("waits until a consumer of other tables has saved that it is past them", function()
    must(log, "CREATE TABLE other (id serial PRIMARY KEY)")
    assert(log:watch("other"))
    consume({ tables = { "other" } })
    must(log, "INSERT INTO other DEFAULT VALUES")
    one:step(5)
    logs.fill(log, 3)
    assert.is_true(log:caught_up("one", 30))
    assert.equal(3, missing())
  end)

  it("is a gap where the consumer must resync, also when a trim comes meanwhile", function()
    logs.fill(log, 10)
    put("one", "1:4")
    must(log, "DELETE FROM forge_change_log WHERE seq <= 4")
    assert.equal("timeout behind one 6", (behind("one")))
    meanwhile = function() must(log, "DELETE FROM forge_change_log") end
    local said, message = behind("one", 60)
    assert.equal("gap trimmed", said)
    assert.equal("consumer one must resync: trimmed", message)
    assert.equal(1, pauses)
    local _, err = log:caught_up("one")
    assert.same({ "gap", "trimmed", "trimmed", 10 }, { err.kind, err.code, err.reason, err.upto })
  end)

  it("is refused in a transaction, and without a name", function()
    put("one", "1:0")
    must(log, "BEGIN")
    assert.equal("query in_transaction", (behind("one")))
    must(log, "ROLLBACK")
    assert.matches("caught_up: name must be a string",
      select(2, pcall(log.caught_up, log)))
    assert.matches("caught_up: timeout must be a number of seconds",
      select(2, pcall(log.caught_up, log, "one", "5s")))
  end)

  it("is true in time with a consumer of another program", function()
    local other = support.lua([[
      local consumer = require "forgelog.consumer"
      local one = consumer.new{ conninfo = (...), name = "one", position = consumer.table(),
        start = "beginning", poll = 0.05, transaction = true, on_changes = function(changes, log)
          for _, change in ipairs(changes) do
            assert(log:query("INSERT INTO effect VALUES ($1)", change.seq))
          end
        end }
      assert(one:run())
    ]], db)
    logs.fill(log, 1)
    support.wait_until(function()
      return must(log, "SELECT FROM forge_change_log_consumers WHERE position IS NOT NULL")[1]
    end, "its first position")
    local started, rounds = core.now(), 10
    for _ = 1, rounds do
      logs.fill(log, 20)
      assert.is_true(log:caught_up("one", 30))
      assert.equal(0, missing())
    end
    support.note("%.0f ms a round", (core.now() - started) / rounds * 1000)
    other:kill("KILL")
    other:wait()
    logs.fill(log, 1)
    assert.equal("timeout behind one 1", (behind("one")))
  end)
end)
