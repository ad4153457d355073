-- Consumers that are handed one change after another, and several at a time: order by key, what a
-- failure repeats, and that the name and the position are kept while handlers work.
local beside = require "forgelog.wait.beside"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local find_waiter = require "forgelog.wait"
local logs = require "support.logs"
local loops = require "support.loops"
local parking = require "forgelog.consumer.parking"
local support = require "support"

local must, settle = logs.must, consumers.settle

local at
before_each(function() at = consumers.start() end)
after_each(function() at:close() end)

local function saved(name)
  local rows = must(at.log, "SELECT position FROM forge_change_log_consumers WHERE name = $1", name)
  return rows[1] and rows[1].position
end

local function misuse(message, options)
  options.conninfo = at.db
  assert.error_matches(function() consumer.new(options) end, message)
end

describe("on_change", function()
  it("is called for one change after another, in any waiter", function()
    local seqs = {}
    local one = at:make { on_changes = false, on_change = function(change, log)
      assert.equal(1, must(log, "SELECT 1 AS one")[1].one)
      seqs[#seqs + 1] = change.seq
    end }
    at:add(3)
    assert.equal(3, settle(one))
    assert.same({ 1, 2, 3 }, seqs)
  end)

  it("has the changes before one that fails done, and that one named", function()
    local seqs, failing = {}, true
    local one, seen = at:make { on_changes = false, name = "one", position = consumer.table(),
      on_change = function(change, log)
        if change.seq ~= 4 then must(log, "INSERT INTO effect VALUES ($1)", change.seq) end
        seqs[#seqs + 1] = change.seq
        if change.seq == 4 and failing then
          must(log, "BEGIN; INSERT INTO effect VALUES (4)")
          error("it failed", 0)
        end
      end }
    at:add(6)
    local done, err = one:step(5)
    while not done and err.code ~= "handler_failed" do done, err = one:step(5) end
    assert.same({ "handler_failed", 4, 4, 1 },
      { err.code, err.first_seq, err.last_seq, err.changes })
    assert.equal("it failed", err.raised)
    assert.matches("^%d+:3$", saved("one"))
    assert.is_nil((one:step(5)))
    failing = false
    assert.equal(3, one:step(5))
    assert.matches("^%d+:6$", saved("one"))
    assert.same({ 1, 2, 3, 4, 4, 4, 5, 6 }, seqs)
    assert.equal(5, at:effects().n)
    assert.equal(1, seen.errors[1].attempt)
    assert.equal(6, one:stats().handed_out)
  end)

  it("commits with the position where it is told to", function()
    local failing = true
    local one = at:make { on_changes = false, name = "one", position = consumer.table(),
      transaction = true, on_change = function(change, log)
        must(log, "INSERT INTO effect VALUES ($1)", change.seq)
        if change.seq == 4 and failing then error("it failed", 0) end
      end }
    at:add(6)
    local done, err = one:step(5)
    while not done and err.code ~= "handler_failed" do done, err = one:step(5) end
    assert.equal(4, err.first_seq)
    assert.equal(0, at:effects().n)
    failing = false
    assert.equal(6, settle(one))
    assert.same({ n = 6, different = 6 }, at:effects())
  end)

  for _, transaction in ipairs({ false, true }) do
    it("parks the change that fails, and handles each of the others once"
      .. (transaction and ", as one with the position" or ""), function()
        local calls = {}
        local one, seen = at:make { on_changes = false, name = "one", position = consumer.table(),
          attempts = 2, transaction = transaction or nil, on_change = function(change, log)
            calls[change.seq] = (calls[change.seq] or 0) + 1
            must(log, "INSERT INTO effect VALUES ($1)", change.seq)
            if change.seq == 7 or change.seq == 30 then error("it failed", 0) end
          end }
        at:add(40)
        consumers.handle(one, 40)
        settle(one)
        local parked = assert(consumer.parked(at.log, "one"))
        table.sort(parked, function(a, b) return a.seq < b.seq end)
        assert.same({ 2, 7, 30 }, { #parked, parked[1].seq, parked[2].seq })
        assert.equal(2, calls[7])
        assert.equal(4, #seen.errors)
        local effects = at:effects()
        if transaction then
          assert.same({ n = 38, different = 38 }, effects)
        else
          for seq = 1, 40 do
            assert.equal((seq == 7 or seq == 30) and 2 or 1, calls[seq])
          end
        end
      end)
  end

  it("is refused where it cannot be had", function()
    local function nothing() end
    misuse("on_change and on_changes exclude each other",
      { on_change = nothing, on_changes = nothing })
    misuse("concurrency needs on_change", { on_changes = nothing, concurrency = 2 })
    misuse('concurrency needs an event loop, and LuaJIT or Lua 5.2 or later: wait = "cqueues"',
      { on_change = nothing, concurrency = 2 })
    if not beside.possible then
      misuse("concurrency needs an event loop",
        { on_change = nothing, concurrency = 2, wait = "cqueues" })
      return
    end
    misuse("concurrency and transaction exclude each other", { on_change = nothing, name = "one",
      concurrency = 2, wait = "cqueues", transaction = true, position = consumer.table() })
    for name, value in pairs({ attempts = 2, resync = "backfill" }) do
      misuse("concurrency with consumer.table{conninfo} excludes attempts and resync",
        { on_change = nothing, name = "one", concurrency = 2, wait = "cqueues", [name] = value,
          position = consumer.table { conninfo = "" } })
    end
  end)
end)

if not beside.possible then return end

-- Writes changes of rows, each row's in its order: `rows` is a list of row_ids.
local function write(rows, op)
  for _, row in ipairs(rows) do
    must(at.log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
      VALUES ('item', $1, $2, clock_timestamp())]], op or "UPDATE", row and tostring(row))
  end
end

-- One loop on one Lua, the other on the other.
for _, name in ipairs({ rawget(_G, "jit") and "luv" or "cqueues" }) do
  local waiter = find_waiter("spec", name)

  local function pause(seconds) waiter.wait(nil, "", seconds) end

  -- Waits in the loop until something is so.
  local function wait_until(is_so, what)
    local deadline = logs.now() + 10
    while not is_so() do
      assert(logs.now() < deadline, "waited in vain for " .. what)
      pause(0.005)
    end
  end

  local function make(options)
    local all = { on_changes = false, name = "one", position = consumer.table(), wait = name,
      concurrency = 8, poll = 0.05 }
    for option, value in pairs(options) do all[option] = value end
    return at:make(all)
  end

  -- Has a consumer run beside a function, until that returns; in short steps, so that it ends soon.
  local function run(one, body)
    loops[name](function()
      local over = false
      local task = waiter.spawn(function()
        repeat
          local done, err = one:step(0.05)
          if not done and not one:passes(err) then error(err, 0) end
        until over
        one:close()
      end)
      local ok, raised = pcall(body)
      over = true
      wait_until(function() return task.ended end, "the consumer's end")
      if not ok then error(raised, 0) end
      if task.failed then error(task.raised, 0) end
    end)
  end

  local function saves(position)
    wait_until(function() return (saved("one") or ""):match("^%d+:([^!]+)!?%S*$") == position end,
      "position " .. position .. ", at " .. tostring(saved("one")))
  end

  describe("changes at the same time under " .. name, function()
    it("are handled each once and in order by row, and acknowledged out of order", function()
      local last, handled, disorder, busy, most = {}, {}, 0, 0, 0
      local count = 0
      local one = make { concurrency = 16, batch = 100, on_change = function(change, log)
        busy = busy + 1
        most = math.max(most, busy)
        if math.random() < 0.5 then pause(math.random() * 0.003) end
        if math.random() < 0.3 then must(log, "SELECT pg_sleep(0.001)") end
        if (last[change.row_id] or 0) > change.seq then disorder = disorder + 1 end
        last[change.row_id] = change.seq
        handled[change.seq] = (handled[change.seq] or 0) + 1
        count, busy = count + 1, busy - 1
      end }
      must(at.log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
        SELECT 'item', 'UPDATE', (random() * 100)::int::text, clock_timestamp()
          FROM generate_series(1, 2000)]])
      run(one, function()
        wait_until(function() return count >= 2000 end, "all changes")
        saves("2000")
      end)
      support.note("%s: 2000 changes, handled %d, different %d, out of order %d, at once %d",
        name, count, #handled, disorder, most)
      assert.same({ 2000, 2000, 0 }, { count, #handled, disorder })
      assert.is_true(most > 8 and most <= 16)
      assert.equal(2000, one:stats().handed_out)
    end)

    it("hold back nothing but the key of one that fails, which comes again after a stop", function()
      local seqs, fails, second = {}, true, {}
      local one, seen = make { on_change = function(change)
        if change.row_id == "bad" and fails then error("it failed", 0) end
        seqs[#seqs + 1] = change.seq
      end }
      write({ 1, "bad", 2, "bad", 3 })
      run(one, function()
        saves("1:3,5")
        write({ 4, 5 })
        saves("1:3,5-7")
        table.sort(seqs)
        assert.same({ 1, 3, 5, 6, 7 }, seqs)
        assert.equal(2, one:stats().lag_changes)
      end)
      assert.is_true(#seen.errors >= 1)
      assert.same({ "handler_failed", 2, 1 }, { seen.errors[1].err.code,
        seen.errors[1].err.first_seq, seen.errors[1].attempt })
      assert.matches(":1:3,5%-7", saved("one"))
      fails = false
      local other = make { on_change = function(change) second[#second + 1] = change.seq end }
      run(other, function() saves("7") end)
      assert.same({ 2, 4 }, second)
    end)

    it("keep the name while they take longer than the lease", function()
      local begun, ended, errors = 0, 0, {}
      local one, seen = make { lease = 0.8, concurrency = 2, on_change = function()
        begun = begun + 1
        pause(2)
        ended = ended + 1
      end }
      local other = at:make { name = "one", position = consumer.table(), exclusive = "refuse",
        wait = name }
      write({ 1, 2 })
      run(one, function()
        wait_until(function() return begun == 2 end, "the start")
        wait_until(function()
          errors[#errors + 1] = consumers.code(other, 0.1)
          return ended == 2
        end, "the end")
        saves("2")
      end)
      assert.is_true(#errors > 5)
      for _, code in ipairs(errors) do
        assert.is_true(code == "name_taken" or code == "retry", code)
      end
      assert.same({}, seen.errors)
    end)

    it("wait for a change of the whole table, which waits for those before it", function()
      local seqs = {}
      local one = make { on_change = function(change)
        pause(change.seq == 1 and 0.1 or 0.01)
        seqs[#seqs + 1] = change.seq
      end }
      write({ 1, 2 })
      write({ false }, "TRUNCATE")
      write({ 3, 4 })
      run(one, function() saves("5") end)
      assert.same({ 2, 1, 3 }, { seqs[1], seqs[2], seqs[3] })
    end)

    it("return from steps as they are done", function()
      local one = make { on_change = function() pause(0.05) end }
      write({ 1, 2, 3 })
      loops[name](function()
        local done, deadline = 0, logs.now() + 10
        while done < 3 and logs.now() < deadline do done = done + (one:step(0.06) or 0) end
        assert.equal(3, done)
        assert.equal("no_change", select(2, one:step(0.05)).code)
        write({ 4 })
        assert.equal(1, one:step())
        one:close()
      end)
      assert.matches("^%d+:4@", saved("one"))
    end)

    it("are done before the consumer ends that one of them has stopped", function()
      local ended = 0
      local one
      one = make { on_change = function(change)
        if change.seq == 1 then one:stop() end
        pause(0.2)
        ended = ended + 1
      end }
      write({ 1, 2, 3 })
      loops[name](function() assert(one:run()) end)
      assert.equal(3, ended)
      assert.matches("^%d+:3", saved("one"))
    end)

    it("end with a consumer that one of them closes", function()
      local ended = 0
      local one
      one = make { on_change = function(change)
        if change.seq == 1 then one:close() end
        pause(0.1)
        ended = ended + 1
      end }
      write({ 1, 2, 3 })
      loops[name](function() one:step(3) end)
      assert.equal(3, ended)
      assert.matches("^%d+:3", saved("one"))
      assert.is_false(one:stats().connected)
    end)

    it("come to rest for a pause from outside, and for what reads everything anew", function()
      local seqs, resyncs = {}, {}
      local one = make { start = "beginning",
        on_resync = function(reason) resyncs[#resyncs + 1] = { reason, #seqs } end,
        on_change = function(change)
          pause(0.02)
          seqs[#seqs + 1] = change.seq
        end }
      write({ 1, 2, 3 })
      run(one, function()
        saves("3")
        assert(consumer.pause(at.log, "one"))
        pause(1.5)
        write({ 1, 2 })
        pause(0.3)
        assert.equal(3, #seqs)
        assert(consumer.resume(at.log, "one"))
        saves("5")
      end)
      write({ 1, 2, 3 })
      must(at.log, "DELETE FROM forge_change_log WHERE seq <= 7")
      run(one, function()
        wait_until(function() return #resyncs == 1 end, "the resync")
        write({ 4 })
        saves("9")
      end)
      assert.same({ { "trimmed", 5 } }, resyncs)
      table.sort(seqs)
      assert.same({ 1, 2, 3, 4, 5, 9 }, seqs)
    end)

    it("go on when the connections are lost", function()
      local seqs = {}
      local one, seen = make { concurrency = 4, on_change = function(change, log)
        must(log, "SELECT pg_sleep(0.01)")
        seqs[change.seq] = (seqs[change.seq] or 0) + 1
      end }
      write({ 1, 2, 3 })
      run(one, function()
        saves("3")
        for round = 1, 3 do
          must(at.log, [[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = $1]], at.names[one])
          write({ 1, 2, 3, 4 })
          saves(tostring(3 + round * 4))
        end
      end)
      for seq = 1, 15 do assert.is_true(seqs[seq] >= 1) end
      support.note("%s: %d errors told", name, #seen.errors)
    end)

    it("are parked, and later ones of their key behind them, until they are tried again", function()
      local seqs, parked, fails = {}, {}, true
      local one, seen = make { attempts = 2,
        on_park = function(change, err) parked[#parked + 1] = { change.seq, err.raised } end,
        on_change = function(change, log)
          pause(math.random() * 0.01)
          if change.row_id == "bad" and fails then
            must(log, "BEGIN; INSERT INTO effect VALUES (0)")
            error("it failed", 0)
          end
          seqs[#seqs + 1] = change.seq
        end }
      write({ 1, "bad", 2, "bad", 3, "bad" })
      run(one, function()
        saves("6")
        write({ 4, "bad", 5 })
        saves("9")
        local list = assert(consumer.parked(at.log, "one"))
        local found = {}
        for i, each in ipairs(list) do found[i] = { each.seq, each.waits, each.attempts } end
        assert.same({ { 2, false, 2 }, { 4, true, 0 }, { 6, true, 0 }, { 8, true, 0 } }, found)
        assert.same({ { 2, "it failed" } }, parked)
        fails = false
        assert.equal(1, consumer.retry(at.log, "one", 2))
        wait_until(function() return #seqs == 9 end, "all changes")
        write({ "bad" })
        saves("10")
        assert.same({}, consumer.parked(at.log, "one"))
      end)
      assert.equal(2, #seen.errors)
      local of_row = {}
      for _, seq in ipairs(seqs) do
        if seq % 2 == 0 and seq ~= 0 then of_row[#of_row + 1] = seq end
      end
      assert.same({ 2, 4, 6, 8, 10 }, of_row)
    end)

    it("are not behind the position that is saved with a parked one that is tried again", function()
      local seqs, fails = {}, true
      local one = make { attempts = 1, backoff = 5, backoff_max = 5, on_change = function(change)
        if change.row_id == "bad" and fails then error("it failed", 0) end
        if change.row_id == "away" then error({ retryable = true, message = "no answer" }) end
        seqs[#seqs + 1] = change.seq
      end }
      write({ 1, "away", "bad", 2 })
      run(one, function()
        saves("1:3-4")
        fails = false
        assert.equal(1, consumer.retry(at.log, "one"))
        wait_until(function() return #consumer.parked(at.log, "one") == 0 end, "another try")
        assert.matches(":1:3%-4$", saved("one"))
      end)
      table.sort(seqs)
      assert.same({ 1, 3, 4 }, seqs)
    end)

    it("are not had by what is saved when a parked one is tried again", function()
      local bad, tried = { p = "bad", f = { retryable = true, message = "away" } }, {}
      local one = make { attempts = 1, on_change = function(change)
        tried[#tried + 1] = change.seq
        if bad[change.row_id] then error(bad[change.row_id], 0) end
      end }
      write({ "p", "f", "c" })
      run(one, function()
        saves("1:3")
        bad.p = nil
        assert.equal(1, consumer.retry(at.log, "one"))
        wait_until(function() return #assert(consumer.parked(at.log, "one")) == 0 end, "the retry")
        pause(0.2)
        assert.matches("^%d+:1:3$", saved("one"))
      end)
      bad, tried = {}, {}
      run(one, function() saves("3") end)
      assert.same({ 2 }, tried)
    end)

    it("are tried again at the start before anything else has come", function()
      local fails = true
      local options = { attempts = 1, on_change = function() if fails then error("bad", 0) end end }
      write({ 1 })
      run(make(options), function() saves("1") end)
      fails = false
      assert.equal(1, consumer.retry(at.log, "one"))
      run(make(options), function()
        wait_until(function() return #assert(consumer.parked(at.log, "one")) == 0 end, "the retry")
        pause(0.1)
        assert.matches("^%d+:1", saved("one"))
      end)
    end)

    it("are parked once, and hold back their key, where nobody heard that they were", function()
      local park, handled = parking.park, {}
      finally(function() parking.park = park end) -- luacheck: ignore 122
      local one = make { attempts = 1, on_change = function(change)
        handled[#handled + 1] = change.seq
        if change.seq == 1 then error("bad", 0) end
      end }
      function parking.park(...) -- luacheck: ignore 122
        local ok, err = park(...)
        parking.park = park -- luacheck: ignore 122
        return ok and nil, err or core.error("lost", "the answer was lost")
      end
      write({ "a", "a" })
      run(one, function() saves("2") end)
      assert.same({ 1 }, handled)
      assert.equal(2, #assert(consumer.parked(at.log, "one")))
    end)

    it("keep each row's order whatever is parked and tried again meanwhile", function()
      local seqs, bad, count = {}, true, 0
      local one = make { attempts = 1, concurrency = 16, batch = 50, on_error = false,
        on_change = function(change)
          pause(math.random() * 0.004)
          local row = tonumber(change.row_id)
          if row <= 5 and (bad or math.random() < 0.05) then error("it failed", 0) end
          local of_row = seqs[row] or {}
          seqs[row], of_row[#of_row + 1], count = of_row, change.seq, count + 1
        end }
      local function fill()
        must(at.log, [[INSERT INTO forge_change_log (table_name, op, row_id, created_at)
          SELECT 'item', 'UPDATE', (random() * 25)::int::text, clock_timestamp()
            FROM generate_series(1, 200)]])
      end
      local most = 0
      run(one, function()
        for round = 1, 3 do
          fill()
          saves(tostring(round * 200))
          most = math.max(most, #assert(consumer.parked(at.log, "one")))
          bad = round < 2
          consumer.retry(at.log, "one")
        end
        wait_until(function()
          if count == 600 then return true end
          consumer.retry(at.log, "one")
          pause(0.2)
        end, "all changes")
      end)
      local disorder = 0
      for _, of_row in pairs(seqs) do
        for i = 2, #of_row do disorder = disorder + (of_row[i] <= of_row[i - 1] and 1 or 0) end
      end
      support.note("%s: 600 changes, handled %d, out of order %d, at most %d parked", name, count,
        disorder, most)
      assert.same({ 600, 0 }, { count, disorder })
      assert.is_true(most > 10)
    end)

    it("are not parked behind a newer one where they come again", function()
      local seqs, fails = {}, true
      local options = { attempts = 1, on_change = function(change)
        if change.seq == 2 and fails then error("bad", 0) end
        seqs[#seqs + 1] = change.seq
      end }
      write({ "a", "a", "b" })
      run(make(options), function() saves("3") end)
      assert(consumer.rewind(at.log, "one", 0))
      fails, seqs = false, {}
      run(make(options), function()
        saves("3")
        assert.equal(1, consumer.retry(at.log, "one"))
        wait_until(function() return #assert(consumer.parked(at.log, "one")) == 0 end, "the retry")
      end)
      local of_row = {}
      for _, seq in ipairs(seqs) do
        if seq ~= 3 then of_row[#of_row + 1] = seq end
      end
      assert.same({ 1, 2 }, of_row)
    end)

    it("hold back their keys where the option attempts is not given any more", function()
      local seqs, fails = {}, true
      local function options(attempts)
        return { attempts = attempts, on_change = function(change)
          if change.seq == 1 and fails then error("bad", 0) end
          seqs[#seqs + 1] = change.seq
        end }
      end
      write({ "a" })
      run(make(options(1)), function() saves("1") end)
      write({ "a", "b" })
      fails = false
      run(make(options()), function()
        saves("3")
        assert.same({ 3 }, seqs)
        assert.equal(2, consumer.retry(at.log, "one"))
        wait_until(function() return #seqs == 3 end, "the retry")
        write({ "a" })
        saves("4")
      end)
      assert.same({ 3, 1, 2, 4 }, seqs)
    end)

    it("are not parked by a program that is late, whose name is another's by then", function()
      local seqs, late = {}, true
      local other, theirs = at:make { name = "one", position = consumer.table(), attempts = 1 }
      local one, seen = make { lease = 1, attempts = 1, on_change = function(change)
        if not late then
          seqs[#seqs + 1] = change.seq
          return
        end
        late = false
        logs.pause(1.2) -- the loop stands, and with it this consumer
        assert.equal(1, settle(other))
        error("too late", 0)
      end }
      write({ "a" })
      run(one, function()
        wait_until(function() return #seen.errors > 0 end, "the handler's end")
        write({ "a" })
        assert.equal(1, settle(other))
        other:close()
        write({ "a" })
        saves("3")
      end)
      assert.same({}, consumer.parked(at.log, "one"))
      assert.same({ { 1, 2 }, { 3 } }, { theirs.seqs, seqs })
    end)

    it("are another consumer's once the lease was over", function()
      local seqs = {}
      local one = make { lease = 1, on_change = function(change) seqs[#seqs + 1] = change.seq end }
      local other, theirs = at:make { name = "one", position = consumer.table() }
      write({ 1, 2 })
      run(one, function()
        saves("2")
        logs.pause(1.2) -- the loop stands, and with it this consumer
        write({ 3 })
        assert.equal(1, settle(other))
        write({ 4 })
        pause(1.5)
        assert.equal(2, #seqs)
        assert.equal(1, settle(other))
        other:close()
        write({ 5 })
        saves("5")
      end)
      table.sort(seqs)
      assert.same({ 3, 4 }, theirs.seqs)
      assert.same({ 1, 2, 5 }, seqs)
    end)
  end)
end
