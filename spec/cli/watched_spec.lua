-- forgelog watched: the watched tables as text and as JSON, with what is wrong with their triggers.
local command = require "support.command"
local support = require "support"

describe("forgelog watched", function()
  local db, log
  before_each(function()
    db, log = command.database {
      customers = "id int", orders = "id bigint PRIMARY KEY, total int, note text" }
    assert(log:watch("orders", { ignore = { "note", "total" }, notify = false }))
  end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("lists the tables, how they are watched, and the triggers that are missing", function()
    command.says(db, "customers +statement +ok\n"
      .. "orders +statement +ok +ignores note, total +notifies nobody\n", "watched")
    assert(log:query("ALTER TABLE customers DISABLE TRIGGER forge_capture_delete"))
    command.says(db, "customers +statement +missing: delete\n", "watched")
  end)

  it("prints the same as JSON", function()
    assert(log:query("ALTER TABLE customers DISABLE TRIGGER forge_capture_delete"))
    local list = assert(require("dkjson").decode((command.says(db, "", "watched --json"))))
    assert.same({ "delete" }, list[1].missing)
    assert.same({}, list[2].missing)
    assert.same({ "customers", "orders" }, { list[1].name, list[2].name })
  end)

  it("says so where no table is watched", function()
    assert(log:unwatch("orders"))
    assert(log:unwatch("customers"))
    assert.equal("[]\n", command.says(db, "", "watched --json"))
    local status, output, errors = command.run(db, "watched")
    assert.same({ 0, "" }, { status, output })
    command.fails(support.conninfo(), 1, "; run forgelog install first, or name the schema ",
      "watched")
    assert.matches("^forgelog: no table is watched; forgelog watch [^\n]+\n$", errors)
  end)
end)
