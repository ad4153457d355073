-- A consumer tries its parked changes again: when it starts, and when somebody asks for it.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local parking = require "forgelog.consumer.parking"
local support = require "support"

local handle_all, must, settle = consumers.handle, logs.must, consumers.settle

describe("a consumer's parked changes", function()
  local at, bad, running
  before_each(function()
    at, bad = consumers.start(), {}
    must(at.log, "ALTER TABLE effect ADD at bigserial")
  end)
  after_each(function()
    if running then running:kill("KILL") end
    running = nil
    at:close()
  end)

  local function handle(changes, log)
    for _, change in ipairs(changes) do
      if bad[change.seq] then error(bad[change.seq], 0) end
      must(log, "INSERT INTO effect (seq) VALUES ($1)", change.seq or -1)
    end
  end

  local function make(options)
    local all = { attempts = 1, transaction = true, position = consumer.table(),
      on_changes = handle }
    for name, value in pairs(options or {}) do all[name] = value end
    return at:writer(all)
  end

  local function rows()
    return must(at.log, "SELECT seq, attempts, error, waits, retry FROM forge_change_log_parked "
      .. "ORDER BY id")
  end

  -- Steps it until that is so: what is asked of a consumer it notices within a second.
  local function until_so(one, holds)
    support.wait_until(function()
      one:step(0.05)
      return holds()
    end, "the consumer to notice")
  end

  local function effects()
    return must(at.log, [[SELECT coalesce(string_agg(seq::text, ' ' ORDER BY at), '') AS seqs
      FROM effect]])[1].seqs
  end

  local function of_row(row, count)
    must(at.log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
      SELECT 'item', 'UPDATE', $1, now() FROM generate_series(1, $2::int)]], row, count)
  end

  local stores = { table = { transaction = true }, turns = { transaction = false },
    memory = { transaction = false, position = consumer.memory() } }
  for name, options in pairs(stores) do
    it("are tried again when somebody asks, while it runs: " .. name, function()
      bad[2] = "bad"
      at:add(3)
      local one, seen = make(options)
      assert.equal(3, settle(one))
      bad[2] = "worse"
      assert.equal(1, consumer.retry(at.log, "one"))
      until_so(one, function() return rows()[1].attempts == 2 end)
      assert.same({ { seq = 2, attempts = 2, error = "worse", waits = false, retry = false } },
        rows())
      assert.equal("worse", seen.errors[2].err.raised)
      assert.equal(0, settle(one)) -- it is not tried again by itself
      bad = {}
      assert.equal(1, consumer.retry(at.log, "one", 2))
      handle_all(one, 1)
      assert.same({}, rows())
      assert.is_true(at:effects().different == 3 and at:effects().n <= 5)
    end)
  end

  it("are tried again when it starts, where that was asked meanwhile", function()
    bad[1] = "bad"
    of_row("a", 3)
    local one = make()
    assert.equal(3, settle(one))
    one:close()
    bad = {}
    one = make()
    assert.equal(0, settle(one))
    one:close()
    assert.equal(3, #rows())
    assert.equal(3, consumer.retry(at.log, "one", 3))
    one = make()
    assert.equal(3, settle(one))
    assert.equal("1 2 3", effects())
  end)

  it("are tried when the one before them was skipped", function()
    bad[1], bad[2] = "bad", "bad"
    of_row("a", 3)
    local one = make()
    assert.equal(3, settle(one))
    assert.equal(1, consumer.skip(at.log, "one", 1).seq)
    until_so(one, function() return rows()[1].attempts == 1 end)
    assert.same({ 2, false }, { #rows(), rows()[1].waits })
    assert.equal(2, consumer.skip(at.log, "one", 2).seq)
    handle_all(one, 1)
    assert.equal("3", effects())
    of_row("a", 1)
    assert.equal(1, settle(one))
    assert.equal("3 4", effects())
  end)

  it("are tried though what was before them went at the moment when they were parked", function()
    bad[1] = "bad"
    of_row("a", 1)
    local one = make { on_changes = function(changes, log)
      if changes[1].seq == 1 and not bad[1] then
        assert(parking.park(at.log.connection, "one", "k", { op = "UPDATE", seq = 9,
          table_name = "item", row_id = "k" }))
      end
      handle(changes, log)
    end }
    assert.equal(1, settle(one))
    bad = {}
    assert.equal(1, consumer.retry(at.log, "one"))
    handle_all(one, 2)
    assert.equal("1 9", effects())
  end)

  it("are left for another try by what is not their fault", function()
    bad[1] = "bad"
    at:add(2)
    local one = make()
    assert.equal(2, settle(one))
    local tries = 0
    bad = setmetatable({}, { __index = function(_, seq)
      if seq ~= 1 then return nil end
      tries = tries + 1
      if tries == 1 then return { retryable = true, message = "its service is away" } end
      if tries == 2 then at:terminate(one) return "cut" end
    end })
    assert.equal(1, consumer.retry(at.log, "one"))
    handle_all(one, 1)
    assert.equal(3, tries)
    assert.same({}, rows())
    assert.equal("2 1", effects())
  end)

  it("have their turn between batches, however much comes", function()
    bad[1] = "bad"
    at:add(1)
    local one = make { batch = 1 }
    assert.equal(1, settle(one))
    bad = {}
    at:add(500)
    assert.equal(1, consumer.retry(at.log, "one"))
    local steps = 0
    repeat
      assert(one:step(5))
      steps = steps + 1
    until #rows() == 0
    assert.is_true(steps < 400, steps .. " steps")
  end)

  -- Makes the consumer begin anew, at the first change.
  local function replayed(one, options)
    one:close()
    assert(consumer.rewind(at.log, "one", 0))
    return make(options)
  end

  for name, options in pairs({
    ["one transaction"] = { transaction = true },
    ["on_change"] = { transaction = false, on_changes = false,
      on_change = function(change, log) handle({ change }, log) end },
  }) do
    it("are not passed by an older change that comes again: " .. name, function()
      bad[2] = "bad"
      of_row("a", 2)
      local one = make(options)
      assert.equal(2, settle(one))
      assert.equal("1", effects())
      bad = {}
      one = replayed(one, options)
      settle(one)
      assert.equal("1 1", effects())
      assert.equal(1, consumer.retry(at.log, "one"))
      handle_all(one, 1)
      assert.equal("1 1 2", effects())
      assert.same({}, rows())
    end)

    it("come behind an older one that fails when it comes again: " .. name, function()
      bad[3] = "bad"
      of_row("a", 4)
      local one = make(options)
      assert.equal(4, settle(one))
      assert.equal("1 2", effects())
      bad[1] = "bad"
      one = replayed(one, options)
      settle(one)
      assert.equal("1 2", effects())
      bad = {}
      local of_key = {}
      for _, entry in ipairs(assert(consumer.parked(at.log, "one"))) do
        of_key[entry.seq] = entry.waits
      end
      assert.same({ false, true, true, true }, of_key)
      assert.equal(3, consumer.retry(at.log, "one", 3))
      handle_all(one, 4)
      assert.equal("1 2 1 2 3 4", effects())
      assert.same({}, rows())
    end)
  end

  it("have a row that was read come before the changes behind it, whatever comes again", function()
    bad[3] = "bad"
    of_row("a", 3)
    local one = make()
    assert.equal(3, settle(one))
    local key = assert(consumer.parked(at.log, "one"))[1].key
    assert(parking.park(at.log.connection, "one", key, { op = "READ", table_name = "item",
      row_id = "a" }))
    of_row("a", 1)
    assert.equal(1, settle(one))
    one = replayed(one)
    settle(one)
    assert.equal("1 2 1 2", effects())
    assert.equal(3, #rows())
    assert.is_true(rows()[2].waits) -- behind the one that has failed, which nobody has asked for
    bad = {}
    assert.equal(3, consumer.retry(at.log, "one"))
    handle_all(one, 3)
    assert.equal("1 2 1 2 3 -1 4", effects())
    assert.same({}, rows())
  end)

  -- Has a consumer park the first change, and end.
  local function leave_parked()
    bad[1] = "bad"
    of_row("a", 1)
    local one = make()
    assert.equal(1, settle(one))
    one:close()
  end

  it("hold back their keys, and are tried again, where the option is not given any more", function()
    leave_parked()
    of_row("a", 1)
    of_row("b", 1)
    bad = {}
    local one = make { attempts = false }
    assert.equal(2, settle(one))
    assert.equal("3", effects())
    assert.equal(2, consumer.retry(at.log, "one"))
    handle_all(one, 2)
    assert.equal("3 1 2", effects())
    of_row("a", 1)
    assert.equal(1, settle(one))
    assert.equal("3 1 2 4", effects())
    assert.same({}, rows())
  end)

  it("are the last ones where the option is not given any more", function()
    leave_parked()
    local tries = 0
    bad = setmetatable({}, { __index = function(_, seq)
      tries = tries + (seq == 3 and 1 or 0)
      return seq == 3 and tries < 5 and "bad" or nil
    end })
    of_row("a", 1)
    of_row("b", 2)
    local one = make { attempts = false }
    handle_all(one, 3)
    assert.same({ 5, 2 }, { tries, #rows() })
    assert.equal("3 4", effects())
    one:close()
    must(at.log, "DELETE FROM forge_change_log_parked")
    local role, drop_role = logs.role(at.log, [[GRANT SELECT ON forge_change_log,
      forge_change_log_state TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_consumers TO %s;
      GRANT SELECT ON forge_change_log_parked TO %s; GRANT INSERT ON effect TO %s;
      GRANT USAGE ON SEQUENCE effect_at_seq TO %s]])
    local conninfo = at.db:gsub("user=%S+", "user=" .. role)
    of_row("b", 1)
    one = make { attempts = false, conninfo = conninfo }
    assert.equal(1, settle(one)) -- who parks nothing needs no right to
    one:close()
    assert(parking.park(at.log.connection, "one", "k", { op = "UPDATE", seq = 4,
      table_name = "item", row_id = "b" }, "bad", 1))
    local ok, err = make({ attempts = false, conninfo = conninfo }):run()
    assert.same({ "42501", false }, { not ok and err.sqlstate, err.retryable })
    drop_role()
  end)

  it("come with what a backfill has read", function()
    assert(parking.park(at.log.connection, "one", "k", { op = "READ", table_name = "item",
      row_id = "7" }, "bad", 1))
    local fails = true
    local one, seen = make { on_changes = function(changes, log)
      if fails then error("worse", 0) end
      handle(changes, log)
    end }
    assert.equal(1, consumer.retry(at.log, "one"))
    until_so(one, function() return rows()[1].attempts == 2 end)
    assert.equal("the handler, with 1 change (read by a backfill), raised: worse",
      seen.errors[1].err.message)
    fails = false
    assert.equal(1, consumer.retry(at.log, "one"))
    handle_all(one, 1)
    assert.equal("-1", effects())
  end)

  it("are of the lane that has parked them", function()
    local lanes = {}
    bad[1] = "bad"
    must(at.log, [[INSERT INTO forge_change_log (table_name, op, created_at)
      VALUES ('item', 'TRUNCATE', now())]])
    at:add(20)
    for i = 1, 2 do lanes[i] = make { share = i .. "/2" } end
    for i = 1, 2 do settle(lanes[i]) end
    assert.equal(2, #rows()) -- of the TRUNCATE, which each lane gets
    bad = {}
    assert.equal(2, consumer.retry(at.log, "one", 1))
    for i = 1, 2 do
      handle_all(lanes[i], 1)
      assert.equal(2 - i, #rows())
    end
    assert.same({ n = 22, different = 21 }, at:effects())
    at:add(20)
    for i = 22, 41 do bad[i] = "bad" end
    local counts = {}
    for i = 1, 2 do counts[i] = settle(lanes[i]) end
    assert.equal(20, #rows())
    bad = {}
    assert.equal(20, consumer.retry(at.log, "one"))
    for i = 1, 2 do handle_all(lanes[i], counts[i]) end
    assert.same({ n = 42, different = 41 }, at:effects())
  end)

  it("cost nothing where there are none, and little where there are many", function()
    must(at.log, [[INSERT INTO forge_change_log_parked (consumer, seq, key, table_name, op)
      SELECT 'one', -g, g, 'item', 'UPDATE' FROM generate_series(1, 20000) g]])
    at:add(1)
    local one = make()
    assert.equal(1, settle(one))
    collectgarbage()
    local before = collectgarbage("count")
    at:add(1)
    assert.equal(1, settle(one))
    collectgarbage()
    assert.is_true(collectgarbage("count") - before < 200)
  end)

  it("need a table, and the right to write it", function()
    local role, drop_role = logs.role(at.log, [[GRANT SELECT ON forge_change_log,
      forge_change_log_state TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_consumers TO %s;
      GRANT SELECT, INSERT, UPDATE ON forge_change_log_parked TO %s]])
    local ok, err = make({ conninfo = (at.db:gsub("user=%S+", "user=" .. role)) }):run()
    assert.is_nil(ok)
    assert.same({ "42501", false }, { err.sqlstate, err.retryable })
    drop_role()
    must(at.log, "DROP TABLE forge_change_log_parked")
    ok, err = make():run()
    assert.is_nil(ok)
    assert.same({ "no_parked_table", "install" }, { err.code, err.remedy })
    at:add(1)
    assert.equal(1, settle(at:writer { name = "without" }))
  end)

  it("are options that belong together", function()
    local function refuses(message, options)
      options.on_changes = function() end
      assert.error_matches(function() consumer.new(options) end, message)
    end
    refuses("attempts must be a whole number above zero", { name = "one", attempts = 0 })
    refuses("attempts needs a name", { attempts = 3 })
    refuses("park needs attempts", { name = "one", park = "key" })
    refuses("on_park needs attempts", { name = "one", on_park = function() end })
    refuses("park must be one of key, change, got \"row\"", { name = "one", attempts = 1,
      park = "row" })
  end)

  it("are not lost, nor handled twice, when a program is killed", function()
    at:add(200)
    local program = [[
      local consumer = require "forgelog.consumer"
      consumer.new { conninfo = ..., name = "one", position = consumer.table(), batch = 16,
        transaction = true, attempts = 2, backoff = 0.001, backoff_max = 0.002,
        on_changes = function(changes, log)
          for _, change in ipairs(changes) do
            if change.seq % 7 == 0 then error("bad") end
            assert(log:query("INSERT INTO effect (seq) VALUES ($1)", change.seq))
          end
        end }:run()]]
    local kills, done = 0, 0
    while done < 200 do
      running = support.lua(program, at.db)
      local began = done
      support.wait_until(function()
        done = at:effects().n + #rows()
        return done >= 200 or done > began + 10
      end, "some progress")
      running:kill("KILL")
      running:wait()
      running = nil
      kills = kills + 1
    end
    local parked = #rows()
    assert.equal(parked, consumer.retry(at.log, "one"))
    handle_all(make(), parked)
    print(("# killed %d times, %d parked"):format(kills, parked))
    assert.same({ n = 200, different = 200 }, at:effects())
    assert.is_true(kills > 2 and parked >= 28)
  end)
end)
