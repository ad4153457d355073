-- The demonstration that make demo runs.
local support = require "support"

describe("make demo's script", function()
  local db
  setup(function() db = support.database() end)
  teardown(function() support.drop(db) end)

  it("delivers all of pgbench's load while trimming", function()
    local ok, output, errors = support.run(
      ("cd '%s' && PGDATABASE=%s '%s' examples/demo.lua 4 4 1"):format(
      os.getenv("FORGELOG_ROOT"), db:match("dbname=(%S+)"), os.getenv("FORGELOG_LUA")))
    assert.is_true(ok, output .. errors)
    local committed = tonumber(output:match("committed (%d+) changes"))
    support.note("%d changes; naive reader lost %s", committed, output:match("naive .-lost (%d+)"))
    assert.is_true(committed > 100)
    assert.matches("forgelog  delivered " .. committed .. "   lost 0   twice 0", output, 1, true)
  end)
end)
