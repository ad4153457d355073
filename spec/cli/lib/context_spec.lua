-- A command that is told to end while it waits for a lock: nothing of it stays behind on the
-- server, and nothing of it takes effect later.
local command = require "support.command"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

describe("a command that waits for a lock", function()
  local db, log, holder
  before_each(function()
    db, log = command.database()
    holder = logs.connect(db)
    must(log, "CREATE TABLE items (id int PRIMARY KEY)")
  end)
  after_each(function()
    command.stop()
    holder:close()
    log:close()
    support.drop(db)
  end)

  -- The statements of the command that wait for a lock, and those that run at all.
  local function waiting()
    local row = must(log, [[
      SELECT count(*) FILTER (WHERE wait_event_type = 'Lock') AS locked, count(*) AS n
        FROM pg_stat_activity
       WHERE application_name = 'forgelog' AND state = 'active' AND pid <> pg_backend_pid()
         AND datname = current_database()]])[1]
    return row.locked, row.n
  end

  local function watched() return table.concat((log:watched()), " ") end

  local function complete()
    local sql = "SELECT count(*) AS n FROM pg_attribute WHERE attname = 'key_cols' AND attnum > 0"
      .. " AND attrelid = 'forge_change_log'::regclass"
    return must(log, sql)[1].n
  end

  local cases = {
    { arguments = "watch items", lock = "LOCK items IN ROW EXCLUSIVE MODE", seen = watched },
    { arguments = "unwatch orders", lock = "LOCK orders IN ACCESS SHARE MODE", seen = watched },
    { arguments = "install", lock = "LOCK forge_change_log IN ACCESS SHARE MODE", seen = complete,
      before = "ALTER TABLE forge_change_log DROP COLUMN key_cols" },
  }

  -- Lets the lock go and says how things stand then.
  local function outcome(case)
    assert.equal(0, (select(2, waiting())), "a statement is left behind")
    must(holder, "ROLLBACK")
    return case.seen()
  end

  for i, case in ipairs(cases) do
    local signal, status = "INT", 130
    if i == 2 then signal, status = "TERM", 143 end

    it(("ends by SIG%s: %s"):format(signal, case.arguments), function()
      if case.before then must(log, case.before) end
      local before = case.seen()
      must(holder, "BEGIN; " .. case.lock)
      local run = command.start(db, case.arguments)
      support.wait_until(function() return waiting() == 1 end, "the command to wait")
      local signalled = logs.now()
      run:kill(signal)
      local _, output, errors, ended = run:wait()
      assert.is_true(logs.now() - signalled < logs.at_most(2))
      assert.same({ status, "", "forgelog: interrupted\n" }, { ended, output, errors })
      assert.equal(before, outcome(case))
    end)

    it("ends by --timeout: " .. case.arguments, function()
      if case.before then must(log, case.before) end
      local before = case.seen()
      must(holder, "BEGIN; " .. case.lock)
      -- A server that is slow to answer when it is asked to cancel has its connection dropped.
      command.fails(db, 1, "no answer within 0.4 s; the ", case.arguments .. " --timeout 0.4s")
      support.wait_until(function() return select(2, waiting()) == 0 end, "its end on the server")
      assert.equal(before, outcome(case))
    end)
  end
end)
