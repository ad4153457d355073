-- Lanes beside programs that sleep, are away, or are of an older version: whoever changes how many
-- there are, no two programs of different numbers work at the same time.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local forgelog = require "forgelog"
local lanes = require "forgelog.consumer.lanes"
local logs = require "support.logs"

local must, settle = logs.must, consumers.settle

describe("lanes", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  local function lane(share)
    return at:make { name = "one", position = consumer.table(), share = share, start = "now" }
  end

  it("that were away while their number was changed, or were forgotten, find out", function()
    local one = lane("1/2")
    settle(one)
    at:terminate(one)
    assert.equal(2, (assert(consumer.lanes(at.log, "one", 3))))
    local _, err
    local deadline = core.now() + 10
    repeat
      _, err = one:step(0.5)
    until err.code == "lanes" or core.now() > deadline
    assert.same({ "lanes", 3, false }, { err.code, err.lanes, one:passes(err) })
    one:close()
    one = lane("1/3")
    settle(one)
    at:terminate(one)
    assert.is_truthy(consumer.forget(at.log, "one"))
    deadline = core.now() + 10
    while one:step(0.5) ~= 0 and core.now() < deadline do end
    assert.equal(3, consumer.lanes(at.log, "one"))
  end)

  it("that begin once a lease was over fence its sleeper", function()
    at:add(5)
    local first, works = nil, 0
    local one, seen = at:make { name = "one", position = consumer.table(), lease = 0.3,
      on_changes = function()
        works = works + 1
        logs.pause(0.4)
        first = first or lane("1/2")
        settle(first)
      end }
    local _, err = one:step(5)
    assert.equal("superseded", err.code)
    repeat _, err = one:step(5) until err.code ~= "superseded"
    assert.same({ "lanes", 2 }, { err.code, err.lanes })
    assert.equal(1, works)
    assert.is_nil(must(at.log, [[SELECT position FROM forge_change_log_consumers
      WHERE name = 'one']])[1].position)
    assert.equal(0, #seen.seqs)
  end)

  it("do not begin while an older program has the name, nor in the row of another name", function()
    must(at.log, [[INSERT INTO forge_change_log_consumers (name, position)
      VALUES ('one#1/2', '1:0')]])
    local all = { lane("1/2"), lane("2/2") }
    local _, err = all[1]:step(0.1)
    assert.equal("name_taken", err.code)
    assert.is_truthy(consumer.forget(at.log, "one#1/2"))
    assert.is_false(consumer.forget(at.log, "one"))
    local other = forgelog.connect(at.db)
    must(other, [[SELECT pg_advisory_lock(x'464F5247'::int,
      hashtext('forge_change_log'::regclass::oid::text || 'one'))]])
    _, err = all[2]:step(0.1)
    assert.equal("name_taken", err.code)
    other:close()
    settle(all[2])
  end)

  it("tell what went wrong while they were written down", function()
    local log, counts = forgelog.connect(at.db), 0
    local conn, backend = log.connection, logs.backend(log)
    local cut = { run = function(_, statement, ...)
      counts = counts + (statement == "lanes.count" and 1 or 0)
      if counts == 2 then must(at.log, "SELECT pg_terminate_backend($1::int, 10000)", backend) end
      return conn:run(statement, ...)
    end }
    local ok, err = lanes.enter(cut, "one", lanes.parse("1/2", "one"))
    assert.same({ nil, true }, { ok, type(err) == "table" and err.retryable })
    log:close()
  end)

  it("wait for nobody who has locked the row of their consumer", function()
    local all = { lane("1/2"), lane("2/2") }
    settle(all[1])
    all[1]:close()
    local other = forgelog.connect(at.db)
    must(other, "BEGIN; SELECT FROM forge_change_log_consumers WHERE name = 'one' FOR UPDATE")
    local began = core.now()
    assert.equal("name_taken", consumers.code(all[1], 0.1))
    assert.is_true(core.now() - began < 5)
    other:close()
    settle(all[1])
  end)
end)
