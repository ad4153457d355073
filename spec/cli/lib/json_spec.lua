-- cli/lib/json.lua: JSON by dkjson, else by cjson, else an error that says what to install.
local command = require "support.command"
local dkjson = require "dkjson"
local support = require "support"

describe("JSON", function()
  local db, log
  setup(function()
    db, log = command.database { orders = "id bigint PRIMARY KEY", customers = "id int" }
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- A folder with modules that fail to load; returns the variable that puts it first in Lua's path.
  local function without(...)
    local folder = support.path("lua")
    assert(support.run("mkdir " .. folder))
    for _, name in ipairs({ ... }) do
      support.write(("%s/%s.lua"):format(folder, name), "error 'this module is hidden'")
    end
    return ("LUA_PATH='%s/?.lua;;'"):format(folder)
  end

  it("begins with the keys that tell what it is about", function()
    local begins = '{"name":"%s","schema":"public",'
    command.says(db, "^%[" .. begins:format("customers") .. ".*" .. begins:format("orders"),
      "watched --json")
  end)

  it("is the same by cjson", function()
    local expected = dkjson.decode((command.says(db, "", "watched --json")))
    local status, output, errors = command.run(db, "watched --json", without("dkjson"))
    assert.equal(0, status, errors)
    assert.same(expected, (dkjson.decode(output)))
  end)

  it("needs one of the two", function()
    local status, output, errors = command.run(db, "watched --json", without("dkjson", "cjson"))
    assert.same({ 1, "" }, { status, output })
    assert.matches("^forgelog: JSON needs the Lua module dkjson or cjson: [^\n]+\n$", errors)
  end)
end)
