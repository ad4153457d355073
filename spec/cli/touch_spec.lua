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

  it("refuses views and catalogs, and says of a table that it is not watched", function()
    assert(log:query("CREATE VIEW v AS SELECT 1 AS x; CREATE TABLE plain (id int)"))
    command.fails(db, 1, "touch: v is a view; touch the tables behind it\n$", "touch v")
    command.fails(db, 1, "touch: pg_catalog.pg_class is a system catalog\n$", "touch pg_class")
    local status, output, errors = command.run(db, "touch plain orders")
    assert.same({ 0, "plain is to be read anew\norders is to be read anew\n",
      "forgelog: plain is not watched: its changes are not logged\n" }, { status, output, errors })
  end)
end)
