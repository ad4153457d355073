-- Two servers with one history up to a point, which both call what follows their timeline 2.
local copiers = require "support.copiers"
local logs = require "support.logs"
local pooler = require "support.pooler"
local support = require "support"

local must, write = logs.must, logs.add_items

describe("two standbys that are promoted beside each other", function()
  local all, at, other
  setup(function()
    all = copiers.begin { third = "beside" }
    at = all.pair
    other = at.third
    at:catch_up()
    at:catch_up(other)
  end)
  teardown(function() all:stop() end)

  -- The first one has not got what commits now, with a seq below what everybody was handed out.
  local function get_ahead()
    local open = logs.connect(at.db)
    must(open, "BEGIN")
    write(open, 1)
    all:have(at.log, 2)
    all:leave()
    at:catch_up()
    support.psql("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
      at.standby.conninfo)
    support.wait_until(function()
      return support.psql("SELECT count(*) FROM pg_stat_replication", at.primary.conninfo) == "1"
    end, "the end of replication")
    must(open, "COMMIT")
    at:catch_up(other)
    open:close()
  end

  -- Takes all that a feed has; how many changes.
  local function take(feed)
    local count, changes, err = 0
    repeat
      count = count + (changes and #changes or 0)
      changes, err = feed:batch(1000, 0.5)
    until not changes
    assert.equal("timeout", err.kind)
    return count
  end

  -- The pooler goes to another server, while nobody uses a connection.
  local function move(pool, server)
    pool:command("PAUSE")
    pool:point(at:on(server))
    pool:command("RELOAD")
    pool:command("RESUME")
  end

  local function timeline(log)
    return must(log, "SELECT pg_walfile_name(pg_current_wal_lsn()) AS name")[1].name:sub(1, 8)
  end

  it("are told apart, though both call their timeline 2", function()
    get_ahead()
    at:switch("kill")
    other:promote()
    local there = logs.connect(at:on(other))
    all:come_back(nil, "^[^s]")
    all:settle("^[^s]")
    local closed = all.all[3]
    all:again(closed, at:on(other))
    all:expect(there, "the other one, which has got one more", nil, "^c")
    closed.one:close()
    table.remove(all.all, 3)
    write(at.log, 1)
    all:expect(at.log, "the first one", nil, "^[^s]")
    local pool = pooler.start(at:on(at.standby))
    local log = pool:connect()
    finally(function()
      log:close()
      pool:stop()
    end)
    local feed = log:follow(0, { listen = false, poll = 0.1 })
    assert.is_true(take(feed) > 0)
    local since = logs.server_time(there)
    write(there, 3)
    all:have(at.log, 9, "^[^s]")
    write(there, 30)
    all:loses(there, since, "the other one")
    assert.is_true(take(feed) > 0)
    move(pool, other)
    local changes, err = feed:batch(1000, 5)
    assert.same({ nil, "reset" }, { changes, err and err.reason })
    all:die(at.log, 1)
    assert.equal(timeline(at.log), timeline(there))
    all:leave()
    at.standby:kill() -- those that are running find the other one by themselves
    all:come_back()
    all:expect(there, "the other one", "reset", "^[^st]")
    all:expect(there, "the other one, from what both have", nil, "^s")
    there:close()
  end)
end)
