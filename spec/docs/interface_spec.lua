-- The pieces of code of the page of all calls, each with a position to go on from.
local docs = require "support.docs"
local forgelog = require "forgelog"
local support = require "support"

local blocks = docs.blocks("docs/interface.md")

local function find(part) return docs.find(blocks, "lua", part) end

-- What the pieces use without saying so.
local prelude = [[
local forgelog = require "forgelog"
local log = assert(forgelog.connect())
local position, first = tonumber(arg[1]), tonumber(arg[1])
local function handle(change) print("handled", change.seq) end
local function reload() print("reloaded") end
]]

describe("the page of all calls", function()
  local db, log
  setup(function()
    db = support.database()
    log = assert(forgelog.connect(db))
    assert(log:query("CREATE TABLE orders (id bigint PRIMARY KEY, total numeric)"))
    assert(log:install())
    assert(log:watch("orders"))
    assert(log:query("INSERT INTO orders VALUES (1, 1)"))
  end)
  teardown(function()
    log:close()
    support.drop(db)
  end)

  -- Runs a piece. At its end it prints the position that it leaves, and whether that differs.
  local function run(text, position)
    text = text .. "\nprint('position', position, position ~= first)"
    return docs.lua(db, text, prelude, position)
  end

  it("follows", function()
    local last = log:max_seq()
    assert(log:query("INSERT INTO orders VALUES (8, 1)"))
    local expected = ("handled\t%d\nposition\t1:%d\ttrue\n"):format(last + 1, last + 1)
    assert.equal(expected, run(find("log:follow"), last))
  end)

  it("goes on where there is no gap, resyncs where there is one", function()
    local block, last = find("gap"), log:max_seq()
    assert.equal(("handled\t%d\nposition\t%d\ttrue\n"):format(last, last), run(block, last - 1))
    assert.equal(last, log:trim(os.time() + 60, { min_rows = 0 }))
    local pattern = "^trimmed\t%d\nreloaded\nposition\t%%d+:%d\ttrue\n$"
    assert.matches(pattern:format(last, last), run(block, last - 1))
  end)

  it("has no block unknown to this spec", function()
    assert.same({}, docs.unknown(blocks))
  end)
end)
