-- Changes as text and back, for the ring by which workers of an nginx tell one another.
local packed = require "forgelog.cache.packed"

local CHANGES = {
  { seq = 2 ^ 53, table_name = "item", op = "UPDATE", row_id = '["1}", "#2;"]',
    created_at = 1764374400.123456, changed_cols = "a,b",
    old = { name = "3:{}" }, new = { name = "\0\n" }, omitted = { "big", "bigger" } },
  { seq = 7, table_name = "", op = "TRUNCATE" },
  { seq = 8, table_name = "ipc:x", op = "BROADCAST", row_id = ("x"):rep(3000) },
}

local function read_all(texts)
  local changes = {}
  for _, text in ipairs(texts) do
    for _, change in ipairs(packed.read("9 9 " .. text, 5)) do changes[#changes + 1] = change end
  end
  return changes
end

describe("packed changes", function()
  it("are the same when they are read", function()
    assert.same(CHANGES, read_all(packed.write(CHANGES, 900)))
    assert.same(CHANGES, read_all(packed.write(CHANGES, 1e6)))
  end)

  it("are texts of at most so many bytes, or of one change", function()
    assert.equal(1, #packed.write(CHANGES, 1e6))
    assert.equal(3, #packed.write(CHANGES, 1))
    assert.equal(2, #packed.write(CHANGES, 900))
    assert.same({}, packed.write({}, 900))
  end)
end)
