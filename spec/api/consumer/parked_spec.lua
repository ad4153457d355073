-- Parked changes as others see them: listed, tried again, skipped, counted, forgotten; and how the
-- consumer is told.
local consumer = require "forgelog.consumer"
local logs = require "support.logs"
local parked = require "forgelog.consumer.parked"
local parking = require "forgelog.consumer.parking"
local support = require "support"

local must = logs.must

describe("parked changes", function()
  local db, log
  before_each(function()
    db, log = logs.installed()
    must(log, [[INSERT INTO forge_change_log_consumers (name, position, lanes) VALUES
      ('one', NULL, 2), ('one#1/2', '1:0', 2), ('one#2/2', '1:0', 2),
      ('one#1/3', '1:0', NULL), ('ones', '1:0', NULL), ('two', '1:0', NULL)]])
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  local function park(name, seq, key, err)
    local change = { seq = seq, table_name = "item", op = "UPDATE", row_id = key }
    if seq < 0 then change.seq, change.op = nil, "READ" end
    assert(parking.park(log.connection, name, key, change, err, err and 3))
  end

  local function asked()
    local by_name = {}
    for _, row in ipairs(must(log, "SELECT name, asked FROM forge_change_log_consumers "
      .. "WHERE asked > 0")) do by_name[row.name] = row.asked end
    return by_name
  end

  local function retried()
    return must(log, [[SELECT coalesce(string_agg(seq::text, ' ' ORDER BY id), '') AS seqs
      FROM forge_change_log_parked WHERE retry]])[1].seqs
  end

  local function three_of_a_and_one_of_b()
    park("one", 1, "a", "bad")
    park("one", 2, "a")
    park("one", 3, "b", { message = "worse" })
    park("one", 4, "a")
    park("two", 4, "a", "bad")
  end

  it("are listed in the order in which they were parked", function()
    three_of_a_and_one_of_b()
    park("one", -1, "c", "bad")
    local list = assert(consumer.parked(log, "one"))
    assert.equal(5, #list)
    assert.same({ 3, "b", 3, "worse", false, false }, { list[3].seq, list[3].key, list[3].attempts,
      list[3].error, list[3].waits, list[3].retry })
    assert.same({ seq = 3, table_name = "item", op = "UPDATE", row_id = "b" }, list[3].change)
    assert.same({ true, 0, nil }, { list[2].waits, list[2].attempts, list[2].error })
    assert.is_true(math.abs(list[1].parked_at - logs.server_time(log)) < 5)
    assert.same({ -list[5].id, "READ" }, { list[5].seq, list[5].change.op })
    local some = assert(consumer.parked(log, "one", { after = list[1].id, limit = 2 }))
    assert.same({ 2, 3, nil }, { some[1].seq, some[2].seq, some[3] })
    assert.same({}, consumer.parked(log, "nobody"))
  end)

  it("are tried again all at once, and the consumer is told", function()
    three_of_a_and_one_of_b()
    assert.equal(4, consumer.retry(log, "one"))
    assert.equal("1 3", retried())
    assert.same({ one = 1, ["one#1/2"] = 1, ["one#2/2"] = 1 }, asked())
    assert.equal(0, consumer.retry(log, "ones"))
    assert.equal(1, consumer.retry(log, "two"))
    assert.same({ one = 1, ["one#1/2"] = 1, ["one#2/2"] = 1, two = 1 }, asked())
  end)

  it("are tried again one by one, after those of their key that they wait behind", function()
    three_of_a_and_one_of_b()
    park("one", 5, "a", "bad") -- with park = "change" it waits for nobody
    assert.equal(1, consumer.retry(log, "one", 3))
    assert.equal("3", retried())
    assert.equal(3, consumer.retry(log, "one", 4))
    assert.equal("1 3", retried())
    assert.equal(1, consumer.retry(log, "one", 5))
    assert.equal("1 3 5", retried())
    assert.same({ one = 3, ["one#1/2"] = 3, ["one#2/2"] = 3 }, asked())
    park("two", -1, "x", "bad")
    local read = assert(consumer.parked(log, "two"))[2]
    assert.equal(1, consumer.retry(log, "two", read.seq))
  end)

  it("are skipped, and the next one of the key is tried", function()
    three_of_a_and_one_of_b()
    local entry = assert(consumer.skip(log, "one", 2))
    assert.same({ 2, "a" }, { entry.change.seq, entry.change.row_id })
    assert.equal("", retried())
    assert(consumer.skip(log, "one", 1))
    assert.equal("4", retried())
    assert.same({ one = 2, ["one#1/2"] = 2, ["one#2/2"] = 2 }, asked())
    park("two", -1, "x", "bad")
    local read = assert(consumer.parked(log, "two"))[2]
    assert.equal("READ", assert(consumer.skip(log, "two", read.seq)).change.op)
    assert.equal(1, #consumer.parked(log, "two"))
  end)

  it("are not there where they are not: an error says which", function()
    three_of_a_and_one_of_b()
    local function fails(message, ok, err)
      assert.same({ "no_parked", false }, { ok == nil and err.code, err.retryable })
      assert.equal(message, err.message)
    end
    fails("consumer one has no parked change 7", consumer.retry(log, "one", 7))
    fails("consumer one has no parked change 7", consumer.skip(log, "one", 7))
    fails("consumer one has no parked change r7", consumer.skip(log, "one", -7))
    fails("there is no consumer who here: it has never run, or keeps its position elsewhere",
      consumer.retry(log, "who"))
    assert.error_matches(function() consumer.skip(log, "one") end, "forgelog: skip: seq must be")
    assert.error_matches(function() consumer.retry(log, 1) end, "forgelog: retry: name must be")
    assert.same({}, asked())
  end)

  it("are counted", function()
    three_of_a_and_one_of_b()
    local found = {}
    for i, one in ipairs(assert(log:status()).consumers) do
      found[i] = { one.name, one.parked, one.parked_waiting, one.position }
      local is_recent = one.parked_seconds and one.parked_seconds < 5
      assert.equal((one.parked or 0) > 0, is_recent or false)
    end
    assert.same({ { "one", 4, 2 }, { "one#1/2", nil, nil, "1:0" }, { "one#2/2", nil, nil, "1:0" },
      { "one#1/3", nil, nil, "1:0" }, { "ones", 0, 0, "1:0" }, { "two", 1, 0, "1:0" } }, found)
  end)

  it("are forgotten with their consumer, also where that has no row", function()
    three_of_a_and_one_of_b()
    park("file", 1, "a", "bad")
    assert.equal("1:0", consumer.forget(log, "one"))
    assert.is_false(consumer.forget(log, "file"))
    assert.same({ { consumer = "two" } }, must(log,
      "SELECT consumer FROM forge_change_log_parked"))
  end)

  it("need the right to them", function()
    three_of_a_and_one_of_b()
    local role, drop_role = logs.role(log, [[GRANT SELECT ON forge_change_log,
      forge_change_log_state, forge_change_log_consumers TO %s]])
    local poor = logs.as(db, role)
    for _, ask in ipairs({
      function() return consumer.parked(poor, "one") end,
      function() return consumer.retry(poor, "one") end,
      function() return consumer.skip(poor, "one", 1) end,
      function() return parked.add(poor.connection, {}) end,
    }) do
      local ok, err = ask()
      assert.same({ true, "42501" }, { ok == nil, err.sqlstate })
    end
    local status = assert(poor:status())
    assert.same({ 5, nil }, { #status.consumers, status.consumers[1].parked })
    assert.equal("permission denied for table forge_change_log_parked", status.parked_error)
    must(log, "GRANT SELECT, UPDATE, DELETE ON forge_change_log_parked TO " .. role)
    must(log, "ALTER TABLE forge_change_log_parked ENABLE ROW LEVEL SECURITY")
    local ok, err = consumer.retry(poor, "one")
    assert.same({ true, "row_security" }, { ok == nil, err.code })
    poor:close()
    drop_role()
  end)

  it("take a log that was installed lately", function()
    must(log, "DROP TABLE forge_change_log_parked, forge_change_log_backfills")
    for _, ask in ipairs({ consumer.parked, consumer.retry }) do
      local ok, err = ask(log, "one")
      assert.same({ true, "no_parked_table", "install" }, { ok == nil, err.code, err.remedy })
    end
    assert.equal(6, #assert(log:status()).consumers + 1)
    assert(log:install())
    assert.same({}, consumer.parked(log, "one"))
  end)
end)
