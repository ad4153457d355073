-- forgelog unwatch: it says of each table what was done, and one that fails keeps it from no other.
local command = require "support.command"
local support = require "support"

describe("forgelog unwatch", function()
  local db, log
  before_each(function() db, log = command.database() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("says what was done and what was there", function()
    assert.equal("no longer watching orders\norders was not watched\n",
      command.says(db, "", "unwatch orders orders"))
    assert.same({}, (log:watched()))
  end)

  it("does what can be done, and fails for the rest", function()
    local status, output, errors = command.run(db, "unwatch nosuch orders")
    assert.same({ 1, "no longer watching orders\n" }, { status, output })
    assert.matches("^forgelog: [^\n]*nosuch[^\n]*\n$", errors)
  end)
end)
