-- A server that dies, stops answering, is a standby, or was promoted.
local forgelog = require "forgelog"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local function postmaster(server)
  local _, output = support.run("cat '" .. server.dir .. "/data/postmaster.pid'")
  return output:match("^%d+")
end

-- A signal to the postmaster, or to one backend.
local function signal(name, pid) assert(support.run("kill -" .. name .. " " .. pid)) end

local function check_lost(log)
  for _, name in ipairs({ "min_seq", "max_seq", "horizon" }) do
    local result, err = log[name](log)
    assert.is_nil(result)
    assert.equal("lost", err.kind)
    assert.is_true(err.retryable)
    assert.matches("connect again", err.message)
  end
  assert.equal("lost", logs.drain_error(log).kind)
end

describe("a server of one's own", function()
  local server, db, log
  setup(function()
    server = support.server()
    db, log = logs.installed(server.conninfo)
    logs.fill(log, 30000)
  end)
  teardown(function()
    if log then log:close() end
    server:stop()
  end)

  it("that is killed in the middle of a drain: lost, and the rest comes from the next connection",
    function()
    local n = 0
    local ok, err = pcall(function()
      for change in log:drain() do
        n = n + 1
        assert.equal(n, change.seq)
        if n == 3000 then server:kill() end
      end
    end)
    assert.is_false(ok)
    assert.equal("lost", err.kind)
    assert.is_true(err.retryable)
    assert.is_true(n >= 3000 and n < 30000)
    check_lost(log)
    log:close()
    local refused, why = forgelog.connect(db)
    assert.is_nil(refused)
    assert.equal("connect", why.kind)
    assert.is_true(why.retryable)
    server:start()
    log = logs.connect(db)
    assert.equal(30000 - n, #logs.drained(log, n))
  end)

  it("that shuts down in an orderly way: lost, with its reason", function()
    server:stop()
    local rows, err = log:query("SELECT 1")
    assert.is_nil(rows)
    assert.equal("lost", err.kind)
    assert.equal("57P01", err.sqlstate)
    check_lost(log)
    log:close()
    server:start()
    log = logs.connect(db)
  end)

  -- Runs f while the whole server stands still; returns the seconds it took.
  local function standing_still(f)
    local backend = must(log, "SELECT pg_backend_pid() AS pid")[1].pid
    local main = postmaster(server)
    signal("STOP", main .. " " .. backend)
    local started = logs.now()
    local ok, err = pcall(f)
    local took = logs.now() - started
    signal("CONT", main .. " " .. backend)
    if not ok then error(err, 0) end
    return took
  end

  it("that stops answering: the timeout, and the connection is dropped", function()
    log:close()
    log = logs.connect(db, { timeout = 0.3 })
    local took = standing_still(function()
      local rows, err = log:query("SELECT 1")
      assert.is_nil(rows)
      assert.equal("timeout", err.kind)
      assert.is_true(err.retryable)
      assert.matches("dropped", err.message)
      check_lost(log)
    end)
    assert.is_true(took >= 0.3 and took < logs.at_most(4), "took " .. took)
    log:close()
    log = logs.connect(db)
  end)

  it("that stops answering in the middle of a drain", function()
    log:close()
    log = logs.connect(db, { timeout = 0.3 })
    local iterator, n = log:drain(), 0
    for _ = 1, 500 do iterator() end
    local took = standing_still(function()
      local ok, err
      repeat
        ok, err = pcall(iterator)
        n = n + 1
      until not ok or n > 30000
      assert.is_false(ok)
      assert.equal("timeout", err.kind)
    end)
    assert.is_true(took < logs.at_most(4), "took " .. took)
    check_lost(log)
    log:close()
    log = logs.connect(db)
  end)

  it("that accepts a connection and does not answer: the timeout, the option's or libpq's",
    function()
    local took = standing_still(function()
      for _, way in ipairs({ { db, { timeout = 0.3 } }, { db .. " connect_timeout=1" } }) do
        local none, err = forgelog.connect(way[1], way[2])
        assert.is_nil(none)
        assert.equal("timeout", err.kind)
        assert.is_true(err.retryable)
      end
    end)
    assert.is_true(took >= 1.2 and took < logs.at_most(8), "took " .. took)
  end)

  it("that wants a password", function()
    must(log, "SET password_encryption = 'scram-sha-256'; CREATE ROLE secret LOGIN PASSWORD "
      .. "'it''s \\ right'")
    server:hba("local all secret scram-sha-256")
    local base = { host = db:match("host=(%S+)"), port = db:match("port=(%S+)"),
      dbname = db:match("dbname=(%S+)"),
      user = "secret", password = "it's \\ right" }
    local secret = logs.connect(base)
    assert.equal("secret", must(secret, "SELECT current_user AS name")[1].name)
    secret:close()
    base.password = "hunter2"
    local none, err = forgelog.connect(base)
    assert.is_nil(none)
    assert.equal("connect", err.kind)
    assert.equal("28P01", err.sqlstate)
    assert.is_false(err.retryable)
    assert.matches("password authentication failed", err.message)
    assert.is_nil(tostring(err):find("hunter2", 1, true))
    assert.is_nil(err.message:find("LOCATION", 1, true))
    base.password = nil
    none, err = forgelog.connect(base)
    assert.is_nil(none)
    assert.equal("connect", err.kind)
    assert.matches("password", err.message)
  end)
end)

describe("a hot standby", function()
  local server, standby, db, log
  setup(function()
    server = support.server()
    db, log = logs.installed(server.conninfo)
    logs.fill(log, 10)
    standby = server:standby()
  end)
  teardown(function()
    log:close()
    standby:stop()
    server:stop()
  end)

  local function there()
    local other = db:gsub("host=%S+", (standby.conninfo:match("host=%S+")))
    return (other:gsub("port=%S+", (standby.conninfo:match("port=%S+"))))
  end

  it("can be drained, and tells the rest", function()
    local second = logs.connect(there())
    support.wait_until(function() return must(second, "SELECT to_regclass('forge_change_log') IS "
      .. "NOT NULL AS here")[1].here end,
      "the standby")
    support.wait_until(function() return second:max_seq() == 10 end, "replication")
    assert.equal(10, #logs.drained(second))
    local horizon, why = second:horizon()
    assert.equal(10, horizon)
    assert.same({}, why)
    assert.equal(1, second:min_seq())
    assert.is_false(second:gap(5))
    assert.is_false(second:gap("1:10"))
    horizon, why = second:trim(os.time() + 10, { min_rows = 0 })
    assert.is_nil(horizon)
    assert.equal("25006", why.sqlstate)
    assert.equal(10, #must(second, "SELECT * FROM forge_change_log"))
    second:close()
  end)

  it("is passed over for the primary by target_session_attrs", function()
    local hosts = ("host=%s,%s port=%s,%s"):format(standby.dir, server.dir,
      standby.conninfo:match("port=(%S+)"),
      server.conninfo:match("port=(%S+)"))
    local rest = db:gsub("host=%S+", hosts):gsub(" port=%d+ ", " ")
    local first = logs.connect(rest)
    assert.is_true(must(first, "SELECT pg_is_in_recovery() AS standby")[1].standby)
    first:close()
    local primary = logs.connect(rest .. " target_session_attrs=read-write")
    assert.equal(10, #logs.drained(primary))
    primary:close()
  end)

  it("tells a failover, once it was promoted, by a position of before", function()
    local before = assert(log:position())
    assert.equal("1:10", before)
    local second = logs.connect(there())
    support.wait_until(function() return second:max_seq() == 10 end, "replication")
    server:kill()
    standby:promote()
    support.wait_until(
      function() return not must(second,
      "SELECT pg_is_in_recovery() AS yes")[1].yes end, "the promotion")
    must(second, "INSERT INTO item (n) VALUES (1)")
    local reason, upto = second:gap(before)
    assert.equal("failover", reason)
    assert.is_true(upto >= 10)
    local err = logs.drain_error(second, before)
    assert.equal("gap", err.kind)
    assert.equal("failover", err.reason)
    -- sequences are logged 32 ahead, so the promoted server may leave some out, but never gives one
    -- again
    local seqs = logs.drained(second, 10)
    assert.equal(1, #seqs)
    assert.is_true(seqs[1] > 10)
    assert.matches("^2:%d+$", second:position())
    second:close()
  end)
end)
