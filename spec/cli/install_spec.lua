-- forgelog install: it says what it created and what was there.
local command = require "support.command"
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

describe("forgelog install", function()
  local db
  before_each(function() db = support.database() end)
  after_each(function() support.drop(db) end)

  it("says what was done and what was there", function()
    command.says(db, "^installed the log in schema public\n.*created    table forge_change_log\n"
      .. ".*created    functions\nchanges are written by role forgelog\n", "install")
    command.says(db, "^nothing to do for the log in schema public\n"
      .. ".*was there  table forge_change_log\n", "install")
    local log = assert(forgelog.connect(db))
    assert(log:query("DROP TRIGGER forge_log_deleted ON forge_change_log"))
    log:close()
    command.says(db, "^updated the log in schema public\n"
      .. ".*created    triggers that keep count", "install")
  end)

  it("says whose the log is, and what to do, before it names what there is", function()
    local log = assert(forgelog.connect(db))
    local role, drop_role = logs.role(log, "CREATE SCHEMA feed AUTHORIZATION %s")
    local app = logs.as(db, role)
    assert(app:install({ schema = "feed" }))
    command.fails(db, 1, ("^forgelog: role %s has objects of forgelog's in schema feed already; "
      .. "install as role %s, or drop what is not forgelog's %%(function [%%a_]+, "
      .. "function [%%a_]+, and %%d+ more%%)\n$"):format(role, role), "install -s feed")
    command.says(db, "", "install")
    command.fails(db, 1, "^forgelog: role forgelog has objects of forgelog's in schema public "
      .. "already; install with forgelog as %-%-owner, or drop ", "install --owner " .. role)
    assert(log:query("GRANT CREATE ON SCHEMA public TO PUBLIC;"
      .. "DROP TABLE forge_change_log CASCADE"))
    command.fails(db, 1, "REVOKE CREATE ON SCHEMA public FROM PUBLIC, or install into a schema of "
      .. "its own %(CREATE SCHEMA feed, and %-%-schema%)\n$", "install")
    app:close()
    drop_role()
    log:close()
  end)

  it("gives the functions to the role that is wanted, or to the one that installs", function()
    command.says(db, "changes are written by role postgres\n", "install --no-owner")
    command.says(db, "^updated the log .*changes are written by role forgelog\n", "install")
  end)
end)
