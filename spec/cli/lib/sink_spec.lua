-- cli/lib/sink.lua: batches for the command of --exec, which is run again where it fails.
local command = require "support.command"
local support = require "support"

describe("--exec", function()
  local db, log, out

  before_each(function()
    db, log = command.database()
    out = support.path("out")
    support.write(out, "")
  end)
  after_each(function()
    command.stop()
    log:close()
    support.drop(db)
  end)

  local function insert(count)
    assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, $1::int) g", count))
  end

  -- A command for the shell that fails twice and then succeeds; each time it does some work.
  local function third_time(work)
    local count = support.path("count")
    return ("n=$(cat %s 2>/dev/null || echo 0); echo $((n + 1)) >%s; %s"):format(count, count, work)
  end

  it("of a drain is run again where it fails, and the position is saved after it", function()
    insert(5)
    local try = third_time(("cat >>%s; test $n -ge 2"):format(out))
    local status, output, errors = command.run(db,
      ("drain --name e --batch 3 --exec '%s'"):format(try))
    assert.equal(0, status, errors)
    assert.equal("", output)
    assert.equal(2, select(2,
      errors:gsub("the command failed with status 1: [^\n]*; trying again\n", "")))
    assert.equal("1 2 3 1 2 3 1 2 3 4 5", command.seqs(support.read(out)))
    assert.equal("5", command.saved(log, "e"))
  end)

  it("of a follow is run again until it succeeds", function()
    local function received() return command.tally(support.read(out)) end
    insert(4)
    local try = third_time(("test $n -ge 2 && cat >>%s"):format(out))
    local following = command.start(db, "follow --name x --exec '" .. try .. "'")
    support.wait_until(function() return received() == 4 end, "the third try")
    insert(1)
    support.wait_until(function() return command.saved(log, "x") == "5" end, "the next change")
    following:kill()
    local ok, _, errors = following:wait()
    assert.is_true(ok)
    assert.same({ 5, 0 }, { received() })
    assert.matches("^forgelog: the command failed with status 1: [^\n]+; trying again\n"
      .. "forgelog: stopped at position 1:5, saved\n$", errors)
  end)

  it("may leave some of its input unread", function()
    insert(5000)
    assert.equal("", command.says(db, "", "drain --name e --batch 5000 --exec true"))
    assert.equal("5000", command.saved(log, "e"))
  end)
end)
