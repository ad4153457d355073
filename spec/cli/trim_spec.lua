-- forgelog trim: what it deletes and keeps, what it says of that, and what ends it early.
local command = require "support.command"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local db, log

local function make_older(last)
  assert(log:query("UPDATE forge_change_log SET created_at = created_at - interval '3 days'"
    .. " WHERE seq <= $1", last))
end

-- There are 50 changes, the first 30 of them three days old. Consumer a has read 10 of them, b all.
before_each(function()
  db, log = command.database()
  assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 50) g"))
  make_older(30)
  assert(log:query("INSERT INTO forge_change_log_consumers (name, position)"
    .. " VALUES ('a', '1:10'), ('b', '1:50')"))
end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

-- More changes, a day old.
local function add_old(count)
  assert(log:query("INSERT INTO forge_change_log (table_name, op, created_at)"
    .. " SELECT 'x', 'INSERT', now() - interval '1 day' FROM generate_series(1, $1::int)", count))
end

local function trim(arguments, conninfo)
  return command.run(conninfo or db, "trim " .. arguments)
end

describe("forgelog trim", function()
  it("goes by the server's clock, with however few digits sessions print it", function()
    assert(log:query(("ALTER DATABASE %s SET extra_float_digits = -15"):format(
      db:match("dbname=(%S+)"))))
    local status, output = trim("--older-than 1d --min-rows 0")
    assert.equal(0, status)
    assert.matches("^deleted 30 changes older than 1 d, seq 1 to 30, in %d+%.%d s; ", output)
  end)

  it("says what it deleted, what remains, and who is left behind, a dry run before it", function()
    local status, output, errors = trim("--older-than 1d --min-rows 0 --dry-run")
    assert.equal(0, status)
    assert.matches("^would delete 30 changes older than 1 d, seq 1 to 30, in %d+%.%d s; "
      .. "50 remain, seq 1 to 50\n$", output)
    assert.equal("forgelog: would be left behind: a (at 1:10)\n", errors)
    assert.equal(1, log:min_seq())
    status, output, errors = trim("--older-than 1d --min-rows 0")
    assert.equal(0, status)
    assert.matches("^deleted 30 changes older than 1 d, seq 1 to 30, in %d+%.%d s; "
      .. "20 remain, seq 31 to 50\n$", output)
    assert.equal("forgelog: left behind, must resync: a (at 1:10)\n", errors)
    assert.equal(31, log:min_seq())
    status, output, errors = trim("--older-than 1d --min-rows 0")
    assert.matches("^deleted 0 changes older than 1 d, in %d+%.%d s; 20 remain, seq 31 to 50\n$",
      output)
    assert.equal("0 ", status .. " " .. errors)
    assert.matches("; the log is empty\n$", select(2, trim("--older-than 0 --min-rows 0")))
  end)

  it("keeps the newest rows, and what consumers have not read", function()
    local status, output, errors = trim("--older-than 1h --quiet")
    assert.same({ 0, "", "" }, { status, output, errors })
    assert.equal(1, log:min_seq())
    output = select(2, trim("--older-than 1h --min-rows 45 --keep-consumers"))
    assert.matches("^deleted 5 changes older than 1 h, seq 1 to 5,", output)
    local kept = " 5 changes older than 1 h, seq 6 to 10,.*\nkept 20 changes for a %(at 1:10%)\n$"
    output = select(2, trim("--older-than 1h --min-rows 0 --keep-consumers --dry-run"))
    assert.matches("^would delete" .. kept, output)
    status, output, errors = trim("--older-than 1h --min-rows 0 --keep-consumers")
    assert.equal(0, status)
    assert.matches("^deleted" .. kept, output)
    assert.equal("", errors)
    assert.is_false(log:gap("1:10"))
    command.run(db, "forget a")
    assert.matches("^deleted 20 changes[^\n]+\n$",
      select(2, trim("--older-than 1h --min-rows 0 --keep-consumers")))
  end)

  it("takes ages as people write them, and no others", function()
    for _, age in ipairs({ "90", "90s", "15m", "1h30m", "2.5d", "0.5w" }) do
      assert.equal(0, (trim("--dry-run --older-than " .. age)))
    end
    for _, age in ipairs({ "soon", "-1h", "1y", "1h30", "''", "1.2.3s", false }) do
      command.fails(db, 2, "; hint: forgelog trim %-%-help\n$",
        "trim --min-rows 0" .. (age and " --older-than " .. age or ""))
    end
    assert.equal(1, log:min_seq())
  end)

  it("works with SELECT and DELETE on the log, and does not guess about consumers", function()
    local role, drop = logs.role(log, "GRANT SELECT, DELETE ON forge_change_log TO %s")
    local own = db:gsub("user=%S+", "user=" .. role)
    command.fails(own, 1, "permission denied for table forge_change_log_consumers",
      "trim --older-than 1h --min-rows 0 --keep-consumers")
    assert.equal(1, log:min_seq())
    local status, output, errors = trim("--older-than 1h --min-rows 0", own)
    assert.equal("0 ", status .. " " .. errors)
    assert.matches("^deleted 30 changes", output)
    drop()
  end)

  it("does nothing while another session trims, which is no failure", function()
    assert(log:query("SELECT pg_advisory_lock(" .. logs.TRIMMER .. ")"))
    local status, output, errors = trim("--older-than 1h --min-rows 0")
    assert.equal("0 deleted 0 changes older than 1 h: another session is trimming\n",
      status .. " " .. output .. errors)
    assert.equal(1, log:min_seq())
    assert.equal(output, select(2, trim("--older-than 1h --min-rows 0 --keep-consumers")))
  end)

  it("does without consumers on a log that has no place for them", function()
    local plain, other = logs.framework()
    assert(other:query("INSERT INTO item (n) SELECT g FROM generate_series(1, 5) g"))
    command.fails(plain, 1, "keep_consumers needs [^\n]+ run forgelog install\n$",
      "trim --older-than 0 --min-rows 0 --keep-consumers")
    assert.matches("^deleted 5 changes older than 0 s, seq 1 to 5, [^\n]+; the log is empty\n$",
      select(2, trim("--older-than 0 --min-rows 0", plain)))
    other:close()
    support.drop(plain)
  end)

  it("passes over a position that is none", function()
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position)"
      .. " VALUES ('odd', 'nowhere')"))
    local status, output, errors = trim("--older-than 1h --min-rows 0 --keep-consumers")
    assert.equal("0 ", status .. " " .. errors)
    assert.matches("\nkept 20 changes for a %(at 1:10%)\n$", output)
  end)

  it("trims again and again, across the loss of its connection, until TERM", function()
    local node = command.start(db, "trim --older-than 1h --min-rows 0 --every 0.1s")
    support.wait_until(function() return node:output():find("deleted 30 ", 1, true) end,
      "word of a trim")
    command.cut(log)
    make_older(40)
    -- TERM may come before word of that trim.
    support.wait_until(function() return (log:min_seq() or 0) >= 41 end, "another trim")
    node:kill("TERM")
    local ok, output = node:wait()
    assert.is_true(ok)
    assert.matches("^deleted 30 changes older than 1 h, seq 1 to 30,", output)
    assert.matches("deleted 10 changes older than 1 h, seq 31 to 40,", output)
  end)

  it("shows how far it is, and at Ctrl-C says what was deleted", function()
    make_older(50)
    add_old(200000)
    -- While a writer is open, each batch is followed by a rest.
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (1)"))
    local screen = command.terminal(db, "trim --older-than 1h --min-rows 0", 80)
    local bar = screen:expect("%[=* *%] +%d+ %%  [%d,]+ of 200,050 changes, %d+ s left")
    assert.matches("^%[[^\n]+ left\n%s*$", bar) -- in one line, drawn over again and again
    screen:type("C-c")
    local shown = screen:expect("ended with 130")
    local count = shown:match("deleted ([%d,]+) changes older than 1 h, seq 1 to %d+, in .*\n"
      .. "forgelog: interrupted\n")
    assert.is_nil(shown:find("[", 1, true)) -- the bar is wiped away
    writer:close()
    local left = log:query("SELECT count(*) AS n FROM forge_change_log")[1].n
    assert.equal(200050 - tonumber((assert(count, shown):gsub(",", ""))), left)
    assert.is_true(left > 0)
  end)

  it("waits no longer than two seconds after Ctrl-C for a batch that others hold up", function()
    make_older(50)
    add_old(1000)
    assert(log:query("BEGIN; SELECT FROM forge_change_log WHERE seq = 900 FOR UPDATE"))
    local screen = command.terminal(db, "trim --older-than 1h --min-rows 0")
    support.wait_until(function()
      return log:query("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")[1]
    end, "the trim to wait")
    screen:type("C-c")
    assert.matches("deleted %d+ changes older than 1 h, seq 1 to %d+; "
      .. "what became of the batch at hand is not known\n"
      .. "forgelog: interrupted\n", screen:expect("ended with 130"))
    assert(log:query("COMMIT"))
  end)
end)
