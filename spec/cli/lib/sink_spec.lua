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
      errors:gsub("the %-%-exec command failed with status 1: [^\n]*; trying again\n", "")))
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
    assert.matches("^forgelog: the %-%-exec command failed with status 1: [^\n]+; trying again\n"
      .. "forgelog: stopped at position 1:5, saved\n$", errors)
  end)

  it("may leave some of its input unread", function()
    insert(5000)
    assert.equal("", command.says(db, "", "drain --name e --batch 5000 --exec true"))
    assert.equal("5000", command.saved(log, "e"))
  end)

  -- A command that takes its batch, says that it has begun, and waits until it may end.
  local function slow(begun, go)
    return ("cat >>%s; touch %s; while [ ! -e %s ]; do sleep 0.02; done"):format(out, begun, go)
  end

  it("goes on to its end where a signal comes to forgelog alone, and its batch is saved", function()
    insert(4)
    for name, expected in pairs({ ["follow INT"] = 0, ["follow TERM"] = 0, ["drain INT"] = 130,
      ["drain TERM"] = 143 }) do
      local which, signal = name:match("(%a+) (%a+)")
      local begun, go = support.path("begun"), support.path("go")
      support.write(out, "")
      local running = command.start(db, ("%s --name %s%s --batch 2 --exec '%s'"):format(which,
        which, signal, slow(begun, go)))
      support.wait_until(function() return support.read(begun) end, "the command")
      assert(support.run(("kill -%s %s"):format(signal, running.pid)))
      support.write(go, "")
      local _, _, errors, status = running:wait()
      assert.equal(expected, status, name .. errors)
      assert.equal("1 2", command.seqs(support.read(out)))
      assert.equal("2", command.saved(log, which .. signal), name)
      assert.matches("forgelog: stopped at position 1:2, saved\n", errors)
    end
  end)

  it("is broken off with forgelog by a second signal, and its batch comes again", function()
    insert(2)
    local begun, go = support.path("begun"), support.path("go")
    local running = command.start(db, ("follow --name x --exec '%s'"):format(slow(begun, go)))
    support.wait_until(function() return support.read(begun) end, "the command")
    support.wait_until(function() -- two that come at once are one
      return not support.run(("kill -INT %s 2>/dev/null"):format(running.pid))
    end, "its end")
    assert.is_false((running:wait()))
    support.write(go, "")
    assert.is_nil(command.saved(log, "x"))
  end)
end)
