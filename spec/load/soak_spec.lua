-- The harness of the fault record works: a scenario passes on this build, and is refused by a build
-- in which the rule that it proves is switched off. All of them: make soak.
local process = require "support.process"
local support = require "support"

local root = process.quote(os.getenv("FORGELOG_ROOT"))

describe("the fault record", function()
  it("has a scenario that passes, and that fails where its rule is switched off", function()
    if _VERSION ~= "Lua 5.4" then return end -- the harness is written for that
    local record = support.path("record.md")
    local ok, output, errors = support.run(("cd %s && unset MAKEFLAGS && COMMITS=1500 "
      .. "SCENARIOS=network_cut BROKEN= JOBS=2 RECORD=%s %s spec/soak/run.lua"):format(root, record,
      os.getenv("FORGELOG_LUA")))
    support.note("%s", (output:gsub("\n+$", ""):gsub("\n", "\n# ")))
    assert.is_true(ok, errors)
    assert.match("\n2 passed, 0 failed\n$", output)
    local text = support.read(record)
    assert.match("| network cut | feed | [%d,]+ | [%d,]+ | 0 | 0 | none |", text)
    assert.match("| network cut | a feed goes on after a loss from where it was | lost %d+", text)
  end)
end)
