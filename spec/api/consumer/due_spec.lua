-- What is due at a time to come comes out by its time, whatever the order in which it went in.
local due = require "forgelog.consumer.due"

describe("what is due", function()
  it("has nothing at first", function()
    local list = due()
    assert.is_nil(list:earliest())
    assert.is_nil(list:take())
  end)

  it("comes out by its time", function()
    math.randomseed(7)
    local list, inside = due(), {}
    for _ = 1, 3000 do
      if math.random() < 0.6 or #inside == 0 then
        local time = math.random(200)
        inside[#inside + 1] = time
        table.sort(inside)
        list:add(time, time)
      else
        assert.equal(inside[1], list:earliest())
        assert.equal(table.remove(inside, 1), list:take())
      end
      assert.equal(#inside, #list)
    end
  end)
end)
