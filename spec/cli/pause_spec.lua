-- forgelog pause and resume: named consumers rest and go on, and status shows it.
local command = require "support.command"
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local core = require "forgelog.core"
local logs = require "support.logs"

local settle = consumers.settle

describe("forgelog pause", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function()
    command.stop()
    at:close()
  end)

  local function says(pattern, arguments) command.says(at.db, pattern, arguments) end

  local function rests(one)
    local deadline = core.now() + 10
    repeat
      local _, err = one:step(0.2)
      assert(core.now() < deadline, "it goes on")
    until err and err.code == "paused"
  end

  it("has all lanes of each consumer rest until resume, and status says so", function()
    local all = { (at:writer { position = consumer.table() }) }
    for _, share in ipairs { "1/10", "10/10" } do
      all[#all + 1] = at:writer { name = "ten", position = consumer.table(), share = share }
    end
    at:add(10)
    for _, each in ipairs(all) do settle(each) end
    says("^one pauses\nten pauses\n$", "pause one ten")
    says("^one was paused already\n$", "pause one")
    for _, each in ipairs(all) do rests(each) end
    local before = at:effects().n
    at:add(10)
    for _, each in ipairs(all) do rests(each) end
    assert.same({ n = before, different = 10 }, at:effects())
    all[2]:close()
    says("\none +%d+:10%S* +10 +%S+ s  paused, running, pid %d+\n"
      .. "ten#1/10 [^\n]+ paused, not running, saved [^\n]+\n"
      .. "ten#2/10 [^\n]+ paused, not running, [^\n]+\n.*\nten#9/10 [^\n]+\n"
      .. "ten#10/10 [^\n]+ paused, running, pid %d+\n\n", "status")
    says("^one goes on\nten goes on\n$", "resume one ten")
    for _, each in ipairs(all) do settle(each) end
    assert.same({ n = 2 * before, different = 20 }, at:effects())
    says("\none +%d+:20%S* +0 +%S+ s  running, pid %d+\nten#1/10 ", "status")
  end)

  it("says what keeps this role or session from it", function()
    local role, drop_role = logs.role(at.log, [[GRANT SELECT ON forge_change_log,
      forge_change_log_state, forge_change_log_consumers TO %s]])
    local own = at.db:gsub("user=%S+", "user=" .. role)
    for _, words in ipairs { "pause one", "resume one", "rewind one 0", "lanes one 2" } do
      command.fails(own, 1, "this role lacks INSERT, UPDATE on forge_change_log_consumers; ask its "
        .. "owner: GRANT INSERT, UPDATE ON public.forge_change_log_consumers TO %S+\n$", words)
    end
    drop_role()
    local status, _, errors = command.run(at.db, "pause one",
      "PGOPTIONS='-c default_transaction_read_only=on'")
    assert.equal(1, status)
    assert.matches("^forgelog: this session may only read; hint: connect to the primary; or where "
      .. "it is that, default_transaction_read_only is on, ", errors)
  end)

  it("does what it can where one of them is unknown", function()
    at:add(1)
    local one = at:writer { position = consumer.table() }
    settle(one)
    for _, case in ipairs { { "pause", "one pauses\n" }, { "resume", "one goes on\n" } } do
      local status, output, errors = command.run(at.db, case[1] .. " two one")
      assert.same({ 1, case[2] }, { status, output })
      assert.matches("^forgelog: there is no consumer two here: [^\n]+\n$", errors)
    end
  end)
end)
