-- Keys of a cache: the form in which they are held, and those made of kept values.
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

describe("a key", function()
  local function refused(key)
    local ok, said = pcall(keys.text, "cache.get", key)
    return not ok and said:match("cache.get: a key must be text or a whole number up to 2%^53")
  end

  it("is held as text, a whole number as its digits", function()
    for given, text in pairs({ [""] = "", ["1.50"] = "1.50", [0] = "0", [-17] = "-17",
      [2 ^ 53] = "9007199254740992", [-2 ^ 53] = "-9007199254740992", [1e14] = "100000000000000",
      [123456789012345] = "123456789012345" }) do
      assert.equal(text, keys.text("cache.get", given))
    end
    assert.equal("0", keys.text("cache.get", -0.0))
  end)

  it("is nothing else", function()
    for _, key in ipairs({ 0.5, 2 ^ 53 + 2, -2 ^ 53 - 2, 1 / 0, -1 / 0, 0 / 0, true, false, {},
      print }) do
      assert.truthy(refused(key), tostring(key))
    end
    assert.truthy(refused(nil))
  end)
end)
