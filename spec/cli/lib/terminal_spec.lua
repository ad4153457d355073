-- cli/lib/terminal.lua: colours where there is a terminal, and a progress bar for what takes long.
local command = require "support.command"
local support = require "support"

describe("a terminal", function()
  local db, log
  before_each(function() db, log = command.database() end)
  after_each(function()
    command.stop()
    log:close()
    support.drop(db)
  end)

  local function insert(count)
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, $1::int) g", count))
  end

  it("shows colours unless told otherwise, a pipe only when told so", function()
    insert(1)
    local function colored(screen)
      screen:expect("ended with 0")
      return screen:screen(true):find("\27[32mINSERT", 1, true) ~= nil
    end
    assert.is_true(colored(command.terminal(db, "drain")))
    assert.is_false(colored(command.terminal(db, "drain --color never")))
    assert.is_nil(command.says(db, "INSERT", "drain"):find("\27", 1, true))
    command.says(db, "\27%[32mINSERT\27%[0m", "drain --color always")
  end)

  it("shows how far it is where that takes long", function()
    insert(3000)
    local screen = command.terminal(db, "drain --batch 500 --exec 'sleep 0.4'")
    screen:expect("%[=+ *%] +%d+ %%  [%d,]+ of 3,000 seqs, %d+ s left")
    assert.is_nil(screen:expect("ended with 0", 30):find("of 3,000", 1, true))
  end)
end)
