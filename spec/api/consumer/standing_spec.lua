-- What a consumer makes of a name that is another's by now, of a position that was moved or removed
-- by hand, of a server that hangs, and of a handler that leaves something open, or closes it.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"
local relay = require "support.relay"
local support = require "support"

local must, handle, settle = logs.must, consumers.handle, consumers.settle

-- A clock that is set forward, so that no time has to pass.
local function ahead()
  local clock = { by = 0, wait = core.poll }
  function clock.now() return core.now() + clock.by end
  return clock
end

local function own_store()
  local saved
  return {
    load = function() return saved end,
    save = function(_, _, position)
      saved = position
      return true
    end,
  }
end

local function file_store() return consumer.file(support.path("position")) end

describe("a consumer", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  for name, make_store in pairs { file = file_store, own = own_store } do
    for how, late in pairs { ["in time"] = 0, ["when the time of its step is over"] = 0.5 } do
      it(("saves nothing over the position of another that has its name, %s, with a store: %s")
        :format(how, name), function()
        at:add(20)
        local clock, store, works, one = ahead(), make_store(), 0, nil
        local other = at:make { name = "one", position = store, batch = 20 }
        one = at:make { name = "one", position = store, batch = 5, wait = clock,
          on_changes = function()
            works = works + 1
            if works > 1 then return end
            at:terminate(one)
            handle(other, 20)
            clock.by = late
          end }
        for _ = 1, 4 do assert.is_nil((one:step(0.1))) end
        assert.matches("^%d+:20$", store.load())
        other:close()
        assert.equal(0, settle(one))
        assert.equal(1, works)
        assert.matches("^%d+:20%f[@%z]", store.load() .. "\0")
      end)
    end
  end

  it("saves no heartbeat over the position of another that has its name", function()
    local clock, store = ahead(), own_store()
    local one = at:make { name = "one", position = store, lease = 0.3, wait = clock,
      ops = { "DELETE" } }
    local other = at:make { name = "one", position = store, ops = { "DELETE" } }
    settle(one)
    settle(other)
    local theirs = other:stats().position
    at:add(3)
    clock.by = 11
    for _ = 1, 3 do
      local done, err = one:step(0.1)
      assert.is_nil(done)
      assert.is_not.equal("no_change", err.code)
    end
    assert.equal(theirs, store.load())
  end)

  for name, make_store in pairs { memory = consumer.memory, table = consumer.table } do
    it("counts work that is left in an open transaction as failed, with the store " .. name,
      function()
        at:add(3)
        local works = 0
        local one, seen = at:make { name = "one", position = make_store(),
          on_changes = function(changes, log)
            works = works + 1
            if works < 3 then must(log, "BEGIN") end
            consumers.write(changes, log)
          end }
        local _, err = one:step(5)
        assert.same({ "handler_failed", true, 3 }, { err.code, err.retryable, err.changes })
        assert.matches("left a transaction open", err.message, 1, true)
        assert.is_nil(one:stats().position)
        assert.equal(3, settle(one))
        assert.same({ 3, 2 }, { works, #seen.errors })
        assert.same({ n = 3, different = 3 }, at:effects())
      end)
  end

  it("that is cut off and forgotten at once starts over", function()
    at:add(5)
    local one = at:writer { position = consumer.table() }
    assert.equal(5, settle(one))
    at:terminate(one)
    assert.matches("^%d+:5$", consumer.forget(at.log, "one"))
    assert.equal(5, settle(one))
    assert.equal(10, at:effects().n)
  end)

  it("goes on from a position that was moved back by hand to that of a heartbeat", function()
    local clock = ahead()
    local one = at:writer { position = consumer.table(), wait = clock }
    settle(one)
    clock.by = 11
    settle(one)
    local beat = one:stats().position:match("^[^@]+") -- as it is while the next work is done
    at:add(5)
    assert.equal(5, settle(one))
    at:terminate(one)
    must(at.log, "UPDATE forge_change_log_consumers SET position = $1", beat)
    assert.equal(5, settle(one))
    assert.equal(10, at:effects().n)
  end)

  it("ends where it has no right to save any more", function()
    local role = logs.role(at.log, [[GRANT SELECT ON forge_change_log, forge_change_log_state TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_consumers TO %s]])
    at:add(1)
    local one = at:make { name = "one", position = consumer.table(),
      conninfo = at.db:gsub("user=%S+", "user=" .. role), on_changes = function()
        must(at.log, "REVOKE UPDATE ON forge_change_log_consumers FROM " .. role)
      end }
    local done, err = one:step(5)
    assert.same({ nil, "42501", false }, { done, err.sqlstate, one:passes(err) })
    must(at.log, "DROP OWNED BY " .. role)
  end)

  for _, name in ipairs { "memory", "file", "table" } do
    it("that its handler, on_resync or on_error closes has saved what is done: " .. name, function()
      local stores = { memory = consumer.memory, file = file_store, table = consumer.table }
      at:add(3)
      local calls, one = {}, nil
      one = at:make { name = "one", position = stores[name](), batch = 2, start = "resync",
        on_resync = function()
          calls[#calls + 1] = "resync"
          at:add(3)
          one:close()
        end,
        on_error = function()
          calls[#calls + 1] = "error"
          one:close()
        end,
        on_changes = function(changes, log)
          calls[#calls + 1] = tostring(#changes)
          if #calls == 2 then error("once") end
          must(log, "SELECT 1")
          one:close()
          must(log, "SELECT 1") -- it may go on with its work
        end }
      assert.equal(0, one:step(5))
      assert.is_false(one:stats().connected)
      assert.equal("handler_failed", select(2, one:step(5)).code)
      assert.is_false(one:stats().connected)
      handle(one, 3)
      assert.is_false(one:stats().connected)
      assert.same({ "resync", "2", "error", "2", "1" }, calls)
      assert.equal(0, settle(one))
    end)
  end

  it("stops from inside on_resync and on_error", function()
    local one
    one = at:make { start = "resync", on_resync = function() one:stop() end }
    assert.is_true(one:run())
    at:add(1)
    one = at:make { on_changes = function() error("never") end,
      on_error = function() one:stop() end }
    assert.is_true(one:run())
  end)
end)

describe("a consumer on a server that hangs", function()
  local at, between
  before_each(function()
    at = consumers.start()
    between = relay.start(at.db)
  end)
  after_each(function()
    between:stop()
    at:close()
  end)

  local function send(signal)
    assert(support.run("kill -" .. signal .. " " .. between.process.pid))
  end

  local function took(f, ...)
    local began = core.now()
    local _, err = f(...)
    return core.now() - began, err
  end

  it("keeps to the time of its steps behind a resync, and saves once it answers", function()
    local resyncs = 0
    local one, seen = at:make { name = "one", position = consumer.table(), silence = 20,
      conninfo = between.conninfo, on_resync = function()
        resyncs = resyncs + 1
        send("STOP")
      end }
    for _ = 1, 2 do
      local seconds, err = took(one.step, one, 0.2)
      assert.is_true(seconds < 1.5, ("it took %.2f s"):format(seconds))
      assert.same({ "timeout", "unfinished", true }, { err.kind, err.code, one:passes(err) })
    end
    send("CONT")
    assert.equal(0, one:step(5))
    assert.equal(0, settle(one))
    assert.same({ 1, 0, 0 }, { resyncs, #seen.errors, one:stats().reconnects })
  end)

  it("proves in time that it stands, and closes within two seconds", function()
    local clock = ahead()
    local one = at:make { name = "one", position = consumer.table(), silence = 20, wait = clock,
      conninfo = between.conninfo, on_resync = function() error("not yet") end }
    assert.equal("handler_failed", select(2, one:step(2)).code)
    clock.by = 5
    send("STOP")
    local seconds, err = took(one.step, one, 0.2)
    assert.is_true(seconds < 1.5, ("it took %.2f s"):format(seconds))
    assert.equal("unfinished", err.code)
    send("CONT")
    assert.equal("handler_failed", select(2, one:step(5)).code)
    local other = at:make { name = "other", position = consumer.table(), silence = 20,
      conninfo = between.conninfo, on_resync = function() send("STOP") end }
    assert.equal("unfinished", select(2, other:step(0.2)).code)
    seconds = took(other.close, other)
    send("CONT")
    assert.is_true(seconds < 3, ("it took %.2f s"):format(seconds))
  end)
end)
