-- forgelog never calculates with texts, whose sums are other numbers in Lua 5.3. While specs run on
-- Lua 5.4, that is an error: see spec/support/strict.lua.
local function sum_in(file)
  return pcall((loadstring or load)("return (...) + 1", "@" .. file), "1") -- luacheck: ignore 113
end

describe("a sum of a text", function()
  it("is a number in a spec", function()
    assert.same({ true, 2 }, { sum_in("/x/spec/y.lua") })
  end)

  if os.getenv("FORGELOG_LUA") ~= "lua5.4" then return end

  it("is an error in forgelog", function()
    for _, file in ipairs({ "/x/src/forgelog/y.lua", "/x/share/lua/5.4/forgelog/y.lua",
      "/x/bin/forgelog", "/x/examples/y.lua" }) do
      local ok, err = sum_in(file)
      assert.is_false(ok)
      assert.equal(file .. ":1 calculates with a text, whose sum is a float in Lua 5.3: "
        .. "use tonumber", err)
    end
  end)
end)
