-- forgelog follow: what it prints, where it begins and goes on, and what ends it.
local command = require "support.command"
local support = require "support"

local tally = command.tally

local db, log
before_each(function() db, log = command.database() end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

local function follow(arguments) return command.start(db, "follow " .. arguments) end

local function insert(count)
  assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, $1::int) g", count))
end

describe("forgelog follow", function()
  it("prints changes as they are committed, and ends at its limit", function()
    insert(2)
    local following = follow("--format json --limit 4")
    support.wait_until(function() return tally(following:output()) == 2 end, "what was there")
    insert(3)
    local ok, output, errors = following:wait()
    assert.is_true(ok)
    assert.equal("", errors)
    assert.equal(4, (tally(output)))
  end)

  it("begins now when told so, and loses nothing from there", function()
    insert(5)
    local first = follow("--since now --name n --format json")
    support.wait_until(function() return log:status().consumers[1] end, "a position")
    first:kill("KILL")
    first:wait()
    insert(2)
    local ok, output = follow("--since now --name n --format json --limit 2"):wait()
    assert.is_true(ok)
    assert.equal(2, (tally(output)))
  end)

  it("saves its position and says where it stands at Ctrl-C and TERM", function()
    insert(3)
    local screen = command.terminal(db, "follow --name t")
    assert.matches("     3  [^\n]+INSERT    orders    3", screen:expect("orders    3"))
    assert.truthy(screen:screen(true):find("\27[32mINSERT", 1, true))
    screen:type("C-c")
    local shown = screen:expect("ended with 0")
    assert.matches("forgelog: stopped at position 1:3, saved\n", shown)
    assert.equal("3", command.saved(log, "t"))
    local following = follow("--since 1")
    support.wait_until(function() return following:output():find("orders    3") end, "the changes")
    following:kill("TERM")
    local ok, _, errors = following:wait()
    assert.is_true(ok)
    assert.equal("forgelog: stopped at position 1:3; go on with --since 1:3\n", errors)
  end)

  it("ends quietly when nobody reads on", function()
    insert(3)
    local ok, output, errors = support.run(("{ %s; echo \"status $?\" >&2; } | head -n 1"):format(
      command.line(db, "follow --format json")))
    assert.is_true(ok)
    assert.equal(1, (tally(output)))
    assert.equal("status 0\n", errors)
  end)

  it("goes on after its connection was cut, and tells it", function()
    local following = follow("--format json")
    insert(1)
    support.wait_until(function() return tally(following:output()) == 1 end, "the first")
    command.cut(log)
    insert(1)
    support.wait_until(function() return tally(following:output()) == 2 end, "the second")
    following:kill("INT")
    local ok, _, errors = following:wait()
    assert.is_true(ok)
    assert.matches("^forgelog: [^\n]+; trying again\n", errors)
  end)

  it("ends with 1 where it cannot begin, and at a gap", function()
    insert(5)
    assert(log:trim(os.time() + 60, { min_rows = 1 }))
    command.fails(db, 1, "^forgelog: trimmed: [^\n]+; hint: take the new position [^\n]+\n$",
      "follow --since 2")
    command.fails("host=/nowhere port=1 user=x dbname=x", 1,
      "^forgelog: [^\n]+; hint: give [^\n]+\n$", "follow")
  end)

  it("has one of each name follow; the other takes over", function()
    local first = follow("--name h --format json")
    insert(1)
    support.wait_until(function() return tally(first:output()) == 1 end, "the first")
    local second = follow("--name h --format json")
    support.wait_until(function()
      return second:errors():find("another consumer named h is running; trying again", 1, true)
    end, "the second to wait")
    first:kill("KILL")
    first:wait()
    insert(1)
    support.wait_until(function() return tally(second:output()) >= 1 end, "the second to take over")
    second:kill()
    assert(second:wait())
    assert.matches('"seq":2', second.stdout)
  end)
end)
