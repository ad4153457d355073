-- forgelog position: the position to go on from after a reload that begins now.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"

describe("forgelog position", function()
  local db, log
  before_each(function() db, log = command.database() end)
  after_each(function()
    log:close()
    support.drop(db)
  end)

  it("prints the position behind all that is committed", function()
    assert.equal("1:0\n", command.says(db, "", "position"))
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 10) g"))
    assert.equal("1:10\n", command.says(db, "", "position"))
  end)

  it("fails where a writer that was open before stays open for longer than --settle", function()
    local writer = assert(forgelog.connect(db))
    assert(writer:query("INSERT INTO orders (n) VALUES (1)"))
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (1)"))
    command.fails(db, 1, "1 transaction .* was open before this connection and still is; "
      .. "forgelog status tells which", "position --settle 100ms")
    assert(writer:query("COMMIT"))
    writer:close()
    assert.equal("1:2\n", command.says(db, "", "position --settle 100ms"))
  end)
end)
