-- forgelog install: it says what it created and what was there.
local command = require "support.command"
local forgelog = require "forgelog"
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

  it("gives the functions to the role that is wanted, or to the one that installs", function()
    command.says(db, "changes are written by role postgres\n", "install --no-owner")
    command.says(db, "^updated the log .*changes are written by role forgelog\n", "install")
  end)
end)
