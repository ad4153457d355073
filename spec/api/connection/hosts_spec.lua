-- Several hosts, and silent ones: every attempt has its own time, and the next host is tried.
local connections = require "support.connections"
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"
local hosts = require "forgelog.connection.hosts"
local logs = require "support.logs"
local silent = require "support.silent"
local support = require "support"

-- Seconds by which a time limit may be missed.
local SLACK = 0.1

local function timed(f, ...)
  local started = logs.now()
  local first, second = f(...)
  return logs.now() - started, first, second
end

local function within(least, seconds)
  assert.is_true(seconds >= least and seconds < logs.at_most(least + SLACK),
    ("%.3f s instead of %.3f"):format(seconds, least))
end

describe("connecting to a host that takes the connection and says nothing", function()
  local base, host, port, mute, mute_port, tls, tls_port
  setup(function()
    base = support.conninfo()
    host, port = base:match("host=(%S+)"), base:match("port=(%S+)")
    mute, mute_port = silent.start()
    tls, tls_port = silent.start("S")
  end)
  teardown(function()
    silent.stop(mute)
    silent.stop(tls)
  end)

  local function to(list, ports, more)
    return ("host=%s port=%s user=postgres dbname=postgres %s"):format(list, ports, more or "")
  end

  local function fails(seconds, conninfo, opts)
    local took, log, err = logs.soon(seconds + SLACK, function()
      return timed(forgelog.connect, conninfo, opts)
    end)
    assert.is_nil(log)
    assert.equal("timeout", err.kind)
    assert.is_true(err.retryable)
    within(seconds, took)
    return err
  end

  local function connects(seconds, conninfo, opts)
    local took, log, err = logs.soon(seconds + SLACK, function()
      return timed(forgelog.connect, conninfo, opts)
    end)
    assert(log, tostring(err))
    assert.equal(1, assert(log:query("SELECT 1 AS one"))[1].one)
    log:close()
    within(seconds, took)
  end

  it("ends at timeout, and at connect_timeout, also in the middle of TLS", function()
    local err = fails(0.3, to("127.0.0.1", mute_port), { timeout = 0.3 })
    assert.matches("no answer from 127.0.0.1, port " .. mute_port .. " within 0.3 s",
      err.message, 1, true)
    fails(0.3, to("127.0.0.1", tls_port, "sslmode=require"), { timeout = 0.3 })
    fails(1, to("127.0.0.1", mute_port, "connect_timeout=1"))
    fails(0.3, to("127.0.0.1", mute_port, "connect_timeout=5"), { timeout = 0.3 })
  end)

  it("goes on to the next host after connect_timeout", function()
    connects(1, to("127.0.0.1," .. host, mute_port .. "," .. port, "connect_timeout=1"))
    connects(1, to("127.0.0.1," .. host, tls_port .. "," .. port, "connect_timeout=1"))
  end)

  it("goes on to the next host after its share of the timeout", function()
    connects(0.3, to("127.0.0.1," .. host, mute_port .. "," .. port), { timeout = 0.6 })
    connects(0.4, to("127.0.0.1,127.0.0.1," .. host, ("%s,%s,%s"):format(mute_port, tls_port, port),
      "connect_timeout=10"), { timeout = 0.6 })
  end)

  it("counts each address of a host, and what is said of it by hostaddr", function()
    connects(1, ("host=first.invalid,second.invalid hostaddr=127.0.0.1,127.0.0.1 port=%s,%s "
      .. "user=postgres dbname=postgres connect_timeout=1"):format(mute_port, port))
  end)

  it("waits for ever where connect_timeout is 0", function()
    fails(0.4, to("127.0.0.1", mute_port, "connect_timeout=0"), { timeout = 0.4 })
  end)

  it("tells all that has failed", function()
    local err = fails(0.3, to("127.0.0.1,127.0.0.1", "1," .. mute_port), { timeout = 0.3 })
    assert.matches("refused.*; no answer from 127%.0%.0%.1", err.message)
  end)

  -- Calls step(0.2) until it returns something; each call without an answer has to keep that time.
  -- Returns what came, and the seconds until then.
  local function in_slices(step)
    local started, late = logs.now(), 0
    for _ = 1, 40 do
      local took, got, err = timed(step, 0.2)
      if got then return got, logs.now() - started end
      assert.equal("timeout", err.kind, tostring(err))
      if took >= logs.at_most(0.2 + SLACK) then late = late + 1 end
      assert.is_true(took >= 0.2 and late <= 1, ("%.3f s instead of 0.2"):format(took))
    end
    error("nothing came")
  end

  it("goes on with connecting from call to call: a consumer that starts, a feed that comes back",
    function()
      local db, log = logs.installed()
      logs.fill(log, 1)
      local list = db:gsub("host=%S+ port=%S+",
        ("host=127.0.0.1,%s port=%s,%s connect_timeout=1"):format(host, mute_port, port))
      local handled = 0
      local worker = consumer.new { conninfo = list, batch = 1,
        on_changes = function(changes) handled = handled + #changes end }
      local _, seconds = in_slices(function(time) return worker:step(time) end)
      assert.is_true(seconds >= 1, "it did not wait for the silent host")
      assert.equal(1, handled)
      local pid = logs.backend(worker._log)
      logs.must(log, "SELECT pg_terminate_backend($1, 5000)", pid)
      logs.fill(log, 1)
      _, seconds = in_slices(function(time) return worker:step(time) end)
      assert.is_true(seconds >= 1, "it did not wait for the silent host")
      assert.equal(2, handled)
      worker:close()
      log:close()
      support.drop(db)
    end)

  it("does not keep a feed from coming back by another host", function()
    local db, log = logs.installed()
    local list = db:gsub("host=%S+ port=%S+",
      ("host=%s,127.0.0.1,%s port=%s,%s,%s"):format(host, host, port, mute_port, port))
    log:close()
    log = assert(forgelog.connect(list))
    local feed = log:follow(0, { silence = 1, backoff = 0.01 })
    assert.equal("timeout", select(2, feed:next(0.05)).kind)
    -- The first host refuses from now on, and the second one is silent.
    local other = logs.connect(db)
    logs.must(other, "INSERT INTO forge_change_log (table_name, op) VALUES ('t', 'INSERT')")
    logs.must(other, "SELECT pg_terminate_backend($1, 5000)", logs.backend(log))
    local change, err = feed:next(5)
    assert(change, tostring(err))
    assert.equal(1, feed:stats().reconnects)
    feed:close()
    log:close()
    other:close()
    support.drop(db)
  end)
end)

describe("the options of libpq for several hosts", function()
  local base, host, port
  setup(function()
    base = support.conninfo()
    host, port = base:match("host=(%S+)"), base:match("port=(%S+)")
  end)

  it("target_session_attrs chooses, and falls back where it only prefers", function()
    local whoami = connections.whoami
    assert.equal("postgres postgres", (whoami(base .. " target_session_attrs=prefer-standby")))
    assert.equal("postgres postgres", (whoami(base .. " target_session_attrs=read-write")))
    local log, err = forgelog.connect(base .. " target_session_attrs=standby")
    assert.is_nil(log)
    assert.equal("connect", err.kind)
  end)

  it("a server's refusal is the end, as it is for psql", function()
    local log, err = forgelog.connect(("host=%s,%s port=%s dbname=nosuch user=postgres"):format(
      host, host, port))
    assert.is_nil(log)
    assert.equal("3D000", err.sqlstate)
    assert.equal(1, select(2, err.message:gsub("nosuch", "")))
  end)

  it("lists that do not fit, and what is no connection string, are libpq's to refuse", function()
    for _, wrong in ipairs({ "host=a,b hostaddr=127.0.0.1", "host=a port=1,2", "port=x host=/tmp",
      "host", "hots=/tmp", "service=nosuch", "postgres://[" }) do
      local log, err = forgelog.connect(wrong)
      assert.is_nil(log, wrong)
      assert.equal("connect", err.kind)
      assert.not_matches("sslmode", err.message)
    end
  end)

  it("a server that is gone is noticed also by whoever waits without a limit", function()
    -- What the kernel will do about the connection: seconds until it asks whether the server lives.
    local function asks_within(more)
      local log = assert(forgelog.connect(
        ("host=127.0.0.1 port=%s user=postgres dbname=postgres %s"):format(port, more)))
      local mine = logs.must(log, "SELECT inet_client_port() AS port")[1].port
      local _, shown = support.run(("ss -tno sport = :%d"):format(mine))
      log:close()
      local minutes, seconds = shown:match("keepalive,(%d+)min([%d.]*)")
      seconds = seconds or shown:match("keepalive,([%d.]+)sec")
      return (tonumber(minutes) or 0) * 60 + (tonumber(seconds) or 0)
    end
    local usual, chosen = asks_within(""), asks_within("keepalives_idle=600")
    assert.is_true(usual > 20 and usual <= 30, usual)
    assert.is_true(chosen > 500, chosen)
  end)

  it("are read from the environment too", function()
    local environment = ("PGHOST='127.0.0.1,%s' PGPORT=1,%s PGUSER=postgres PGDATABASE=postgres")
      :format(host, port)
    assert.equal("postgres postgres", connections.whoami_with(environment, "nil"))
  end)

  it("names are told from addresses and sockets", function()
    for name, is in pairs({ ["db.example"] = true, localhost = true, ["10.0.0.1"] = false,
      ["::1"] = false, ["fe80::1%eth0"] = false, ["/run"] = false, ["@run"] = false, [""] = false,
      ["10.0.0.com"] = true }) do
      assert.equal(is, hosts.is_name({ host = name, hostaddr = "" }), name)
    end
    assert.is_false(hosts.is_name({ host = "db.example", hostaddr = "10.0.0.1" }))
  end)

  it("a name that does not exist says so", function()
    local log, err = forgelog.connect("host=nosuch.invalid dbname=x")
    assert.is_nil(log)
    assert.equal("connect", err.kind)
    assert.is_true(err.retryable)
    assert.matches("could not look up the host nosuch.invalid: ", err.message, 1, true)
  end)

  it("a name that exists leads to a server", function()
    assert.equal("postgres postgres", (connections.whoami(
      ("host=localhost port=%s user=postgres dbname=postgres"):format(port))))
  end)
end)
