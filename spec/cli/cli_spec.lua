-- cli.lua: finding the command, usage errors, errors in one line, exit statuses, signals.
local command = require "support.command"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

describe("the command", function()
  it("tells wrong usage in one line, with a hint, and ends with 2", function()
    local db = support.conninfo()
    for arguments, pattern in pairs({
      dance = "unknown command 'dance'; hint: forgelog %-%-help\n$",
      drian = "unknown command 'drian'; did you mean 'drain'%?; hint: forgelog %-%-help\n$",
      ["drain --wrong"] = "unknown option '%-%-wrong'; hint: forgelog drain %-%-help",
      ["drain --limit -1"] = "unknown option '%-1'",
      watch = "missing argument 'table'",
      ["--timeout"] = "requires an argument",
    }) do
      command.fails(db, 2, pattern, arguments)
    end
  end)
end)

describe("the command on a database", function()
  local db
  before_each(function() db = support.database() end)
  after_each(function()
    command.stop()
    support.drop(db)
  end)

  it("tells SQLSTATE and kind only when asked", function()
    assert.is_nil(command.fails(db, 1, "no table", "drain"):find("SQLSTATE", 1, true))
    command.fails(db, 1, "%(kind schema, SQLSTATE 42P01%)", "drain --verbose")
  end)

  it("says that a signal ended it, and ends with 128 and the signal's number", function()
    local log = assert(forgelog.connect(db))
    assert(log:install())
    local writer = assert(forgelog.connect(db))
    local insert = "INSERT INTO forge_change_log (table_name, op, created_at)"
      .. " VALUES ('x', 'INSERT', now())"
    assert(writer:query(insert))
    assert(writer:query("BEGIN; " .. insert))
    local backend = logs.backend(writer)
    for signal, expected in pairs({ INT = 130, TERM = 143 }) do
      local running = command.start(db, "position --settle 30s")
      support.wait_until(function()
        return log:query("SELECT FROM pg_stat_activity WHERE application_name = 'forgelog'"
          .. " AND query <> '' AND pid NOT IN (pg_backend_pid(), $1::int)"
          .. " AND datname = current_database()", backend)[1]
      end, "it to wait for the writer")
      running:kill(signal)
      local _, output, errors, status = running:wait()
      assert.same({ expected, "", "forgelog: interrupted\n" }, { status, output, errors })
    end
    writer:close()
    log:close()
  end)
end)
