-- forgelog forget: it removes the saved positions of consumers that do not run.
local command = require "support.command"
local support = require "support"

describe("forgelog forget", function()
  local db, log
  before_each(function()
    db, log = command.database()
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 5) g"))
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES ('a', '1:2')"))
  end)
  after_each(function()
    command.stop()
    log:close()
    support.drop(db)
  end)

  it("says where each consumer was, or that there was none", function()
    assert.equal("forgot a, which was at 1:2\nthere was no consumer nobody\n"
      .. "there was no consumer a\n", command.says(db, "", "forget a nobody a"))
    assert.is_nil(command.saved(log, "a"))
  end)

  it("is of a name that there is; the other commands say which one may be meant", function()
    assert(log:query("INSERT INTO forge_change_log_consumers (name, position) VALUES"
      .. " ('search#1/2', '1:2'), ('search#2/2', '1:2'), ('search', NULL)"))
    for _, words in ipairs({ "pause serch", "resume serch", "rewind serch 0", "lanes serch",
      "lanes serch 2", "parked serch", "retry serch", "backfill serch --table orders" }) do
      command.fails(db, 1, "^forgelog: there is no consumer serch here: it has never run, or keeps "
        .. "its position elsewhere; is search meant%?\n$", words)
    end
  end)

  it("fails while the consumer runs", function()
    command.start(db, "follow --name a")
    support.wait_until(function() return command.saved(log, "a") == "5" end, "it to follow")
    command.fails(db, 1, "consumer a is running .*; stop all its programs first", "forget a")
    assert.equal("5", command.saved(log, "a"))
  end)
end)
