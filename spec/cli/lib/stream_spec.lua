-- cli/lib/stream.lua: where drain and follow begin when --since is a time or an age; one program
-- for one --position-file.
local command = require "support.command"
local forgelog = require "forgelog"
local support = require "support"
local times = require "forgelog.times"

-- The change of seq n was written n minutes after it.
local START = times.parse("2026-11-24T10:00Z")

local db, log
before_each(function()
  db, log = command.database()
  assert(log:query("INSERT INTO orders (n) SELECT g FROM generate_series(1, 10) g"))
  assert(log:query("UPDATE forge_change_log SET created_at = to_timestamp($1::float8 + seq * 60)",
    START))
end)
after_each(function()
  command.stop()
  log:close()
  support.drop(db)
end)

-- The seqs that a drain or follow prints, and what it writes to standard error.
local function gives(arguments, environment)
  local status, output, errors = command.run(db, arguments .. " --format json", environment)
  assert.equal(0, status, errors)
  return command.seqs(output), errors
end

describe("--since", function()
  it("takes a time, with a zone or by the local clock", function()
    for _, which in ipairs({ "drain", "follow --limit 3" }) do
      assert.equal("8 9 10", gives(which .. " --since 2026-11-24T10:08Z"))
      assert.equal("8 9 10", gives(which .. " --since '2026-11-24 12:07:00.5+02:00'"))
      assert.equal("8 9 10", gives(which .. " --since 2026-11-24T15:38", "TZ=XST-5:30"))
    end
    assert.equal("1 2 3 4 5 6 7 8 9 10", gives("drain --since 2026-11-24", "TZ=UTC"))
    assert.equal("", gives("drain --since 2026-11-25", "TZ=UTC"))
  end)

  it("takes an age, by the server's clock, and a number without a unit as a seq", function()
    assert(log:query("UPDATE forge_change_log"
      .. " SET created_at = now() - (11 - seq) * interval '1 hour'"))
    assert.equal("8 9 10", gives("drain --since 3h30m", "TZ=XST-5:30"))
    assert.equal("8 9 10", gives("follow --limit 3 --since 210m"))
    assert.equal("", gives("drain --since 15m"))
    assert.equal("6 7 8 9 10", gives("drain --since 5"))
  end)

  it("saves the position of the time at once, and goes on from there", function()
    gives("drain --name a --limit 0 --since 2026-11-24T10:04Z")
    assert.equal("3", command.saved(log, "a"))
    assert.equal("4 5 6 7 8 9 10", gives("drain --name a"))
    local file = support.path("position")
    gives("follow --limit 0 --since 2026-11-24T10:04Z --position-file " .. file)
    local seqs, errors = gives("drain --since 2026-11-24T10:06Z --name a")
    assert.equal("", seqs)
    assert.matches("^forgelog: going on from the saved position 1:10, not from", errors)
    for _, which in ipairs({ "drain", "follow" }) do
      assert.matches("^forgelog: going on from the saved position %S+, not from %-%-since\n$",
        select(2, gives(which .. " --limit 0 --since 2026-11-01 --name a")))
    end
  end)

  it("fails where changes since then may be gone, and says from when on there are any", function()
    assert(log:trim(os.time() + 60, { min_rows = 4 }))
    for _, which in ipairs({ "drain", "follow --limit 1" }) do
      local told = command.fails(db, 1, "^forgelog: trimmed: changes since 2026%-11%-24T10:03Z may "
        .. "be gone, up to seq 6; the first one that it holds is of (%S+); hint: %-%-since 0 gives "
        .. "all that is there; %-%-since %S+ goes on from there, once the tables were read anew\n$",
        which .. " --name a --since 2026-11-24T10:03Z")
      assert.equal(START + 7 * 60, times.parse(told:match("is of (%S+);")))
      assert.equal("8 9 10", gives("drain --since " .. told:match("%-%-since (2026%S+)")))
    end
    assert.equal(0, #log:query("SELECT FROM forge_change_log_consumers"))
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    command.fails(db, 1, "up to seq 10; the log is empty by now; hint: .* %-%-since now goes on",
      "drain --since 1h")
    -- A saved position counts, whatever became of that time.
    assert(log:query("INSERT INTO forge_change_log_consumers VALUES ('b', '1:10')"))
    assert.equal("", gives("drain --name b --since 2026-11-24T10:03Z"))
  end)

  it("waits for writers of which it does not know when they began", function()
    local writer = assert(forgelog.connect(db))
    assert(writer:query("BEGIN; INSERT INTO orders (n) VALUES (11)"))
    command.fails(db, 1, "hint: forgelog follow is not held up",
      "drain --settle 50ms --since 2026-11-24T10:08Z")
    local following = command.start(db, "follow --format json --limit 4 "
      .. "--since 2026-11-24T10:08Z")
    support.wait_until(function()
      return following:errors():find("still is; forgelog status tells which; waiting for them\n$")
    end, "it to say so")
    assert(writer:query("COMMIT"))
    writer:close()
    local ok, output = following:wait()
    assert.is_true(ok)
    assert.equal("8 9 10 11", command.seqs(output))
  end)
end)

describe("--position-file", function()
  it("is that of one program at a time, as long as that lives", function()
    local file = support.path("position")
    local function follow() return command.start(db, "follow --json --position-file " .. file) end
    local function position() return (support.read(file) or ""):match("^%d+:%d+") end
    local first = follow()
    support.wait_until(function() return position() == "1:10" end, "its position")
    -- Saving has put another file in the place of the one that was there.
    assert(log:query("INSERT INTO orders (n) VALUES (11)"))
    support.wait_until(function() return position() == "1:11" end, "the next position")
    for _, which in ipairs({ "drain", "follow --limit 1" }) do
      command.fails(db, 1, ("another drain or follow works with it %%(process %s%%)\n$"):format(
        first.pid), which .. " --position-file " .. file)
    end
    command.says(db, "", "drain --position-file " .. file .. "2")
    first:kill("KILL")
    first:wait()
    assert.equal("", gives("drain --position-file " .. file))
  end)

  it("is not held by what --exec has left running", function()
    local file = support.path("position")
    local left = support.path("left")
    gives(("drain --position-file %s --exec 'sleep 60 >/dev/null 2>&1 & echo $! >%s'"):format(file,
      left))
    assert.equal("", gives("drain --position-file " .. file))
    assert(support.run("kill " .. support.read(left)))
  end)
end)
