-- Work that outlives its connection: the handler's work is done once, and its position is saved by
-- another connection. Connections are lost as they are in life: the server ends one that rested, an
-- administrator ends one, the network drops one, the server starts anew.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"
local relay = require "support.relay"
local support = require "support"

local must, settle = logs.must, consumers.settle

-- Stores by name; the file's path and the user's table are new each time.
local stores = {
  memory = consumer.memory,
  file = function() return consumer.file(support.path("position")) end,
  table = consumer.table,
  own = function()
    local saved
    return {
      load = function(log) return must(log, "SELECT $1::text AS saved", saved)[1].saved end,
      save = function(log, _, position)
        must(log, "SELECT 1")
        saved = position
        return true
      end,
    }
  end,
}

describe("a handler that outlives its connection", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  local IDLE = { idle_session_timeout = " options='-c idle_session_timeout=200'" }

  -- Has a connection end while its consumer's handler works.
  local ends = {
    pg_terminate_backend = function(one) at:terminate(one) end,
    idle_session_timeout = function(one)
      support.wait_until(function() return #relay.sessions(at.log, at.names[one]) == 0 end,
        "the server to end it")
    end,
  }

  for _, case in ipairs {
    { "pg_terminate_backend", "memory" }, { "pg_terminate_backend", "file" },
    { "pg_terminate_backend", "table" }, { "pg_terminate_backend", "own" },
    { "idle_session_timeout", "file" }, { "idle_session_timeout", "table" },
  } do
    local way, name = case[1], case[2]
    it(("by %s does its work once, with the store %s"):format(way, name), function()
      at:add(20)
      local works, resyncs, one = 0, 0, nil
      local seen
      one, seen = at:make { name = "one", position = stores[name](), batch = 10, poll = 0.1,
        start = "resync", conninfo = at.db .. (IDLE[way] or "") .. " application_name=consumer1",
        on_resync = function()
          resyncs = resyncs + 1
          at:add(20) -- which come after it
          ends[way](one)
        end,
        on_changes = function(changes)
          works = works + 1
          consumers.write(changes, at.log)
          ends[way](one)
        end }
      assert.equal(20, settle(one))
      support.note("%s, %s: %d resync, %d batches, %d errors told, saved %s", way, name, resyncs,
        works, #seen.errors, one:stats().position)
      assert.same({ 1, 2 }, { resyncs, works })
      assert.same({ n = 20, different = 20 }, at:effects())
      assert.matches("^%d+:40$", one:stats().position)
      assert.equal(20, one:stats().handed_out)
      one:close()
      assert.equal(0, settle(one)) -- it was saved
      assert.equal(2, works)
    end)
  end

  it("in a transaction, which ends with it, does its work again and commits it once", function()
    at:add(10)
    local works, one = 0, nil
    one = at:writer { position = consumer.table(), transaction = true,
      on_changes = function(changes, log)
        works = works + 1
        consumers.write(changes, log)
        if works == 1 then at:terminate(one) end
      end }
    assert.equal(10, settle(one))
    assert.same({ 2, 10 }, { works, at:effects().n })
  end)

  -- A clock that is set forward, so that no time has to pass.
  local function ahead()
    local clock = { by = 0, wait = core.poll }
    function clock.now() return core.now() + clock.by end
    return clock
  end

  for _, transaction in ipairs { false, true } do
    it(("finds a connection that stands, whatever the pause was; transaction: %s"):format(
      tostring(transaction)), function()
      at:add(30)
      local clock, works, errors, one = ahead(), 0, 0, nil
      local function rest()
        at:terminate(one)
        clock.by = clock.by + 5
      end
      one = at:writer { position = consumer.table(), transaction = transaction, wait = clock,
        on_error = function(err)
          errors = errors + 1
          if err.code == "handler_failed" then rest() end
        end,
        on_changes = function(changes, log)
          works = works + 1
          consumers.write(changes, log) -- fails on a connection that is gone
          if works % 2 == 1 then error("every other time") end
        end }
      assert.equal(30, settle(one))
      support.note("transaction %s: %d tries of 3 batches, %d errors", tostring(transaction), works,
        errors)
      assert.equal(6, works)
      assert.same({ 3, 3 }, { errors, one:stats().reconnects })
      assert.equal(transaction and 30 or 60, at:effects().n)
    end)
  end

  it("behind work outside of the database hands the next batch to a connection that stands",
    function()
      at:add(30)
      local clock, works, one = ahead(), 0, nil
      one = at:writer { position = consumer.memory(), wait = clock,
        on_changes = function(changes, log)
          works = works + 1
          consumers.write(changes, log)
          at:terminate(one)
          clock.by = clock.by + 5
        end }
      assert.equal(30, settle(one))
      assert.same({ n = 30, different = 30 }, at:effects())
      assert.equal(3, works)
    end)

  it("saves nothing where another consumer of its name went on meanwhile", function()
    at:add(11)
    local works, one = 0, nil
    local other = at:writer { position = consumer.table(), batch = 20 }
    one = at:writer { position = consumer.table(), on_changes = function()
      works = works + 1
      if works > 1 then return end
      at:terminate(one)
      consumers.handle(other, 11)
      other:close()
    end }
    assert.equal(0, settle(one))
    assert.equal(1, works)
    assert.matches("^%d+:11%f[@%z]", one:stats().position .. "\0")
    at:add(1)
    assert.equal(1, one:step(5))
  end)

  it("does not work on while another has its name", function()
    at:add(10)
    local clock, works, other, one = ahead(), 0, at:writer { position = consumer.table() }, nil
    one = at:writer { position = consumer.table(), wait = clock, on_changes = function()
      works = works + 1
      at:terminate(one)
      consumers.handle(other, 10)
      clock.by = clock.by + 5
      error("the other has the name by now")
    end }
    local codes = {}
    support.wait_until(function()
      local _, err = one:step(0.1)
      codes[#codes + 1] = (err.last_error or err).code
      clock.by = clock.by + 1
      return codes[#codes] == "name_taken"
    end, "the name to be taken")
    support.note("%d call; then %s", works, table.concat(codes, ", "))
    assert.same({ 1, "handler_failed" }, { works, codes[1] })
    other:close()
    assert.equal(0, settle(one)) -- the other has done it
    assert.equal(1, works)
  end)

  it("saves at the end what could not be saved before", function()
    at:add(3)
    local works, one = 0, nil
    one = at:writer { position = consumer.table(), on_changes = function()
      works = works + 1
      at:terminate(one)
      one:stop()
    end }
    assert.is_true(one:run())
    assert.matches("^%d+:3$", one:stats().position)
    assert.equal(0, settle(one))
    assert.equal(1, works)
  end)
end)

describe("a consumer whose connection the network drops without a word", function()
  local at, between
  before_each(function()
    at = consumers.start()
    between = relay.start(at.db)
  end)
  after_each(function()
    at:close()
    between:stop()
  end)

  it("ends its own session of before, which holds its name, and does its work once", function()
    at:add(3)
    local works, sessions = 0, nil
    local one, seen = at:writer { position = consumer.table(), silence = 0.6,
      conninfo = between.conninfo .. " application_name=consumer1",
      on_changes = function()
        works = works + 1
        sessions = relay.sessions(at.log, "consumer1")
        between:drop()
      end }
    consumers.handle(one, 3)
    support.note("%d batch, %d errors told; the session of before: %d", works, #seen.errors,
      sessions[1])
    local now = relay.sessions(at.log, "consumer1")
    assert.equal(1, works)
    assert.equal(1, #now)
    assert.are_not.equal(sessions[1], now[1])
    assert.matches("^%d+:3$", one:stats().position)
  end)

  it("never ends the session of another consumer of its name", function()
    local first = at:writer { position = consumer.table() }
    settle(first)
    local second = at:writer { position = consumer.table() }
    local _, err = second:step(0.1)
    local pid = relay.sessions(at.log, "consumer1")[1]
    assert.same({ "query", "name_taken", "55P03", true, pid }, { err.kind, err.code, err.sqlstate,
      err.retryable, err.pid })
    assert.matches("^another consumer named one is running %(pid " .. pid
      .. ", consumer1, connected since %d+%-%d+%-%d+ %d+:%d+:%d+ UTC%)$", err.message)
    at:terminate(first)
    support.wait_until(function() return select(2, second:step(0.1)).code == "no_change" end,
      "the second to take over")
    first:step(0.3)
    at:add(1)
    assert.equal(1, second:step(5))
    assert.equal(second:stats().reconnects, 0)
  end)
end)

describe("a handler during which the server starts anew", function()
  local server, at
  setup(function()
    server = support.server()
    at = consumers.start(server.conninfo)
  end)
  teardown(function()
    for _, each in ipairs(at.made) do each:close() end
    server:stop()
  end)

  it("does its work once", function()
    at:add(3)
    local works = 0
    local one = at:make { name = "one", position = consumer.table(), on_changes = function()
      works = works + 1
      server:stop()
      server:start()
    end }
    consumers.handle(one, 3)
    assert.equal(1, works)
    assert.matches("^%d+:3$", one:stats().position)
    one:close()
  end)

  it("a loop of steps outlives, as it does a start without a server and another of its name",
    function()
      server:stop()
      local one, codes = at:writer { position = consumer.table() }, {}
      local function step()
        local done, err = one:step(0.1)
        if err then
          assert.is_true(one:passes(err), tostring(err))
          codes[err.code or err.kind] = true
        end
        return done
      end
      step()
      assert.is_true(codes.connect)
      server:start()
      local other = at:writer { position = consumer.table() }
      settle(other)
      support.wait_until(function() step() return codes.name_taken end, "the other's name")
      other:close()
      support.wait_until(function() step() return codes.no_change end, "its turn")
      local refused = at:writer { position = consumer.table(), exclusive = "refuse" }
      local _, err = refused:step(5)
      assert.same({ "name_taken", false }, { err.code, refused:passes(err) })
    end)
end)
