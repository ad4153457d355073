-- What a log knows of its numbers. When it cannot give everything after a position any more, gap()
-- says so, and only then; horizon() names the writers that hold it.
local logs = require "support.logs"
local support = require "support"

local must = logs.must

-- What gap() returns, as one text.
local function answer(log, since)
  local reason, upto = log:gap(since)
  if reason == nil then error(upto, 2) end
  return reason and ("%s %d"):format(reason, upto) or "none"
end

-- Asserts that a drain says the same as gap(): it raises before the first change, or delivers all
-- that the log has after `since`; returns the seqs.
local function agrees(log, since)
  local reason, upto = log:gap(since)
  local err, seqs = logs.drain_error(log, since)
  if not reason then
    assert.is_nil(err)
    return seqs
  end
  assert.is_table(err, "gap says " .. reason .. ", drain raised nothing")
  assert.equal("gap", err.kind)
  assert.equal(reason, err.reason)
  assert.equal(upto, err.upto)
  assert.is_false(err.retryable)
  assert.same({}, seqs)
end

-- A log of 10 changes for each `it` of a describe: the fields db and log of what is returned.
local function case(make)
  local state = {}
  before_each(function()
    state.db, state.log = make()
    logs.fill(state.log, 10)
  end)
  after_each(function()
    state.log:close()
    support.drop(state.db)
  end)
  return state
end

describe("gap on an installed log", function()
  local at = case(logs.installed)

  it("is none where nothing was deleted", function()
    for _, since in ipairs({ 0, 1, 9, 10, "5", "1:5", "1:5:7-8,10" }) do
      assert.equal("none", answer(at.log, since))
    end
    assert.equal("none", answer(at.log))
    assert.same({ 10 }, agrees(at.log, 9))
    assert.same({ 6, 9 }, agrees(at.log, "1:5:7-8,10"))
  end)

  it("begins right below what was trimmed", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert.equal("trimmed 5", answer(at.log, 4))
    assert.equal("trimmed 5", answer(at.log, 0))
    assert.equal("none", answer(at.log, 5))
    assert.same({ 6, 7, 8, 9, 10 }, agrees(at.log, 5))
    agrees(at.log, 4)
    assert.equal("trimmed 5", answer(at.log, "1:4:6-10"))
  end)

  it("lets a drain from the beginning have what there is", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 8")
    assert.same({ 9, 10 }, logs.drained(at.log))
    assert.same({ 9, 10 }, logs.drained(at.log, 0))
  end)

  it("sees a trim in the middle", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq IN (4, 7)")
    assert.equal("trimmed 7", answer(at.log, 6))
    assert.equal("none", answer(at.log, 7))
    agrees(at.log, 3)
    agrees(at.log, 6)
    assert.same({ 8, 9, 10 }, agrees(at.log, 7))
  end)

  it("takes no rolled-back number for a deleted one", function()
    must(at.log, "BEGIN"); logs.fill(at.log, 5); must(at.log, "ROLLBACK")
    assert.equal("none", answer(at.log, 10))
    assert.equal("none", answer(at.log, 15))
    assert.equal("reset 15", answer(at.log, 16))
    logs.fill(at.log, 1)
    assert.same({ 16 }, agrees(at.log, 10))
  end)

  for _, way in ipairs({
    { "a plain DELETE", "DELETE FROM forge_change_log" },
    { "TRUNCATE", "TRUNCATE forge_change_log" },
    { "TRUNCATE ... RESTART IDENTITY", "TRUNCATE forge_change_log RESTART IDENTITY" },
    { "forge_trim_change_log()", "SELECT forge_trim_change_log('0 seconds')" },
  }) do
    it("is exact when the log was emptied by " .. way[1], function()
      assert.same(10, #logs.drained(at.log))
      must(at.log, way[2])
      assert.equal("trimmed 10", answer(at.log, 9))
      assert.equal("none", answer(at.log, 10))
      assert.equal("reset 10", answer(at.log, 11))
      agrees(at.log, 9)
      assert.same({}, agrees(at.log, 10))
      must(at.log, "INSERT INTO item (n) VALUES (1)")
      assert.same({ 11 }, agrees(at.log, 10))
      agrees(at.log, 9)
    end)
  end

  it("is none after a TRUNCATE that was rolled back", function()
    must(at.log, "BEGIN; TRUNCATE forge_change_log RESTART IDENTITY; ROLLBACK")
    assert.equal("none", answer(at.log, 3))
    logs.fill(at.log, 1)
    assert.same({ 11 }, agrees(at.log, 10))
  end)

  it("is a reset for a position that the log has never reached", function()
    assert.equal("reset 10", answer(at.log, 11))
    agrees(at.log, 11)
    agrees(at.log, "1:900")
  end)

  it("is a reset when the log was dropped and installed again", function()
    assert.equal(10, #logs.drained(at.log))
    must(at.log, "DROP TABLE forge_change_log, forge_change_log_state")
    local rows, err = at.log:gap(10)
    assert.is_nil(rows)
    assert.equal("schema", err.kind)
    assert(at.log:install())
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.equal("reset 1", answer(at.log, 10))
    agrees(at.log, 10)
    assert.same({ 1 }, logs.drained(at.log, 0))
  end)

  it("goes on behind what was trimmed when only the log was dropped and installed again", function()
    must(at.log, "DELETE FROM forge_change_log")
    must(at.log, "DROP TABLE forge_change_log")
    assert(at.log:install())
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.same({ 11 }, agrees(at.log, 10))
    agrees(at.log, 9)
  end)

  it("is a reset when the sequence was set back", function()
    assert.equal(10, #logs.drained(at.log))
    must(at.log, "DELETE FROM forge_change_log; ALTER SEQUENCE forge_change_log_seq_seq RESTART")
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.matches("^reset", answer(at.log, 10))
    agrees(at.log, 10)
  end)

  it("is a failover for a position of another timeline", function()
    assert.equal("failover 10", answer(at.log, "2:5"))
    assert.equal("failover 10", answer(at.log, "2:11"))
    agrees(at.log, "2:5")
  end)

  it("is an error, not a guess, when the state has lost its row", function()
    must(at.log, "DELETE FROM forge_change_log_state")
    local reason, err = at.log:gap(5)
    assert.is_nil(reason)
    assert.equal("schema", err.kind)
    assert.equal("schema", logs.drain_error(at.log, 5).kind)
    assert(at.log:install())
    assert.equal("none", answer(at.log, 10))
    logs.fill(at.log, 1)
    assert.same({ 11 }, agrees(at.log, 10))
  end)
end)

describe("gap on the framework's plain log", function()
  local at = case(logs.framework)

  it("follows the older rule: trimmed where the smallest seq is not the next one", function()
    assert.equal("none", answer(at.log, 0))
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert.equal("none", answer(at.log, 5))
    assert.equal("trimmed 5", answer(at.log, 4))
    agrees(at.log, 4)
    assert.same({ 6, 7, 8, 9, 10 }, agrees(at.log, 5))
  end)

  it("sees an emptied log by its sequence", function()
    must(at.log, "SELECT forge_trim_change_log('0 seconds')")
    assert.equal("trimmed 10", answer(at.log, 9))
    assert.equal("none", answer(at.log, 10))
    agrees(at.log, 9)
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.same({ 11 }, agrees(at.log, 10))
    agrees(at.log, 9)
  end)

  it("reports a reset and a failover too", function()
    assert.equal("reset 10", answer(at.log, 11))
    assert.equal("failover 10", answer(at.log, "7:5"))
    must(at.log, "TRUNCATE forge_change_log RESTART IDENTITY")
    logs.fill(at.log, 3)
    assert.equal("reset 3", answer(at.log, 10))
    agrees(at.log, 10)
  end)

  it("becomes exact with install", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert(at.log:install())
    must(at.log, "DELETE FROM forge_change_log WHERE seq = 8")
    assert.equal("trimmed 8", answer(at.log, 7))
    assert.equal("trimmed 8", answer(at.log, 4))
    assert.equal("none", answer(at.log, 8))
  end)
end)

describe("the horizon", function()
  local db, log, writer

  before_each(function()
    db, log = logs.installed()
    must(log, "CREATE TABLE ledger (id serial PRIMARY KEY, n int)")
    assert(log:watch("ledger", { notify = false })) -- PREPARE TRANSACTION does not go with NOTIFY
    must(log, "INSERT INTO item (n) VALUES (1), (2)")
    writer = logs.connect(db .. " application_name=holder")
  end)
  after_each(function()
    logs.rollback_prepared(log)
    writer:close()
    log:close()
    support.drop(db)
  end)

  local function hold() must(writer, "BEGIN; INSERT INTO ledger (n) VALUES (3)") end

  it("names who holds it", function()
    assert.same({ 1, 2 }, logs.drained(log))
    local pid, now = logs.backend(writer), logs.server_time(log)
    hold()
    must(log, "INSERT INTO item (n) VALUES (4)")
    local horizon, writers = log:horizon()
    assert.equal(2, horizon)
    assert.equal(1, #writers)
    assert.equal(pid, writers[1].pid)
    assert.equal("holder", writers[1].application_name)
    assert.equal("postgres", writers[1].usename)
    assert.is_true(math.abs(writers[1].since - now) < 5)
    must(writer, "ROLLBACK")
    horizon, writers = log:horizon()
    assert.equal(4, horizon)
    assert.same({}, writers)
  end)

  it("names a prepared transaction that holds it, though no backend does", function()
    assert.same({ 1, 2 }, logs.drained(log))
    hold()
    must(writer, "PREPARE TRANSACTION 'left behind'")
    local horizon, writers = log:horizon()
    assert.equal(2, horizon)
    assert.equal(1, #writers)
    assert.is_nil(writers[1].pid)
    assert.equal("left behind", writers[1].prepared)
    assert.equal("number", type(writers[1].since))
    must(writer, "COMMIT PREPARED 'left behind'")
    assert.equal(3, (log:horizon()))
  end)
end)
