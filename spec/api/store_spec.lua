-- What a consumer asks of any store. Each store of the library has a spec of its own.
local consumers = require "support.consumers"
local core = require "forgelog.core"

local handle = consumers.handle

describe("a store of the user's own", function()
  local at
  before_each(function() at = consumers.start() end)
  after_each(function() at:close() end)

  it("keeps the position, and may fail and raise", function()
    at:add(20)
    local saved, calls = nil, 0
    local own = {
      load = function(_, name)
        assert(name == "one")
        return saved
      end,
      save = function(_, name, position, last)
        calls = calls + 1
        if calls == 1 then error("raised") end
        if calls == 2 then return nil, "refused" end
        if calls == 3 then return nil, core.error("query", "as ours do") end
        if calls == 4 then return false end
        assert(name == "one" and last == saved)
        saved = position
        return true
      end,
    }
    local one, seen = at:writer { position = own }
    handle(one, 20)
    local errors = seen.errors
    assert.matches("the store raised: .*raised", errors[1].err.message)
    assert.matches("refused", errors[2].err.message, 1, true)
    assert.equal("as ours do", errors[3].err.message)
    assert.equal(4, #errors)
    for _, each in ipairs(errors) do
      assert.same({ "not_saved", true }, { each.err.code, each.err.retryable })
    end
    assert.matches("^%d+:20$", saved)
    one:close()
    at:add(1)
    one = at:writer { position = own }
    handle(one, 1)
    assert.same({ n = 21, different = 21 }, at:effects()) -- only the saving was tried again
    one:close()
    own.load = function() error("no disk") end
    assert.matches("no disk", select(2, at:writer({ position = own }):run()).message, 1, true)
  end)
end)
