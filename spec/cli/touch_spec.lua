-- forgelog touch: it says of each table what was done, and one that fails keeps it from no other.
local command = require "support.command"
local support = require "support"

describe("forgelog touch", function()
  local db, log
  before_each(function() db, log = command.database() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("has tables read anew, as far as there are any", function()
    local status, output, errors = command.run(db, "touch nosuch orders")
    assert.same({ 1, "orders is to be read anew\n" }, { status, output })
    assert.matches("^forgelog: [^\n]*nosuch[^\n]*\n$", errors)
    command.says(db, "RELOAD    orders", "drain")
  end)
end)
