-- forgelog trim, as the installed command: once, again and again, two nodes at a time.
local command = require "support.command"
local forgelog = require "forgelog"
local load = require "support.load"
local support = require "support"
local terminal = require "support.terminal"

local db, log

-- 50 changes, the first 30 of them three days old; consumer a has read 10 of them, b all.
before_each(function()
  db = support.database()
  log = assert(forgelog.connect(db))
  assert(log:query("CREATE TABLE orders (id bigserial PRIMARY KEY, n int)"))
  assert(log:install())
  assert(log:watch("orders"))
  assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 50) g"))
  assert(log:query("UPDATE forge_change_log SET created_at = created_at - interval '3 days' WHERE seq <= 30"))
  assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES ('a', '1:10'), ('b', '1:50')"))
end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

local function trim(arguments, conninfo)
  local status, output, errors = command.run(conninfo or db, "trim " .. arguments)
  return status, output, errors
end

describe("forgelog trim", function()
  it("says what it deleted, what remains, and who is left behind; a dry run says the same before", function()
    local status, output, errors = trim("--older-than 1d --min-rows 0 --dry-run")
    assert.equal(0, status)
    assert.matches("^would delete 30 changes older than 1d, seq 1 to 30, in %d+%.%d s; 50 remain, seq 1 to 50\n$", output)
    assert.equal("forgelog: would be left behind: a (at 1:10)\n", errors)
    assert.equal(1, log:min_seq())
    status, output, errors = trim("--older-than 1d --min-rows 0")
    assert.equal(0, status)
    assert.matches("^deleted 30 changes older than 1d, seq 1 to 30, in %d+%.%d s; 20 remain, seq 31 to 50\n$", output)
    assert.equal("forgelog: left behind, must resync: a (at 1:10)\n", errors)
    assert.equal(31, log:min_seq())
    status, output, errors = trim("--older-than 1d --min-rows 0")
    assert.matches("^deleted 0 changes older than 1d, in %d+%.%d s; 20 remain, seq 31 to 50\n$", output)
    assert.equal("0 ", status .. " " .. errors)
    assert.matches("; the log is empty\n$", select(2, trim("--older-than 0 --min-rows 0")))
  end)

  it("keeps the newest rows, and what consumers have not read", function()
    assert.equal("0 ", (select(1, trim("--older-than 1h --quiet"))) .. " " .. select(2, trim("--older-than 1h --quiet")))
    assert.equal(1, log:min_seq())
    local errors
    local _, output = trim("--older-than 1h --min-rows 45 --keep-consumers")
    assert.matches("^deleted 5 changes older than 1h, seq 1 to 5,", output)
    _, output = trim("--older-than 1h --min-rows 0 --keep-consumers --dry-run")
    assert.matches("^would delete 5 changes older than 1h, seq 6 to 10,.*\nkept 20 changes for a %(at 1:10%)\n$", output)
    _, output, errors = trim("--older-than 1h --min-rows 0 --keep-consumers")
    assert.matches("^deleted 5 changes older than 1h, seq 6 to 10,.*\nkept 20 changes for a %(at 1:10%)\n$", output)
    assert.equal("", errors)
    assert.is_false(log:gap("1:10"))
    command.run(db, "forget a")
    assert.matches("^deleted 20 changes[^\n]+\n$", select(2, trim("--older-than 1h --min-rows 0 --keep-consumers")))
  end)

  it("takes ages as people write them, and no others", function()
    for _, age in ipairs({ "90", "90s", "15m", "1h30m", "2.5d", "0.5w" }) do
      assert.equal(0, (trim("--dry-run --older-than " .. age)))
    end
    for _, age in ipairs({ "soon", "-1h", "1y", "1h30", "''", "1.2.3s", false }) do
      local status, output, errors = trim("--min-rows 0" .. (age and " --older-than " .. age or ""))
      assert.equal("2 ", status .. " " .. output, age)
      assert.matches("^forgelog: [^\n]+; hint: forgelog trim %-%-help\n$", errors)
    end
    assert.equal(1, log:min_seq())
  end)

  it("works with SELECT and DELETE on the log alone, and does not guess about consumers", function()
    local role = "trimmer_" .. db:match("dbname=(%S+)")
    assert(log:query("CREATE ROLE " .. role .. " LOGIN; GRANT SELECT, DELETE ON forge_change_log TO " .. role))
    local own = db:gsub("user=%S+", "user=" .. role)
    local status, output, errors = trim("--older-than 1h --min-rows 0 --keep-consumers", own)
    assert.equal("1 ", status .. " " .. output)
    assert.matches("permission denied for table forge_change_log_consumers", errors)
    assert.equal(1, log:min_seq())
    status, output, errors = trim("--older-than 1h --min-rows 0", own)
    assert.equal("0 ", status .. " " .. errors)
    assert.matches("^deleted 30 changes", output)
    assert(log:query("DROP OWNED BY " .. role .. "; DROP ROLE " .. role))
  end)

  it("does nothing while another session trims, which is no failure", function()
    assert(log:query("SELECT pg_advisory_lock(77306496745475)"))
    local status, output, errors = trim("--older-than 1h --min-rows 0")
    assert.equal("0 deleted 0 changes older than 1h: another session is trimming\n", status .. " " .. output .. errors)
    assert.equal(1, log:min_seq())
    assert.equal(output, select(2, trim("--older-than 1h --min-rows 0 --keep-consumers")))
  end)

  it("does without consumers on a log that has no place for them", function()
    local plain, other = load.framework()
    assert(other:query("INSERT INTO item (n) SELECT g FROM generate_series(1, 5) g"))
    local status, output, errors = trim("--older-than 0 --min-rows 0 --keep-consumers", plain)
    assert.equal("1 ", status .. " " .. output)
    assert.matches("^forgelog: [^\n]*keep_consumers needs [^\n]+ run forgelog install\n$", errors)
    assert.matches("^deleted 5 changes older than 0, seq 1 to 5, [^\n]+; the log is empty\n$",
      select(2, trim("--older-than 0 --min-rows 0", plain)))
    other:close()
    support.drop(plain)
  end)

  it("passes over a position that is none", function()
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES ('odd', 'nowhere')"))
    local status, output, errors = trim("--older-than 1h --min-rows 0 --keep-consumers")
    assert.equal("0 ", status .. " " .. errors)
    assert.matches("\nkept 20 changes for a %(at 1:10%)\n$", output)
  end)

  it("goes on with --every when the server is back", function()
    local server = support.server()
    local away, own = load.installed(server.conninfo)
    load.fill(own, 5)
    local node = command.start(away, "trim --older-than 0 --min-rows 0 --every 0.1s")
    support.wait_until(function() return not own:min_seq() end, "a trim")
    own:close()
    server:stop()
    local function told() return io.open(node.err):read("*a"):find("No such file", 1, true) end
    support.wait_until(told, "word of the loss")
    server:start()
    own = load.connect(away)
    load.fill(own, 5)
    support.wait_until(function() return not own:min_seq() end, "another trim")
    node:kill("TERM")
    assert(node:wait())
    own:close()
    server:stop()
  end)

  it("trims again and again, across the loss of its connection, until TERM", function()
    local node = command.start(db, "trim --older-than 1h --min-rows 0 --every 0.1s")
    support.wait_until(function() return node:output():find("deleted 30 ", 1, true) end, "word of a trim")
    assert(log:query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'forgelog'"
      .. " AND datname = current_database() AND pid <> pg_backend_pid()"))
    assert(log:query("UPDATE forge_change_log SET created_at = created_at - interval '3 days' WHERE seq <= 40"))
    support.wait_until(function() return (log:min_seq() or 0) >= 41 end, "another trim") -- TERM may come before word of it
    node:kill("TERM")
    local ok, output = node:wait()
    assert.is_true(ok)
    assert.matches("^deleted 30 changes older than 1h, seq 1 to 30,", output)
    assert.matches("deleted 10 changes older than 1h, seq 31 to 40,", output)
  end)

  it("of two nodes one works at a time, and each change is deleted once", function()
    assert(log:query("INSERT INTO forge_change_log (table_name, op, created_at)"
      .. " SELECT 'x', 'INSERT', now() - interval '1 day' FROM generate_series(1, 60000)"))
    local writers = support.pgbench { conninfo = db, clients = 2, seconds = support.scale(4),
      script = "INSERT INTO orders (n) VALUES (1);" }
    local nodes = {}
    for i = 1, 2 do nodes[i] = command.start(db, "trim --older-than 0 --min-rows 100 --every 0.05s") end
    local most = 0
    support.wait_until(function()
      most = math.max(most, log:query("SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND granted"
        .. " AND classid::int8 << 32 | objid::int8 = 77306496745475 AND database ="
        .. " (SELECT oid FROM pg_database WHERE datname = current_database())")[1].n)
      return writers.process:output():find("actually processed") or (log:min_seq() or 0) > 60050 and most > 0
    end, "the trim", 60)
    writers:wait()
    local last = log:max_seq()
    support.wait_until(function() return (log:min_seq() or 0) >= last - 100 end, "the rest")
    local deleted, busy, by = 0, 0, {}
    for i, node in ipairs(nodes) do
      node:kill()
      assert(node:wait())
      by[i] = 0
      for count in node.stdout:gmatch("deleted ([%d,]+) change") do by[i] = by[i] + tonumber((count:gsub(",", ""))) end
      deleted = deleted + by[i]
      busy = busy + select(2, node.stdout:gsub("another session is trimming", ""))
    end
    support.note("two nodes deleted %d and %d of %d, %d times busy, holders of the lock at once: %d", by[1], by[2], last,
      busy, most)
    assert.equal(last - log:query("SELECT count(*) AS n FROM forge_change_log")[1].n, deleted)
    assert.is_true(deleted > 60000 and (busy > 0 or by[1] > 0 and by[2] > 0))
    assert.equal(1, most)
  end)

  it("shows how far it is, and at Ctrl-C says what was deleted", function()
    assert(log:query("INSERT INTO forge_change_log (table_name, op, created_at)"
      .. " SELECT 'x', 'INSERT', now() - interval '1 day' FROM generate_series(1, 200000)"))
    local writer = assert(forgelog.connect(db)) -- while it is open, each batch is followed by a rest
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (1)"))
    local screen = terminal.start("clear; " .. command.line(db, "trim --older-than 1h --min-rows 0"), 80)
    local bar = screen:expect("%[=* *%] +%d+ %%  %d+ of 200030 changes, %d+ s left")
    assert.matches("^%[[^\n]+ left\n%s*$", bar) -- in one line, drawn over again and again
    screen:type("C-c")
    local shown = screen:expect("ended with 130")
    local count = shown:match("deleted ([%d,]+) changes older than 1h, seq 1 to %d+, in .*\nforgelog: interrupted\n")
    assert.is_nil(shown:find("[", 1, true)) -- the bar is wiped away
    screen:close()
    writer:close()
    local left = log:query("SELECT count(*) AS n FROM forge_change_log")[1].n
    assert.equal(200050 - tonumber((assert(count, shown):gsub(",", ""))), left)
    assert.is_true(left > 0)
  end)

  it("waits no longer than two seconds after Ctrl-C for a batch that others hold up", function()
    assert(log:query("INSERT INTO forge_change_log (table_name, op, created_at)"
      .. " SELECT 'x', 'INSERT', now() - interval '1 day' FROM generate_series(1, 1000)"))
    assert(log:query("BEGIN; SELECT FROM forge_change_log WHERE seq = 900 FOR UPDATE"))
    local screen = terminal.start("clear; " .. command.line(db, "trim --older-than 1h --min-rows 0"))
    support.wait_until(function()
      return log:query("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")[1]
    end, "the trim to wait")
    screen:type("C-c")
    assert.matches("deleted %d+ changes older than 1h, seq 1 to %d+; what became of the batch at hand is not known\n"
      .. "forgelog: interrupted\n", screen:expect("ended with 130"))
    screen:close()
    assert(log:query("COMMIT"))
  end)
end)
