-- Misuse of the public functions is reported by name, at the line that called into the library.
local check = require "forgelog.connection.options"
local core = require "forgelog.core"

local function message(call, ...)
  local ok, err = pcall(call, ...)
  assert.is_false(ok)
  return err
end

describe("an argument", function()
  local good = {
    count = { 0, 1, 2 ^ 40 }, positive = { 1, 7 }, seconds = { 0, 0.5, 1e9 }, string = { "", "x" },
    names = { {}, { "a", "b" } }, boolean = { true, false }, ["function"] = { print },
    any = { 1, "x" },
  }
  local bad = {
    count = { -1, 0.5, "1", 2 ^ 63 }, positive = { 0, -1, 1.5 }, seconds = { -1, 0 / 0, "1", {} },
    string = { 1, true }, names = { "a", { 1 }, { orders = true }, { "a", nil, "b" } },
    boolean = { 0, "true" },
    ["function"] = { "print" },
  }

  it("of its kind is returned", function()
    for kind, values in pairs(good) do
      for _, value in ipairs(values) do
        assert.equal(value, check.argument("there", "it", value, kind))
      end
    end
  end)

  it("of another kind is refused by name, with the value", function()
    for kind, values in pairs(bad) do
      for _, value in ipairs(values) do
        local text = message(check.argument, "there", "it", value, kind)
        assert.matches("forgelog: there: it must be ", text, 1, true)
        assert.matches(("got %s (%s)"):format(tostring(value), type(value)), text, 1, true)
      end
    end
  end)
end)

describe("options", function()
  it("may be left out", function()
    assert.same({}, check.options("there", nil, { limit = "count" }))
  end)

  it("are returned as given", function()
    local given = { limit = 3 }
    assert.equal(given, check.options("there", given, { limit = "count" }))
  end)

  it("that do not exist, or are no table, are refused", function()
    assert.matches("there: there is no option limt", message(check.options, "there", { limt = 3 },
      { limit = "count" }), 1, true)
    local text = message(check.options, "there", 3, {})
    assert.matches("options must be a table, got number", text, 1, true)
  end)
end)

describe("a position", function()
  it("is text, whatever it was", function()
    assert.equal("0", check.position("there", nil))
    assert.equal("17", check.position("there", 17))
    assert.equal("17", check.position("there", 17.0))
    assert.equal("1:15:17-20,22", check.position("there", "1:15:17-20,22"))
    assert.equal(("%.0f"):format(2 ^ 53 - 1), check.position("there", 2 ^ 53 - 1))
  end)

  it("that is none is refused", function()
    local too_large = core.max_integer + 2.0 ^ 60
    for _, wrong in ipairs({ "", "x", "1:", "1:2:x", "-1", -1, 0.5, {}, true, too_large }) do
      assert.matches("forgelog: there: ", message(check.position, "there", wrong), 1, true)
    end
  end)
end)

describe("misuse", function()
  -- A library of the program's own, between its line and forgelog.
  local function wrapper(log) return log:query(7) end

  it("is reported at the line that called into the library", function()
    local forgelog = require "forgelog"
    local line = debug.getinfo(1, "l").currentline + 1
    local text = message(function() forgelog.connect(nil, { tiemout = 3 }) end)
    local expected = "options_spec.lua:" .. line
      .. ": forgelog: connect: there is no option tiemout"
    assert.matches(expected, text, 1, true)
  end)

  it("names the line of the wrapper, where there is one", function()
    local log = require("support.logs").connect()
    local text = message(function() return (wrapper(log)) end)
    log:close()
    assert.matches("options_spec.lua:%d+: forgelog: query: sql must be a string", text)
  end)
end)
