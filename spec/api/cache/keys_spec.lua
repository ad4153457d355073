-- Keys of a cache made of the values that were kept with a change.
local keys = require "forgelog.cache.keys"

describe("keys made of a kept column", function()
  -- The keys in order, or "all".
  local function found(change, prefix)
    local got = keys.kept("name", prefix)(change)
    if got == keys.ALL then return "all" end
    local list = {}
    for _, key in pairs(got) do list[#list + 1] = key end
    table.sort(list)
    return table.concat(list, " ")
  end

  it("are those before and after the change", function()
    assert.equal("ann bob", found({ old = { name = "ann" }, new = { name = "bob" } }))
    assert.equal("ann", found({ op = "UPDATE", old = { name = "ann" }, new = { name = "ann" } }))
    assert.equal("bob", found({ op = "INSERT", new = { name = "bob" } }))
    assert.equal("ann", found({ op = "DELETE", old = { name = "ann" } }))
    assert.equal("user:ann user:bob",
      found({ old = { name = "ann" }, new = { name = "bob" } }, "user:"))
    assert.equal("bob", found({ op = "UPDATE", old = {}, new = { name = "bob" } }))
    assert.equal("ann", found({ op = "UPDATE", old = { name = "ann" }, new = {},
      omitted = { "photo" } }))
  end)

  it("are all where the change does not tell them", function()
    assert.equal("all", found({ op = "DELETE", row_id = "1" }))
    assert.equal("all", found({ op = "DELETE", old = { mail = "x" } }))
    assert.equal("all", found({ op = "UPDATE", old = { name = "ann" }, new = {},
      omitted = { "photo", "name" } }))
  end)
end)
