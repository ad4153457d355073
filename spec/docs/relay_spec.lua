-- The examples relay_redis.lua and reader_redis.lua, as a user would run them: what they do where
-- Redis or the log has lost something, beside another one, and behind the end of the stream. Under
-- load they are in spec/load/relay_spec.
local logs = require "support.logs"
local redis = require "support.redis"
local support = require "support"

local must = logs.must

describe("the examples of a relay to Redis:", function()
  local at, db, log, running
  before_each(function()
    at = redis.start()
    db, log = logs.installed()
    running = {}
  end)
  after_each(function()
    for _, process in ipairs(running) do
      process:kill("KILL")
      process:wait()
    end
    log:close()
    at:stop()
    support.drop(db)
  end)

  local function keep(process)
    running[#running + 1] = process
    return process
  end

  local function stop(process)
    process:kill("KILL")
    process:wait()
  end

  local function add(count) logs.fill(log, count) end

  -- The stream in short: op and seq of each entry, an epoch a line.
  local function text()
    local lines, epoch = {}, nil
    for _, entry in ipairs(at:entries("forgelog")) do
      if entry.epoch ~= epoch then lines[#lines + 1] = "" end
      epoch = entry.epoch
      lines[#lines] = lines[#lines] .. (entry.op == "RESYNC" and "R" or " " .. entry.seq)
    end
    return table.concat(lines, "\n")
  end

  local function wait_for(wanted)
    local found
    local ok = pcall(support.wait_until, function()
      found = text()
      return found == wanted
    end, "the stream", 20)
    if not ok then assert.equal(wanted, found) end
  end

  local function reason()
    local list = {}
    for found in at:run("XRANGE forgelog - +"):gmatch("reason\n(%a+)") do
      list[#list + 1] = found
    end
    return list[#list]
  end

  local function begin(...)
    local relay = keep(at:relay(db, ...))
    wait_for("R")
    return relay
  end

  -- Waits until a reader has printed so many lines; returns them without their epochs.
  local function printed(reader, count)
    local lines
    support.wait_until(function()
      lines = {}
      for line in reader:output():gmatch("([^\n]*)\n") do
        lines[#lines + 1] = (line:gsub("^%d+%-(%d+)\t.*", "%1"))
      end
      return #lines >= count
    end, count .. " lines")
    return (table.concat(lines, " "):gsub("\t", ":"))
  end

  it("an entry has what a change has", function()
    must(log, "CREATE TABLE person (id int, email text, n int, PRIMARY KEY (id, n))")
    assert(log:watch("person", { keep = { "email" } }))
    begin()
    must(log, [[BEGIN; SET LOCAL forgelog.context = 'request 7';
      INSERT INTO person VALUES (1, 'a@b', 2); COMMIT]])
    must(log, "UPDATE person SET email = NULL")
    wait_for("R 1 2")
    local entries = at:run("XRANGE forgelog - +")
    for _, part in ipairs { "table_name\nperson\nop\nINSERT\nrow_id\n[\"1\", \"2\"]\n",
      "\ncontext\nrequest 7\n", "\nkey_cols\n2\n", "\nnew.email\na@b\n",
      "\nop\nUPDATE\n", "\nchanged_cols\nemail\n", "\nold.email\na@b\n", "\nposition\n1:2" } do
      assert.is_truthy(entries:find(part, 1, true), part .. "\nin\n" .. entries)
    end
  end)

  it("goes on where the stream says, also where that has become older", function()
    local relay = begin()
    add(2)
    wait_for("R 1 2")
    at:run("SAVE")
    add(2)
    wait_for("R 1 2 3 4")
    stop(relay)
    add(1)
    keep(at:relay(db))
    wait_for("R 1 2 3 4 5")
    at:kill(); at:restart()
    wait_for("R 1 2 3 4 5")
    assert.equal("start", reason())
  end)

  it("begins an epoch where the stream is gone, or its end, or what the log had next", function()
    begin()
    add(2)
    wait_for("R 1 2")
    local id = at:entries("forgelog")[3].id
    at:run("DEL forgelog")
    wait_for("R")
    assert.equal("start", reason())
    assert.is_true(at:entries("forgelog")[1].id > id)
    add(2)
    wait_for("R 3 4")
    stop(table.remove(running))
    at:run("XDEL forgelog " .. at:entries("forgelog")[3].id)
    keep(at:relay(db))
    wait_for("R 3\nR")
    assert.equal("lost", reason())
    stop(table.remove(running))
    add(2)
    assert(log:trim(os.time() + 60, { min_rows = 0 }))
    local relay = keep(at:relay(db))
    wait_for("R 3\nR\nR")
    assert.equal("trimmed", reason())
    add(1)
    wait_for("R 3\nR\nR 7")
    assert.is_true(support.alive(relay))
  end)

  it("an epoch is above all others, whatever the clock says and Redis has lost", function()
    local ahead = ("%.0f"):format((os.time() + 3600) * 1000)
    at:run("XADD forgelog " .. ahead .. "-0 a b")
    stop(begin())
    local before = at:entries("forgelog")[1].epoch
    assert.is_true(before > ahead)
    at:run("DEL forgelog")
    local relay = begin()
    assert.is_true(at:entries("forgelog")[1].epoch > before)
    assert.same({}, must(log, "SELECT name FROM forge_change_log_consumers WHERE position > ''"))
    assert.is_true(support.alive(relay))
  end)

  it("begins one where Redis has come back with an older one", function()
    begin()
    add(1)
    wait_for("R 1")
    at:run("SAVE")
    at:run("DEL forgelog")
    wait_for("R")
    at:kill(); at:restart()
    wait_for("R 1\nR")
    assert.equal("lost", reason())
  end)

  it("of two relays one writes, and the other one takes over", function()
    local one, two = begin(), keep(at:relay(db))
    for i = 1, 3 do
      add(100)
      logs.pause(0.2)
      if i == 2 then stop(one) end
    end
    support.wait_until(function() return #at:entries("forgelog") >= 301 end, "all of it")
    logs.pause(0.2)
    local wanted = { "R" }
    for seq = 1, 300 do wanted[#wanted + 1] = tostring(seq) end
    assert.equal(table.concat(wanted, " "), text())
    stop(two)
  end)

  it("waits until Redis can write again, and ends where there is no log", function()
    local relay = begin()
    at:run("CONFIG SET maxmemory 1")
    add(3)
    support.wait_until(function() return relay:errors():find("OOM") end, "the refusal")
    at:run("CONFIG SET maxmemory 0")
    wait_for("R 1 2 3")
    for i = 1, 2 do
      at:run("REPLICAOF 127.0.0.1 1")
      add(1)
      support.wait_until(function()
        return select(2, relay:errors():gsub("READONLY", "")) == i
      end, "the refusal, said each time")
      at:run("REPLICAOF NO ONE")
      wait_for(i == 1 and "R 1 2 3 4" or "R 1 2 3 4 5")
    end
    must(log, "DROP TABLE forge_change_log CASCADE")
    local ok, _, errors, status = keep(at:relay(db)):wait()
    assert.is_false(ok)
    assert.equal(1, status, errors)
  end)

  it("writes its epochs where it can write nothing to PostgreSQL, such as a standby", function()
    local set = "ALTER DATABASE " .. db:match("dbname=(%S+)")
      .. " SET default_transaction_read_only = "
    must(log, set .. "on")
    local relay = begin()
    add(1)
    wait_for("R 1")
    local before = at:entries("forgelog")[1].epoch
    at:run("DEL forgelog")
    wait_for("R")
    must(log, set .. "off")
    assert.is_true(at:entries("forgelog")[1].epoch > before)
    assert.equal("", (relay:errors():gsub("relay: epoch %d+ begins: %l+\n", "")))
  end)

  -- Both programs, for this URL of Redis.
  local function programs(url, entries, seconds)
    local path = os.getenv("FORGELOG_ROOT") .. "/examples/"
    return keep(redis.program(path .. "relay_redis.lua", db, url, "forgelog", entries)),
      keep(redis.program(path .. "reader_redis.lua", "group", "one", url, "forgelog", seconds))
  end

  local function refused(why, ...)
    for _, program in ipairs { programs(...) } do
      support.wait_until(function() return not support.alive(program) end, "its end", 10)
      assert.matches(why, program:errors())
    end
  end

  it("read the URL of Redis whole: user, password, number of the database", function()
    at:run("ACL SETUSER 'j:o' on '>p@s/s' '~*' '+@all'")
    at:run("CONFIG SET requirepass a%b")
    for number, login in ipairs { "j%3ao:p%40s%2Fs", ":a%25b" } do
      local _, reader = programs(("redis://%s@127.0.0.1:%d/%d"):format(login, at.port, number))
      assert.equal("RESYNC:start", printed(reader, 1))
      assert.equal("1", at:run(("--no-auth-warning -a a%%b -n %d XLEN forgelog"):format(number)))
    end
  end)

  it("end where the URL is none of Redis", function()
    for _, url in ipairs { "", "localhost", "http://localhost", "redis://", "redis://h/x",
      "redis://h:x", "redis://joe@h", "redis://:100%@h", "redis://:a/b@h", "redis://h/0?x=1" } do
      refused("^the URL of Redis must be", url)
    end
  end)

  it("end where a number is none", function()
    for _, number in ipairs { "1e3", "0", "x", "-1", "inf", "99999999999999999999", "" } do
      refused("must be a [%a ]*number above 0", at.url, number, number)
    end
    keep(at:relay(db, "forgelog", "0.5"))
    support.wait_until(function() return running[#running]:errors():find("whole") end, "its end")
  end)

  it("a reader is told of each epoch, and handles what a dead one of its group left", function()
    begin()
    add(3)
    wait_for("R 1 2 3")
    at:run("XGROUP CREATE forgelog group 0")
    at:run("XREADGROUP GROUP group dead COUNT 2 STREAMS forgelog '>'")
    local one = keep(at:reader("group", "one", "forgelog", "1"))
    assert.equal("2 3 RESYNC:start 1", printed(one, 4))
    at:run("DEL forgelog")
    wait_for("R")
    add(1)
    assert.equal("2 3 RESYNC:start 1 RESYNC:start 4", printed(one, 6))
    assert.equal("0", at:run("XPENDING forgelog group"):match("%d+"))
  end)

  it("a reader sees what was trimmed away before it had it, also if it died meanwhile", function()
    begin("forgelog", "100")
    add(1)
    wait_for("R 1")
    at:run("XGROUP CREATE forgelog late 0")
    at:run("XGROUP CREATE forgelog dead 0")
    at:run("XREADGROUP GROUP dead one COUNT 2 STREAMS forgelog '>'")
    local late = keep(at:reader("late", "one"))
    assert.equal("RESYNC:start 1", printed(late, 2))
    stop(table.remove(running))
    add(1000)
    support.wait_until(function()
      return at:run("XREVRANGE forgelog + - COUNT 1"):match("^%d+%-1001\n")
        and tonumber(at:run("XLEN forgelog")) < 500
    end, "the stream")
    at:run("XREADGROUP GROUP late one COUNT 1 STREAMS forgelog '>'") -- and dies at once
    for _, name in ipairs { "late", "new" } do
      assert.matches("^RESYNC:trimmed %d+ ", printed(keep(at:reader(name, "one")), 100))
    end
    at:run("XGROUP SETID forgelog dead '$'") -- as if others of the group had had all else
    local other = keep(at:reader("dead", "other", "forgelog", "0.01"))
    assert.equal("RESYNC:trimmed", printed(other, 1))
  end)
end)
