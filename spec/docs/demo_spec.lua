-- The demonstration that make demo runs.
local command = require "support.command"
local support = require "support"

local root = os.getenv("FORGELOG_ROOT")

describe("make demo's script", function()
  local db
  setup(function() db = support.database() end)
  teardown(function() support.drop(db) end)

  it("delivers all of pgbench's load while trimming", function()
    local ok, output, errors = support.run(
      ("cd '%s' && PGDATABASE=%s '%s' examples/demo.lua 4 4 1"):format(
      root, db:match("dbname=(%S+)"), os.getenv("FORGELOG_LUA")))
    assert.is_true(ok, output .. errors)
    local committed = tonumber(output:match("committed (%d+) changes"))
    support.note("%d changes; naive reader lost %s", committed, output:match("naive .-lost (%d+)"))
    assert.is_true(committed > 100)
    assert.matches("forgelog  delivered " .. committed .. "   lost 0   twice 0", output, 1, true)
  end)

  it("ends quietly at Ctrl-C", function()
    local demo = support.start(("cd '%s' && PGDATABASE=%s exec '%s' "
      .. "examples/demo.lua 30 1 1"):format(root, db:match("dbname=(%S+)"),
      os.getenv("FORGELOG_LUA")))
    support.wait_until(function() return demo:output():find("committed") end, "the load", 20)
    demo:kill("INT")
    local ok, _, errors = demo:wait()
    assert.same({ false, "" }, { ok, errors })
  end)
end)

describe("what make demo says at its end", function()
  local function says(environment)
    local ok, output, errors = support.run(("env %s '%s/spec/support/next'"):format(environment,
      root))
    assert(ok and errors == "", errors)
    assert.is_true(select(2, output:gsub("\n", "")) <= 5)
    return output
  end

  it("is what comes next, and how to get a PostgreSQL where psql reaches none", function()
    local last = 'make install[^\n]*, then "Try it" in README.md%.\n$'
    local there = command.environment(support.conninfo())
    assert.matches("^Next: [sudo ]*" .. last, says(there))
    local none = says(there .. " PGHOST=/nowhere")
    assert.matches("^Next: psql reaches no PostgreSQL", none)
    assert.matches("createuser %-s ", none)
    assert.matches("Then: [sudo ]*" .. last, none)
  end)
end)
