-- forgelog resume: follow and drain rest until then that were paused. More is in pause_spec.
local command = require "support.command"
local logs = require "support.logs"
local support = require "support"

describe("forgelog resume", function()
  local db, log
  before_each(function() db, log = command.database() end)
  after_each(function()
    command.stop()
    log:close()
    support.drop(db)
  end)

  it("has a follow go on that was started while it was paused", function()
    assert(log:query("INSERT INTO orders (n) VALUES (1)"))
    command.says(db, "INSERT", "drain --name live")
    command.says(db, "^live pauses\n$", "pause live")
    local following = command.start(db, "follow --name live --format json")
    support.wait_until(function()
      return logs.must(log, [[SELECT holder FROM forge_change_log_consumers
        WHERE name = 'live']])[1].holder
    end, "its claim")
    assert(log:query("INSERT INTO orders (n) VALUES (2)"))
    assert.equal("1", command.saved(log, "live"))
    command.says(db, "^live goes on\n$", "resume live")
    support.wait_until(function() return command.seqs(following:output()) == "2" end, "its change")
    command.says(db, "^live was not paused\n$", "resume live")
  end)

  it("has a drain go on that was paused, also between two batches", function()
    assert(log:query("INSERT INTO orders (n) SELECT generate_series(1, 6)"))
    local pausing = "cat; " .. command.line(db, "pause cron >&2"):gsub("'", "'\\''")
    local status, output, errors = command.run(db,
      ("drain --name cron --batch 2 --exec '%s'"):format(pausing))
    assert.same({ 0, "1 2", "2" }, { status, command.seqs(output), command.saved(log, "cron") })
    assert.matches("\nforgelog: cron is paused, until forgelog resume cron\n$", errors)
    status, output, errors = command.run(db, "drain --name cron")
    assert.same({ 0, "", "forgelog: cron is paused, until forgelog resume cron\n" },
      { status, output, errors })
    command.says(db, "^cron goes on\n$", "resume cron")
    assert.equal("3 4 5 6", command.seqs(command.says(db, "", "drain --name cron --format json")))
  end)
end)
