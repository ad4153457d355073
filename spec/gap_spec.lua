-- When the log cannot give everything after a position any more, it says so, and only then.
local load = require "support.load"
local support = require "support"

local must = load.must

-- What gap() tells, as one text.
local function told(log, since)
  local reason, upto = log:gap(since)
  if reason == nil then error(upto, 2) end
  return reason and ("%s %d"):format(reason, upto) or "none"
end

-- A drain says the same as gap(): it raises before the first change, or hands out all the log has after `since`.
local function agrees(log, since)
  local reason, upto = log:gap(since)
  local err, seqs = load.drain_error(log, since)
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

local function case(make)
  local state = {}
  before_each(function()
    state.db, state.log = make()
    load.fill(state.log, 10)
  end)
  after_each(function()
    state.log:close()
    support.drop(state.db)
  end)
  return state
end

describe("gap on an installed log", function()
  local at = case(load.installed)

  it("is none where nothing was deleted", function()
    for _, since in ipairs({ 0, 1, 9, 10, "5", "1:5", "1:5:7-8,10" }) do assert.equal("none", told(at.log, since)) end
    assert.equal("none", told(at.log))
    assert.same({ 10 }, agrees(at.log, 9))
    assert.same({ 6, 9 }, agrees(at.log, "1:5:7-8,10"))
  end)

  it("begins right below what was trimmed", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert.equal("trimmed 5", told(at.log, 4))
    assert.equal("trimmed 5", told(at.log, 0))
    assert.equal("none", told(at.log, 5))
    assert.same({ 6, 7, 8, 9, 10 }, agrees(at.log, 5))
    agrees(at.log, 4)
    assert.equal("trimmed 5", told(at.log, "1:4:6-10"))
  end)

  it("lets a drain from the beginning have what there is", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 8")
    assert.same({ 9, 10 }, load.drained(at.log))
    assert.same({ 9, 10 }, load.drained(at.log, 0))
  end)

  it("sees a trim in the middle", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq IN (4, 7)")
    assert.equal("trimmed 7", told(at.log, 6))
    assert.equal("none", told(at.log, 7))
    agrees(at.log, 3)
    agrees(at.log, 6)
    assert.same({ 8, 9, 10 }, agrees(at.log, 7))
  end)

  it("takes no rolled-back number for a deleted one", function()
    must(at.log, "BEGIN"); load.fill(at.log, 5); must(at.log, "ROLLBACK")
    assert.equal("none", told(at.log, 10))
    assert.equal("none", told(at.log, 15))
    assert.equal("reset 15", told(at.log, 16))
    load.fill(at.log, 1)
    assert.same({ 16 }, agrees(at.log, 10))
  end)

  for _, way in ipairs({
    { "a plain DELETE", "DELETE FROM forge_change_log" },
    { "TRUNCATE", "TRUNCATE forge_change_log" },
    { "TRUNCATE ... RESTART IDENTITY", "TRUNCATE forge_change_log RESTART IDENTITY" },
    { "forge_trim_change_log()", "SELECT forge_trim_change_log('0 seconds')" },
  }) do
    it("is exact when the log was emptied by " .. way[1], function()
      assert.same(10, #load.drained(at.log))
      must(at.log, way[2])
      assert.equal("trimmed 10", told(at.log, 9))
      assert.equal("none", told(at.log, 10))
      assert.equal("reset 10", told(at.log, 11))
      agrees(at.log, 9)
      assert.same({}, agrees(at.log, 10))
      must(at.log, "INSERT INTO item (n) VALUES (1)")
      assert.same({ 11 }, agrees(at.log, 10))
      agrees(at.log, 9)
    end)
  end

  it("is none after a TRUNCATE that was rolled back", function()
    must(at.log, "BEGIN; TRUNCATE forge_change_log RESTART IDENTITY; ROLLBACK")
    assert.equal("none", told(at.log, 3))
    load.fill(at.log, 1)
    assert.same({ 11 }, agrees(at.log, 10))
  end)

  it("is a reset for a position that the log has never reached", function()
    assert.equal("reset 10", told(at.log, 11))
    agrees(at.log, 11)
    agrees(at.log, "1:900")
  end)

  it("is a reset when the log was dropped and installed again", function()
    assert.equal(10, #load.drained(at.log))
    must(at.log, "DROP TABLE forge_change_log, forge_change_log_state")
    local rows, err = at.log:gap(10)
    assert.is_nil(rows)
    assert.equal("schema", err.kind)
    assert(at.log:install())
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.equal("reset 1", told(at.log, 10))
    agrees(at.log, 10)
    assert.same({ 1 }, load.drained(at.log, 0))
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
    assert.equal(10, #load.drained(at.log))
    must(at.log, "DELETE FROM forge_change_log; ALTER SEQUENCE forge_change_log_seq_seq RESTART")
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.matches("^reset", told(at.log, 10))
    agrees(at.log, 10)
  end)

  it("is a failover for a position of another timeline", function()
    assert.equal("failover 10", told(at.log, "2:5"))
    assert.equal("failover 10", told(at.log, "2:11"))
    agrees(at.log, "2:5")
  end)

  it("is an error, not a guess, when the state has lost its row", function()
    must(at.log, "DELETE FROM forge_change_log_state")
    local reason, err = at.log:gap(5)
    assert.is_nil(reason)
    assert.equal("schema", err.kind)
    assert.equal("schema", load.drain_error(at.log, 5).kind)
    assert(at.log:install())
    assert.equal("none", told(at.log, 10))
    load.fill(at.log, 1)
    assert.same({ 11 }, agrees(at.log, 10))
  end)
end)

describe("gap on the framework's plain log", function()
  local at = case(load.framework)

  it("follows the older rule: trimmed where the smallest seq is not the next one", function()
    assert.equal("none", told(at.log, 0))
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert.equal("none", told(at.log, 5))
    assert.equal("trimmed 5", told(at.log, 4))
    agrees(at.log, 4)
    assert.same({ 6, 7, 8, 9, 10 }, agrees(at.log, 5))
  end)

  it("sees an emptied log by its sequence", function()
    must(at.log, "SELECT forge_trim_change_log('0 seconds')")
    assert.equal("trimmed 10", told(at.log, 9))
    assert.equal("none", told(at.log, 10))
    agrees(at.log, 9)
    must(at.log, "INSERT INTO item (n) VALUES (1)")
    assert.same({ 11 }, agrees(at.log, 10))
    agrees(at.log, 9)
  end)

  it("tells a reset and a failover too", function()
    assert.equal("reset 10", told(at.log, 11))
    assert.equal("failover 10", told(at.log, "7:5"))
    must(at.log, "TRUNCATE forge_change_log RESTART IDENTITY")
    load.fill(at.log, 3)
    assert.equal("reset 3", told(at.log, 10))
    agrees(at.log, 10)
  end)

  it("becomes exact with install", function()
    must(at.log, "DELETE FROM forge_change_log WHERE seq <= 5")
    assert(at.log:install())
    must(at.log, "DELETE FROM forge_change_log WHERE seq = 8")
    assert.equal("trimmed 8", told(at.log, 7))
    assert.equal("trimmed 8", told(at.log, 4))
    assert.equal("none", told(at.log, 8))
  end)
end)
