-- The triggers on the log itself: trimmed_to is the highest seq that was ever deleted, by whomever,
-- deleted has each of them, empty_to says up to where there is and will be nothing; and seqs never
-- start over.
local logs = require "support.logs"
local support = require "support"

local must, connect = logs.must, logs.connect

describe("trimmed_to", function()
  local db, log
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    must(log, "CREATE TABLE t (id int PRIMARY KEY)")
    assert(log:watch("t"))
    must(log, "INSERT INTO t SELECT generate_series(1, 10)")
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("is the highest seq ever deleted, by whomever", function()
    assert.equal(0, logs.trimmed_to(log))
    must(log, "DELETE FROM forge_change_log WHERE seq = 4")
    assert.equal(4, logs.trimmed_to(log))
    must(log, [[DELETE FROM forge_change_log WHERE seq < 4;
      DELETE FROM forge_change_log WHERE false]])
    assert.equal(4, logs.trimmed_to(log))
    must(log, "BEGIN; DELETE FROM forge_change_log; ROLLBACK")
    assert.equal(4, logs.trimmed_to(log))
    assert.equal(6, must(log, "SELECT forge_trim_change_log('0 seconds') AS n")[1].n)
    assert.equal(10, logs.trimmed_to(log))
  end)

  it("is the highest of two deletions at once", function()
    local other = connect(db)
    must(log, "BEGIN; DELETE FROM forge_change_log WHERE seq = 9")
    local waiting = support.start(
      ("psql -XAtq -d '%s' -c 'DELETE FROM forge_change_log WHERE seq = 5'"):format(db))
    support.wait_until(function()
      return must(other, [[SELECT count(*) AS n FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()]])[1].n == 1
    end, "the second deletion to wait")
    other:close()
    must(log, "COMMIT")
    assert.is_true(waiting:wait())
    assert.equal(9, logs.trimmed_to(log))
  end)

  it("is what the sequence gave at TRUNCATE, and seqs do not start over", function()
    must(log, "BEGIN; INSERT INTO t VALUES (11); ROLLBACK; TRUNCATE forge_change_log")
    assert.equal(11, logs.trimmed_to(log))
    must(log, "INSERT INTO t VALUES (12); TRUNCATE forge_change_log RESTART IDENTITY")
    assert.equal(12, logs.trimmed_to(log))
    must(log, "INSERT INTO t VALUES (13)")
    assert.equal(13, log:max_seq())
    must(log, [[BEGIN; TRUNCATE forge_change_log RESTART IDENTITY; ROLLBACK;
      INSERT INTO t VALUES (14)]])
    assert.equal(12, logs.trimmed_to(log))
    assert.equal(14, log:max_seq())
  end)

  it("is made good when the triggers were away", function()
    must(log, [[ALTER TABLE forge_change_log DISABLE TRIGGER forge_log_deleted;
      DELETE FROM forge_change_log WHERE seq < 8]])
    assert.equal(0, logs.trimmed_to(log))
    assert.same({ true, true }, { log:install() })
    assert.equal(7, logs.trimmed_to(log))
    must(log, "DELETE FROM forge_change_log WHERE seq = 8")
    assert.equal(8, logs.trimmed_to(log))
  end)

  it("lets one trimmer work at a time", function()
    local other = connect(db)
    must(other, "SELECT pg_advisory_lock(" .. logs.TRIMMER .. ")")
    local function trimmed() return must(log, "SELECT forge_trim_change_log('0') AS n")[1].n end
    assert.equal(0, trimmed())
    other:close()
    support.wait_until(function() return trimmed() == 10 end, "the lock to go")
  end)
end)

describe("the count of what was deleted", function()
  local db, log, writer
  before_each(function()
    db, log = logs.empty()
    assert(log:install())
    writer = connect(db)
    logs.fill(log, 10)
  end)
  after_each(function()
    logs.rollback_prepared(log)
    writer:close()
    log:close()
    support.drop(db)
  end)

  local function state()
    local row = must(log, "SELECT deleted::text, empty_to FROM forge_change_log_state")[1]
    return row.deleted .. " " .. row.empty_to
  end

  local function delete(seqs, by)
    must(by or log, "DELETE FROM forge_change_log WHERE seq IN (" .. seqs .. ")")
  end

  it("has each seq, and nothing that was not deleted", function()
    assert.equal("{} 0", state())
    delete("1, 2, 5")
    assert.equal("{[1,3),[5,6)} 2", state())
    must(log, "BEGIN; DELETE FROM forge_change_log; ROLLBACK")
    delete("3, 99")
    must(log, "BEGIN; DELETE FROM forge_change_log WHERE seq = 7; SAVEPOINT a; "
      .. "DELETE FROM forge_change_log WHERE seq = 8; ROLLBACK TO a; COMMIT")
    assert.equal("{[1,4),[5,6),[7,8)} 3", state())
    must(log, "BEGIN"); logs.fill(log, 3); must(log, "ROLLBACK")
    logs.fill(log, 1)
    must(log, "DELETE FROM forge_change_log")
    assert.equal("{[1,11),[14,15)} 14", state())
    must(log, "TRUNCATE forge_change_log")
    assert.equal("{[1,15)} 14", state())
  end)

  it("does not take for empty what can still be written", function()
    must(writer, "BEGIN"); logs.fill(writer, 1)
    logs.fill(log, 2)
    must(log, "DELETE FROM forge_change_log")
    assert.equal("{[1,11),[12,14)} 0", state()) -- who knows when the writer began
    logs.fill(log, 1)
    must(writer, "SAVEPOINT a"); logs.fill(writer, 1); must(writer, "ROLLBACK TO a; COMMIT")
    must(log, "DELETE FROM forge_change_log WHERE seq > 12")
    assert.equal("{[1,11),[12,15)} 10", state())
    assert.equal(11, log:min_seq())
    assert.same({ 11 }, logs.drained(log))
    must(writer, "BEGIN"); logs.fill(writer, 1)
    logs.fill(log, 1)
    must(log, "DELETE FROM forge_change_log")
    assert.equal("{[1,15),[17,18)} 15", state()) -- it began after the last deletion
    must(writer, "PREPARE TRANSACTION 'open'")
    logs.fill(log, 1)
    must(log, "DELETE FROM forge_change_log")
    assert.equal("{[1,15),[17,19)} 15", state())
    must(writer, "COMMIT PREPARED 'open'")
    assert.equal(16, log:min_seq())
    must(log, "DELETE FROM forge_change_log")
    assert.equal("{[1,15),[16,19)} 18", state())
  end)

  it("takes nothing for empty that another snapshot sees", function()
    must(writer, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    logs.fill(log, 2)
    must(writer, "DELETE FROM forge_change_log; COMMIT")
    assert.equal("{[1,11)} 0", state())
    delete(12)
    assert.equal("{[1,11),[12,13)} 10", state())
    assert.same({ 11 }, logs.drained(log))
  end)

  it("is kept under session_replication_role = replica too", function()
    must(log, "SET session_replication_role = replica")
    delete("1, 2")
    assert.equal("{[1,3)} 2", state())
    must(log, "TRUNCATE forge_change_log")
    assert.equal("{[1,11)} 10", state())
    must(log, "RESET session_replication_role")
    for _, how in ipairs({ "ENABLE", "ENABLE REPLICA", "DISABLE" }) do
      must(log, ("ALTER TABLE forge_change_log %s TRIGGER forge_log_deleted"):format(how))
      assert.same({ true, true }, { log:install() })
      assert.same({ true, false }, { log:install() })
    end
  end)

  it("stays small however scattered the deletions are", function()
    logs.fill(log, 20000)
    must(log, "DELETE FROM forge_change_log WHERE seq % 2 = 0")
    local ranges = must(log, [[SELECT count(*) AS n, bool_or(r @> 20010::bigint) AS newest
      FROM forge_change_log_state s, unnest(s.deleted) r]])[1]
    assert.is_true(ranges.n <= 1000, ranges.n)
    assert.is_true(ranges.newest)
    must(log, "DELETE FROM forge_change_log WHERE seq < 20000")
    assert.equal(20001, log:min_seq())
    must(log, "DELETE FROM forge_change_log")
    assert.equal("{[1,20011)} 20010", state())
  end)

  it("begins, in place of the first edition's, with all that may be gone", function()
    delete("4")
    must(log, [[ALTER TABLE forge_change_log_state DROP COLUMN deleted, DROP COLUMN empty_to,
        DROP COLUMN seen_to, DROP COLUMN seen_writers, DROP COLUMN seen_lows;
      ALTER TABLE forge_change_log ENABLE TRIGGER forge_log_deleted]])
    -- until then the first edition's rule holds
    assert.equal("trimmed", (log:gap("1:3:4-5")))
    assert.is_false(log:gap(4))
    assert.same({ true, true }, { log:install() })
    assert.equal("{[1,5)} 0", state())
    assert.same({ 1, 2, 3, 5, 6, 7, 8, 9, 10 }, logs.drained(log))
    assert.equal("trimmed", (log:gap(3)))
    assert.is_false(log:gap("1:3:4-5"))
    assert.is_false(log:gap(4))
  end)
end)
