-- What the work on changes has read or written itself, and a failover has lost although the new
-- primary has the changes: then the work is done again there.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local start = require "support.pair"
local support = require "support"

local must, settle = logs.must, consumers.settle

describe("where a standby has what was handed out, but not what the work on that", function()
  local at, cuts
  before_each(function()
    at, cuts = start(), false
    at:add(5)
  end)
  after_each(function() at:stop() end)

  -- In the middle of the work the standby gets its last change, once.
  local function cut()
    if not cuts then return end
    cuts = false
    at:catch_up()
    at:cut()
  end

  -- A change in whose work the standby is cut off, before the consumer comes to rest.
  local function lose(one)
    settle(one)
    cuts = true
    at:add(1)
    settle(one)
    assert.is_false(cuts)
    logs.pause(0.25) -- a poll, so that it knows that it is at rest
    settle(one)
  end

  -- Each change has left an effect on the new primary.
  local function compare(name, calls)
    local result = logs.compare(at.log, at:effects())
    support.note("%s: %d changes, %d effects, %d without one, %d times handed out", name,
      result.written, result.delivered, result.lost, calls)
    assert.is_true(result.written > 0)
    assert.equal(0, result.lost)
  end

  local function writer(path, seen)
    return at:make("writer", { position = consumer.file(path), on_changes = function(changes, log)
      cut()
      seen.calls = seen.calls + 1
      consumers.write(changes, log)
    end })
  end

  it("has written: to a consumer that lives on", function()
    local seen = { calls = 0 }
    local one, told = writer(support.path("lives"), seen)
    lose(one)
    at:switch("kill")
    settle(one)
    compare("lives on", seen.calls)
    assert.same({}, told.resyncs)
  end)

  it("has written: to one that is started again", function()
    local seen, path = { calls = 0 }, support.path("again")
    local one = writer(path, seen)
    lose(one)
    one:close()
    at:switch("kill")
    local told
    one, told = writer(path, seen)
    settle(one)
    compare("started again", seen.calls)
    assert.same({}, told.resyncs)
  end)

  it("has parked", function()
    local tried = {}
    local one, told = at:make("parker", { position = consumer.file(support.path("parker")),
      attempts = 2, on_change = function(change, log)
        tried[change.seq] = (tried[change.seq] or 0) + 1
        if change.seq > 5 then
          cut()
          error("this one fails")
        end
        consumers.write({ change }, log)
      end, on_changes = false })
    lose(one)
    assert.equal(1, #assert(consumer.parked(at.log, "parker")))
    at:switch("kill")
    assert.equal(0, #assert(consumer.parked(at.log, "parker")))
    settle(one)
    assert.equal(1, #assert(consumer.parked(at.log, "parker")))
    support.note("tried %d times", tried[6])
    assert.equal(4, tried[6])
    assert.same({}, told.resyncs)
  end)

  it("has read, where the standby is read before it is promoted", function()
    local copy, strikes, told = {}, false, {}
    local one = consumer.new { conninfo = at.both:gsub("target_session_attrs=%S+", ""),
      position = consumer.memory(), start = "beginning", poll = 0.2, backoff = 0.02,
      backoff_max = 0.2, on_resync = function(reason) told[#told + 1] = reason end,
      on_change = function(change, log)
        if strikes then
          at:catch_up()
          at:cut()
          must(at.log, "UPDATE item SET n = 200 WHERE id = $1::int", change.row_id)
        end
        local rows = must(log, "SELECT n FROM item WHERE id = $1::int", change.row_id)
        copy[change.row_id] = rows[1] and rows[1].n
        if strikes then at.primary:kill() end
        strikes = false
      end }
    at.open[#at.open + 1] = one
    local id = must(at.log, "INSERT INTO item (n) VALUES (98) RETURNING id")[1].id
    settle(one)
    must(at.log, "UPDATE item SET n = 99 WHERE id = $1", id)
    settle(one)
    strikes = true
    must(at.log, "UPDATE item SET n = 100 WHERE id = $1", id)
    support.wait_until(function()
      one:step(0.2)
      return not strikes
    end, "the work")
    assert.equal(200, copy[tostring(id)])
    at.log:close()
    settle(one) -- on the standby
    at.standby:promote()
    at.log = logs.connect(at.both)
    settle(one)
    local n = must(at.log, "SELECT n FROM item WHERE id = $1", id)[1].n
    support.note("the row is %d, and was read as %d", n, copy[tostring(id)])
    assert.equal(100, n)
    assert.equal(n, copy[tostring(id)])
    assert.same({}, told)
  end)

  it("has read, since its primary recovered from a crash what was to wait for it", function()
    at:wait_for_standby()
    local path = support.path("recovered")
    local options = { position = consumer.file(path) }
    local one, seen = at:copier(nil, options)
    logs.add_items(at.log, 1)
    for n = 1, 4 do
      must(at.log, "UPDATE item SET n = $1 WHERE id = 1", n)
      settle(one)
    end
    assert.matches("=", support.read(path), 1, true) -- all that is read is on the standby
    must(at.log, "UPDATE item SET n = 6 WHERE id = 1")
    at:catch_up()
    at.standby:stop()
    local waiting = support.lua([[
      local log = assert(require("forgelog").connect((...)))
      log:query("UPDATE item SET n = 7 WHERE id = 1")]], at.db)
    support.wait_until(function()
      return must(at.log, "SELECT count(*) AS n FROM pg_stat_activity "
        .. "WHERE wait_event = 'SyncRep'")[1].n > 0
    end, "the writer to wait")
    at.log:close()
    at.primary:kill()
    waiting:wait()
    at.primary:start()
    support.wait_until(function()
      one:step(0.1, 1)
      return seen.copy["1"] == 7
    end, "the row")
    local left = support.read(path)
    one:close()
    support.write(path, left) -- as if the program had been killed
    at.primary:kill()
    at.standby:start()
    at.standby:promote()
    at.log = logs.connect(at.both)
    must(at.log, "ALTER SYSTEM SET synchronous_standby_names = ''")
    must(at.log, "SELECT pg_reload_conf()")
    one, seen = at:copier(nil, options, seen)
    settle(one)
    assert.same({ "failover" }, seen.resyncs)
    assert.equal(0, at:wrong(seen.copy))
  end)
end)
