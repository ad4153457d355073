-- cli/lib/json.lua: what the command prints as JSON is valid JSON, exact, and steady in its order.
local command = require "support.command"
local dkjson = require "dkjson"
local json = require "forgelog.cli.lib.json"
local support = require "support"

describe("JSON", function()
  it("begins with the keys that tell what it is about", function()
    local db, log = command.database { orders = "id bigint PRIMARY KEY", customers = "id int" }
    local begins = '{"name":"%s","schema":"public",'
    command.says(db, "^%[" .. begins:format("customers") .. ".*" .. begins:format("orders"),
      "watched --json")
    log:close()
    support.drop(db)
  end)

  it("has its other keys in order, and lists for empty tables", function()
    assert.equal('{"name":1,"seq":2,"message":3,"a":{"b":[],"c":[false,true]},"z":"x"}',
      json.encode({ z = "x", a = { c = { false, true }, b = {} }, message = 3, seq = 2, name = 1 }))
    assert.equal("null", json.encode(nil))
  end)

  it("holds numbers exactly, and null for what JSON has no number for", function()
    assert.equal("[9007199254740991,-1,0.1,19.99,0.3333333333333333,1000000000000000000,1e-07]",
      json.encode({ 9007199254740991, -1, 0.1, 19.99, 1 / 3, 1e18, 1e-7 }))
    assert.equal("[null,null,null]", json.encode({ 1 / 0, -1 / 0, 0 / 0 }))
    local largest = rawget(math, "maxinteger")
    if largest then assert.equal("[9223372036854775807]", json.encode({ largest })) end
  end)

  it("holds every character, and none that a terminal would obey", function()
    local characters = {}
    for code = 1, 127 do characters[code] = string.char(code) end
    characters[#characters + 1] = "\194\155 \195\164 \226\130\172 \240\159\152\128 \239\191\191"
    local text = table.concat(characters)
    local encoded = json.encode(text)
    assert.equal(text, (dkjson.decode(encoded)))
    assert.is_nil(encoded:find("[%c\127]") or encoded:find("\194\155"))
  end)
end)
