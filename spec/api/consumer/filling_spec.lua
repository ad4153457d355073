-- A backfill where something is in its way: tables emptied or to be read anew, gaps, handlers that
-- fail, connections that break, rights and locks that are missing.
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local copies = require "support.copies"
local logs = require "support.logs"
local loops = require "support.loops"

-- A loop in which several changes can be handled at a time.
local BESIDE = rawget(_G, "jit") and "luv" or _VERSION ~= "Lua 5.1" and "cqueues"

local must, settle = logs.must, consumers.settle

describe("a backfill", function()
  local at, log
  before_each(function()
    at = copies.start()
    log = at.log
  end)
  after_each(function() at:close() end)

  it("begins where a table is to be read anew, and only with that option", function()
    at:fill(1, 200)
    for _, resync in ipairs { "backfill", false } do
      local one, seen = at:copier { start = "now", resync = resync or nil,
        name = resync or "without" }
      settle(one)
      must(log, "DELETE FROM copy")
      assert(log:touch("item"))
      settle(one)
      at:finish(one)
      assert.same({ 1, resync and 200 or 0 }, { seen.RELOAD, seen.READ })
      one:close()
    end
  end)

  it("hands out no row that a TRUNCATE has removed", function()
    at:fill(1, 1000)
    local one, seen = at:copier { resync = "backfill" }
    consumers.handle(one, 100)
    must(log, "TRUNCATE item")
    at:fill(2001, 2003)
    settle(one)
    assert.same({ 3, 0, 0 }, at:compare())
    assert.is_true(seen.READ < 1000)
  end)

  for _, transaction in ipairs { false, true } do
    it("after a gap forgets rows that have vanished" .. (transaction and ", in transactions"
        or ""), function()
      at:fill(1, 500)
      local one, seen = at:copier { resync = "backfill", transaction = transaction }
      settle(one)
      assert.same({ 500, 0, 0 }, at:compare())
      one:close()
      must(log, [[ALTER TABLE item DISABLE TRIGGER ALL; DELETE FROM item WHERE id % 3 = 0;
        UPDATE item SET n = 0 WHERE id % 3 = 1; ALTER TABLE item ENABLE TRIGGER ALL]])
      at:fill(1001, 1010)
      must(log, "DELETE FROM forge_change_log")
      local again, later = at:copier { resync = "backfill", transaction = transaction }
      later.after = function() -- what is written meanwhile stays
        if later.calls == 2 then must(log, "INSERT INTO item VALUES (-1, -1)") end
      end
      settle(again)
      assert.same({ 345, 0, 0 }, at:compare())
      assert.same({ 0, 1, 1 }, { seen.RELOAD, later.RELOAD, again:stats().resyncs })
    end)
  end

  -- Closes a consumer, makes a gap behind it, and starts it anew.
  local function after_gap(one, options)
    one:close()
    at:fill(1001, 1010)
    must(log, "DELETE FROM forge_change_log")
    return at:copier(options)
  end

  it("after a gap tells of channels, which no table stands for", function()
    local options = { resync = "backfill", start = "now", channels = { "news" } }
    local one = at:copier(options)
    settle(one)
    local again, seen = after_gap(one, options)
    settle(again)
    assert.same({ 1, 1 }, { seen.RELOAD, again:stats().resyncs })
    assert.is_nil(again:stats().backfill)
  end)

  it("ends its pause at a gap, which it has to tell", function()
    at:fill(1, 100)
    local one = at:copier { start = "now", resync = "backfill" }
    settle(one)
    at:ask("item")
    at:ask("item", { pause = true })
    settle(one)
    local again, seen = after_gap(one, { start = "now", resync = "backfill" })
    settle(again)
    at:finish(again)
    assert.equal(1, seen.RELOAD)
    assert.same({ 110, 0, 0 }, at:compare())
  end)

  it("does not hold up the feed where the handler fails with it", function()
    at:fill(1, 120)
    local one, seen = at:copier { start = "now" }
    settle(one)
    local fails = true
    seen.before = function(changes)
      if fails and changes[1].op == "READ" then error("not now") end
    end
    at:ask("item")
    at:fill(121, 121)
    consumers.handle(one, 1)
    for _ = 1, 100 do
      one:step(0.02)
      if #seen.errors > 1 then break end
    end
    at:fill(122, 122)
    consumers.handle(one, 1)
    local err = seen.errors[1].err
    assert.same({ "handler_failed", 0 }, { err.code, seen.READ })
    assert.matches("not now", err.raised)
    assert.equal("item", one:stats().backfill.table)
    assert.truthy(one:stats().backfill.error)
    fails = false
    at:finish(one)
    assert.same({ 122, 0, 0 }, at:compare())
  end)

  for _, transaction in ipairs { false, true } do
    it("parks a row that fails again and again" .. (transaction and ", in transactions" or ""),
        function()
      at:fill(1, 300)
      local parked = {}
      local one, seen = at:copier { resync = "backfill", attempts = 2, transaction = transaction,
        on_park = function(change) parked[#parked + 1] = change.op .. " " .. change.row_id end }
      local bad = { ["77"] = true, ["140"] = true }
      seen.before = function(changes)
        for _, change in ipairs(changes) do
          if bad[change.row_id] then error("bad " .. change.row_id) end
        end
      end
      settle(one)
      at:finish(one)
      assert.same({ 300, 2, 0 }, at:compare())
      assert.same({ "READ 77", "READ 140" }, parked)
      must(log, "UPDATE item SET n = 0 WHERE id = 77") -- waits behind it
      settle(one)
      assert.equal(3, #assert(consumer.parked(log, "one")))
      at:ask("item") -- so do rows that are read once more
      local reads = seen.READ
      at:finish(one)
      assert.equal(298, seen.READ - reads)
      bad = {}
      assert(consumer.retry(log, "one"))
      local deadline = logs.now() + 10
      repeat
        one:step(0.05)
      until #assert(consumer.parked(log, "one")) == 0 or logs.now() > deadline
      assert.same({ 300, 0, 0 }, at:compare())
    end)
  end

  it("parks a row once that waits behind another, however often its chunk comes again", function()
    at:fill(1, 20)
    local bad = { ["5"] = "change", ["3"] = "read" }
    local done = {}
    local one, seen = at:copier { start = "now", attempts = 3, on_changes = false,
      on_change = function(change)
        local fails = bad[change.row_id]
        if fails then error("bad " .. change.row_id, 0) end
        done[#done + 1] = change.row_id
      end }
    settle(one)
    must(log, "UPDATE item SET n = 0 WHERE id = 5")
    settle(one)
    assert.equal(1, #assert(consumer.parked(log, "one")))
    at:ask("item")
    at:finish(one)
    local parked, labels = assert(consumer.parked(log, "one")), {}
    for i, entry in ipairs(parked) do
      labels[i] = entry.change.op .. " " .. entry.change.row_id
    end
    table.sort(labels)
    assert.same({ "READ 3", "READ 5", "UPDATE 5" }, labels)
    assert.equal(18, #done)
    assert.is_true(#seen.errors >= 6)
    at:ask("item") -- and where it is read once more
    at:finish(one)
    assert.equal(3, #assert(consumer.parked(log, "one")))
  end)

  local function run(work, loop)
    if not loop then return work() end
    loops[loop](work)
  end

  for _, concurrency in ipairs { 1, BESIDE and 4 or nil } do
    it(("hands rows to on_change, %d at a time"):format(concurrency), function()
      at:fill(1, 200)
      local seen, reads, fails = {}, 0, 3
      local one = at:make { name = "one", position = consumer.table(), resync = "backfill",
        concurrency = concurrency, wait = concurrency > 1 and BESIDE or nil, on_changes = false,
        on_change = function(change)
          if change.row_id == "77" and fails > 0 then
            fails = fails - 1
            error("not now")
          end
          reads = reads + (change.op == "READ" and 1 or 0)
          seen[change.row_id or change.op] = true
        end }
      run(function()
        local deadline = logs.now() + 20
        repeat one:step(0.1) until reads >= 200 and #at:left() == 0 or logs.now() > deadline
        assert.same({ 200, 0 }, { reads, fails })
        assert(log:touch("item"))
        repeat one:step(0.1) until reads >= 400 and #at:left() == 0 or logs.now() > deadline
        assert.equal(400, reads)
        at:fill(201, 201)
        repeat one:step(0.1) until seen["201"] or logs.now() > deadline
        assert.is_true(seen.RELOAD and seen["201"])
        one:close()
      end, concurrency > 1 and BESIDE)
    end)
  end

  it("goes on where it was when the connection breaks between the handler and the save", function()
    at:fill(1, 1000)
    for _, transaction in ipairs { false, true } do
      must(log, "TRUNCATE effect")
      local name = transaction and "together" or "apart"
      local breaks, one = 3, nil
      one = at:make { name = name, position = consumer.table(), resync = "backfill",
        transaction = transaction, on_changes = function(changes, own)
          for _, change in ipairs(changes) do
            must(own, "INSERT INTO effect VALUES ($1)", change.row_id)
          end
          if #changes > 50 and breaks > 0 then
            breaks = breaks - 1
            at:terminate(one)
          end
        end }
      settle(one)
      at:finish(one)
      local row = at:effects()
      assert.same({ 1000, 1000, 0 }, { row.n, row.different, breaks })
      one:close()
    end
  end)

  it("does nothing twice where the answer to its COMMIT was lost", function()
    at:fill(1, 100)
    local got = {}
    local one = at:make { name = "one", position = consumer.table(), resync = "backfill",
      transaction = true, on_changes = function(changes)
        for _, change in ipairs(changes) do got[#got + 1] = tonumber(change.row_id) end
      end }
    consumers.handle(one, 50)
    -- That is as if it had done more, and did not know.
    must(log, "UPDATE forge_change_log_backfills SET after = '{80}', rows = 80")
    at:finish(one)
    assert.same({ 70, 50, 81, 100 }, { #got, got[50], got[51], got[70] })
  end)

  it("waits for a right, and for a lock, beside the feed", function()
    at:fill(1, 100)
    local role, drop = logs.role(log, [[GRANT SELECT ON forge_change_log, forge_change_log_state
      TO %s; GRANT SELECT, INSERT, UPDATE, DELETE ON forge_change_log_consumers,
      forge_change_log_backfills TO %s]])
    local seen = { READ = 0, INSERT = 0 }
    local one, told = at:make { conninfo = (at.db:gsub("user=%S+", "user=" .. role)), name = "one",
      position = consumer.table(), resync = "backfill", on_changes = function(changes)
        for _, change in ipairs(changes) do seen[change.op] = seen[change.op] + 1 end
      end }
    local function until_error(code)
      local deadline = logs.now() + 10
      repeat one:step(0.02) until #told.errors > 0 or logs.now() > deadline
      assert.equal(code, told.errors[1].err.code or told.errors[1].err.sqlstate)
    end
    until_error("missing_right")
    at:fill(101, 101)
    consumers.handle(one, 1)
    assert.same({ READ = 0, INSERT = 1 }, seen)
    assert.equal("missing_right", one:stats().backfill.error.code)
    local other = logs.connect(at.db)
    must(other, "BEGIN; LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
    must(log, "GRANT SELECT ON TABLE effect TO " .. role)
    for i = #told.errors, 1, -1 do told.errors[i] = nil end
    must(other, "GRANT SELECT ON item TO " .. role .. "; COMMIT; BEGIN; LOCK TABLE item")
    until_error("55P03")
    logs.fill(log, 1)
    consumers.handle(one, 1)
    must(other, "COMMIT")
    at:finish(one)
    assert.same({ READ = 101, INSERT = 2 }, seen)
    other:close(); one:close()
    drop()
  end)
end)
