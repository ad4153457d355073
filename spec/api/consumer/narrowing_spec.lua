-- A consumer with the option attempts: what fails is parked, and all else is handled and saved.
local beside = require "forgelog.wait.beside"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local find_waiter = require "forgelog.wait"
local logs = require "support.logs"
local loops = require "support.loops"
local support = require "support"

local must, settle = logs.must, consumers.settle

describe("a consumer with attempts", function()
  local at
  before_each(function()
    at = consumers.start()
    must(at.log, "ALTER TABLE effect ADD at bigserial")
  end)
  after_each(function() at:close() end)

  -- Makes a consumer named "one" whose handler writes to the table effect, and raises where
  -- `fails(change)` says so, before it has done the change.
  local function make(fails, options)
    local seen = { alone = {}, sizes = {}, parked = {} }
    local all = { attempts = 3, batch = 100, position = consumer.table(), transaction = true,
      on_changes = function(changes, log)
        seen.sizes[#seen.sizes + 1] = #changes
        if not changes[2] then seen.alone[#seen.alone + 1] = changes[1].seq end
        for _, change in ipairs(changes) do
          local raised = fails(change, log)
          if raised then error(raised, 0) end
          must(log, "INSERT INTO effect (seq) VALUES ($1)", change.seq)
        end
      end,
      on_park = function(change, err) seen.parked[#seen.parked + 1] = { change.seq, err } end }
    for name, value in pairs(options or {}) do all[name] = value end
    local one, told = at:writer(all)
    seen.errors = told.errors
    return one, seen
  end

  local function parked()
    return must(at.log, "SELECT seq, waits, attempts, error FROM forge_change_log_parked "
      .. "ORDER BY id")
  end

  local function effects()
    return must(at.log, [[SELECT coalesce(string_agg(seq::text, ' ' ORDER BY at), '') AS seqs
      FROM effect]])[1].seqs
  end

  -- Writes changes of these rows, in one transaction.
  local function write(rows)
    local values = {}
    for row in rows:gmatch("%S+") do
      values[#values + 1] = row == "T" and "('item', 'TRUNCATE', NULL, now())"
        or ("('item', 'UPDATE', '%s', now())"):format(row)
    end
    must(at.log, "INSERT INTO forge_change_log (table_name, op, row_id, created_at) VALUES "
      .. table.concat(values, ", "))
  end

  local file = support.path("narrowing.position")
  for name, options in pairs({
    ["the table store"] = { transaction = false }, ["one transaction"] = {},
    ["a file"] = { position = consumer.file(file), transaction = false },
    memory = { position = consumer.memory(), transaction = false },
  }) do
    it("parks the change that fails, and handles all others, with " .. name, function()
      os.remove(file)
      at:add(100)
      local one, seen = make(function(change) return change.seq == 37 and "bad\1" end, options)
      local done = 0
      repeat
        done = done + assert(one:step(5))
      until done == 100
      assert.same({ 37, 37, 37 }, { seen.alone[#seen.alone], seen.alone[#seen.alone - 1],
        seen.alone[#seen.alone - 2] })
      assert.equal(99, at:effects().different)
      if options.transaction == nil then assert.equal(99, at:effects().n) end
      assert.same({ { seq = 37, waits = false, attempts = 3, error = "bad\1" } }, parked())
      assert.matches("^%d+:100$", one:stats().position)
      assert.same({ 100, 0 }, { one:stats().handed_out, one:stats().lag_changes })
      assert.equal(1, #seen.parked)
      local seq, err = seen.parked[1][1], seen.parked[1][2]
      assert.same({ 37, "handler_failed", "bad\1", 37, 37 },
        { seq, err.code, err.raised, err.first_seq, err.last_seq })
      local attempts = {}
      for i, each in ipairs(seen.errors) do attempts[i] = each.attempt end
      assert.same({ 1, 2, 3 }, attempts)
      at:add(1)
      assert.equal(1, settle(one))
    end)
  end

  it("saves the others while one waits for its next try, and goes on from there", function()
    at:add(20)
    local options = { backoff = 60, backoff_max = 60 }
    local one, seen = make(function(change) return change.seq == 5 and "bad" end, options)
    local done, count, err = 0
    repeat
      count, err = one:step(0.05)
      done = done + (count or 0)
    until not count and err.code ~= "unfinished"
    assert.equal("retry", err.code, tostring(err))
    assert.equal(19, done)
    assert.matches("^%d+:4:6%-20$", one:stats().position)
    assert.equal(1, one:stats().lag_changes)
    assert.equal(1, #seen.errors)
    one:close()
    local other, again = make(function() end, options)
    assert.equal(1, settle(other))
    assert.same({ 5 }, again.alone)
    assert.same({ n = 20, different = 20 }, at:effects())
    assert.same({}, parked())
  end)

  it("has later changes of the key wait behind it, in its batch and afterwards", function()
    write("a b a c b a")
    local bad = { [1] = true, [5] = true }
    local one = make(function(change) return bad[change.seq] and "bad" end)
    assert.equal(6, settle(one))
    assert.equal("2 4", effects())
    write("a d")
    assert.equal(2, settle(one))
    assert.equal("2 4 8", effects())
    local found = {}
    for i, row in ipairs(parked()) do
      found[i] = row.seq .. (row.waits and " waits" or " " .. row.attempts)
    end
    table.sort(found) -- which one fails first for the last time is a matter of luck
    assert.same({ "1 3", "3 waits", "5 3", "6 waits", "7 waits" }, found)
    one:close()
    write("b")
    one = make(function() end) -- another program knows it too
    assert.equal(1, settle(one))
    assert.equal("2 4 8", effects())
    assert.equal(6, consumer.retry(at.log, "one"))
    consumers.handle(one, 6)
    assert.same({}, parked())
    write("a b")
    assert.equal(2, settle(one))
    local keys = {}
    for i, row in ipairs(must(at.log, [[SELECT row_id || string_agg(' ' || seq, '' ORDER BY at) AS s
      FROM effect JOIN forge_change_log USING (seq) GROUP BY row_id ORDER BY 1]])) do
      keys[i] = row.s
    end
    assert.same({ "a 1 3 6 7 10", "b 2 5 9 11", "c 4", "d 8" }, keys)
  end)

  it("lets later changes of the key pass where it is told to", function()
    write("a b a")
    local one = make(function(change) return change.seq == 1 and "bad" end, { park = "change" })
    assert.equal(3, settle(one))
    write("a")
    assert.equal(1, settle(one))
    assert.equal("2 3 4", effects())
    assert.equal(1, #parked())
  end)

  it("takes the key that it is told", function()
    write("a1 b1 a2 b2")
    local one = make(function(change) return change.row_id == "a1" and "bad" end,
      { key = function(change) return change.row_id:sub(1, 1) end })
    assert.equal(4, settle(one))
    assert.equal("2 4", effects())
    assert.same({ false, true }, { parked()[1].waits, parked()[2].waits })
  end)

  it("takes a key that is a number as its text", function()
    local one = make(function(change) return change.seq == 1 and "bad" or nil end,
      { attempts = 1, key = function(change) return #change.row_id end })
    write("a")
    assert.equal(1, settle(one))
    write("bb c")
    settle(one)
    assert.equal("2", effects())
    assert.equal(2, #parked())
  end)

  it("handles nothing of a batch before a TRUNCATE that came after it", function()
    write("a b T a")
    local failures = 0
    local one = make(function(change)
      failures = failures + (change.seq == 1 and 1 or 0)
      return change.seq == 1 and failures < 4 and "bad"
    end)
    assert.equal(4, settle(one))
    assert.equal("2 1 3 4", effects())
  end)

  it("never parks what is no change's fault, and takes no batch apart for it", function()
    at:add(10)
    local tries, one, seen = 0, nil, {}
    local statements = {
      [4] = "DO $$ BEGIN RAISE 'no' USING ERRCODE = 'lock_not_available'; END $$",
      [5] = "SELECT pg_terminate_backend(pg_backend_pid())" }
    one, seen.them = make(function(change, log)
      if change.seq ~= 6 then return end
      tries = tries + 1
      if tries <= 2 then return { retryable = true, message = "its service is away" } end
      if tries == 3 then return select(2, log:limited(0.01):query("SELECT pg_sleep(5)")) end
      if statements[tries] then return select(2, log:query(statements[tries])) end
      if tries == 6 then at:terminate(one) return "a text that tells nothing" end
    end, { attempts = 1 })
    seen = seen.them
    assert.equal(10, settle(one))
    assert.equal(7, tries)
    for _, size in ipairs(seen.sizes) do assert.equal(10, size) end
    assert.same({ n = 10, different = 10 }, at:effects())
    assert.same({ {}, {} }, { parked(), seen.parked })
  end)

  for name, together in pairs({ ["with the position"] = true, ["before it"] = false }) do
    it("knows by the log what a text was made of, where work commits " .. name, function()
      local tries = 0
      local one = make(function(change, log)
        if change.seq ~= 2 then return nil end
        tries = tries + 1
        local state = tries < 4 and "40P01" or "22012"
        local ok, err = log:query("DO $$ BEGIN RAISE SQLSTATE '" .. state .. "'; END $$")
        if tries == 2 and together then return nil end -- it says nothing of it
        return not ok and tostring(err)
      end, { attempts = 1, transaction = together })
      write("a b")
      consumers.handle(one, 2)
      assert.is_true(tries >= 5)
      assert.equal(2, parked()[1].seq)
      assert.matches("22012", parked()[1].error)
    end)
  end

  it("finds the change whose work the COMMIT refuses", function()
    must(at.log, [[ALTER TABLE effect ADD CHECK (seq > 0),
      ADD CONSTRAINT once UNIQUE (seq) DEFERRABLE INITIALLY DEFERRED]])
    must(at.log, "INSERT INTO effect (seq) VALUES (7)")
    at:add(10)
    local one = make(function(change, log)
      if change.seq == 3 then
        log:query("INSERT INTO effect (seq) VALUES (-1)") -- and it does not look what comes of it
      end
    end, { attempts = 2 })
    assert.equal(10, settle(one))
    assert.same({ n = 9, different = 9 }, at:effects())
    local rows = parked()
    -- Which of two is tried again first, and so is parked first, is a matter of luck.
    table.sort(rows, function(a, b) return a.seq < b.seq end)
    assert.same({ 3, 7, nil }, { rows[1].seq, rows[2].seq, rows[3] })
    assert.matches("once", rows[2].error, 1, true)
  end)

  it("goes on where on_park raises", function()
    at:add(3)
    local one, seen = make(function(change) return change.seq == 2 and "bad" end,
      { attempts = 1, on_park = function() error("and so does this") end })
    assert.equal(3, settle(one))
    assert.matches("on_park raised: .*and so does this", seen.errors[2].err.message)
  end)

  it("parks all changes of a batch where it has to", function()
    at:add(64)
    local one, seen = make(function() return "bad" end, { attempts = 2 })
    assert.equal(64, settle(one))
    assert.equal(64, #parked())
    assert.equal(64, #seen.parked)
    assert.matches("^%d+:64$", one:stats().position)
  end)

  it("keeps each key in order and each effect once, whatever fails and breaks meanwhile", function()
    local failing, broken = {}, 0
    local one, seen
    local deadline = core.now() + 60
    local options = { attempts = 2, batch = 20, backoff = 0.001,
      backoff_max = 0.002 }
    local function open()
      one, seen = make(function(change)
        if math.random(60) == 1 then
          broken = broken + 1
          at:terminate(one)
        end
        return failing[change.row_id] and "bad"
      end, options)
      return one
    end
    open()
    local sum = 0
    for round = 1, support.scale(12) do
      local rows = {}
      for i = 1, 25 do rows[i] = "k" .. math.random(12) end
      write(table.concat(rows, " "))
      failing = { ["k" .. math.random(12)] = true, ["k" .. math.random(12)] = true }
      for _ = 1, 60 do
        local _, err = one:step(0.02)
        if err and err.code == "no_change" then break end
      end
      sum = sum + #seen.parked
      if round % 3 == 0 then
        one:close()
        open()
      end
      if round % 2 == 0 then consumer.retry(at.log, "one") end
    end
    failing = {}
    repeat
      settle(one)
      if #parked() > 0 then assert(consumer.retry(at.log, "one")) end
      assert.is_true(core.now() < deadline, "it does not come to an end")
    until #parked() == 0
    local changes = must(at.log, "SELECT count(*) AS n FROM forge_change_log")[1].n
    assert.same({ n = changes, different = changes }, at:effects())
    local disordered = must(at.log, [[SELECT count(*) AS n FROM (
        SELECT e.seq, lag(e.seq) OVER (PARTITION BY l.row_id ORDER BY e.at) AS before
          FROM effect e JOIN forge_change_log l USING (seq)) o WHERE before > seq]])[1].n
    print(("# %d changes, %d parked, %d connections broken, %d out of order"):format(changes, sum,
      broken, disordered))
    assert.equal(0, disordered)
    assert.is_true(sum > 0 and broken > 0)
  end)

  if not beside.possible then return end

  it("is closed by another coroutine in the middle of a handler's work", function()
    local wait = find_waiter("spec", "cqueues").wait
    local one, begun
    one = make(function()
      begun = true
      wait(nil, "", 0.05)
      return "it failed"
    end, { attempts = 1, transaction = false, wait = "cqueues" })
    write("a b")
    loops.cqueues(function(start)
      local done, err
      start(function()
        repeat done, err = one:step(1) until begun
      end)
      support.wait_until(function()
        wait(nil, "", 0.01)
        return begun
      end, "the handler")
      one:close()
      support.wait_until(function()
        wait(nil, "", 0.01)
        return err ~= nil
      end, "the step's end")
      assert.is_nil(done)
    end)
    assert.same({}, parked())
  end)
end)
