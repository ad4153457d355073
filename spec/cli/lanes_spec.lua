-- forgelog lanes: how many lanes a consumer has, and another number of them.
local command = require "support.command"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"

describe("forgelog lanes", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  local function says(output, arguments)
    command.says(at.db, "^" .. output .. "\n$", arguments)
  end

  it("tells and changes their number, and they go on without loss", function()
    at:add(20)
    local seen = 0
    local function run(count, share)
      local all = {}
      for i = 1, count do
        all[i] = at:writer { position = consumer.table(), share = share and i .. "/" .. count }
        seen = seen + consumers.settle(all[i])
      end
      return all
    end
    local alone = run(1)[1]
    says("one has no lanes", "lanes one")
    command.fails(at.db, 1, "consumer one is running %(pid %d+, consumer1, ",
      "lanes one 2")
    alone:close()
    says("one has 2 lanes now %(it had none%), and goes on after %d+:20%S*", "lanes one 2")
    says("one has 2 lanes", "lanes one")
    says("one has 2 lanes", "lanes one 2")
    at:add(20)
    local two = run(2, true)
    command.fails(at.db, 1, "consumer one is running .* stop all its programs first", "lanes one 3")
    for _, each in ipairs(two) do each:close() end
    for _, which in ipairs { "drain", "follow" } do
      command.fails(at.db, 1, "consumer one has 2 lanes, and not 1; stop all its programs, then: "
        .. "forgelog lanes one 1\n$", which .. " --name one --limit 1")
    end
    says("one has no lanes now %(it had 2%), and goes on after %d+:40%S*", "lanes one 1")
    at:add(1)
    run(1)
    assert.same({ 41, 41 }, { seen, at:effects().different })
  end)

  it("knows no consumer that never ran", function()
    command.fails(at.db, 1, "there is no consumer two here", "lanes two")
    command.fails(at.db, 1, "there is no consumer two here", "lanes two 2")
  end)
end)
