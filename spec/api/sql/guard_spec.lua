-- The triggers on the log itself: trimmed_to is the highest seq that was ever deleted, by whomever,
-- and seqs never start over.
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
