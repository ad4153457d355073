-- The relay to a Redis stream where a standby takes over: it goes on where nothing was lost, and
-- where something was, it tells its readers.
local core = require "forgelog.core"
local logs = require "support.logs"
local redis = require "support.redis"
local start_pair = require "support.pair"
local streams = require "support.streams"
local support = require "support"

describe("the relay, where a standby is promoted,", function()
  local at, pair, relay
  before_each(function()
    at = redis.start()
    pair = start_pair()
    relay = at:relay(pair.both)
    streams.wait_for_start(at)
    pair:add(50)
    streams.wait_for_stream(at, pair.log)
  end)
  after_each(function()
    relay:kill("KILL")
    relay:wait()
    at:stop()
    pair:stop()
  end)

  -- What the last epoch begins after.
  local function base(entries)
    local marker = streams.epochs(entries)[#streams.epochs(entries)] .. "-0"
    local text = at:run(("XRANGE forgelog %s %s"):format(marker, marker))
    return marker:match("%d+"), tonumber(text:match("position\n%d+:(%d+)"))
  end

  it("goes on in its epoch after a switchover in order", function()
    pair:switch("stop")
    pair:add(50)
    streams.wait_for_stream(at, pair.log)
    local entries = at:entries("forgelog")
    assert.equal(1, #streams.epochs(entries))
    assert.is_true(streams.right(streams.compare(pair.log, entries, entries[1].epoch, 0)))
  end)

  -- Whether the relay can show that nothing was lost depends on when it looked last. Where it
  -- cannot, it says so by an epoch, and that has all from there on.
  local function fail_over(killed)
    support.psql("ALTER SYSTEM SET synchronous_standby_names = '*'; SELECT pg_reload_conf()",
      pair.primary.conninfo)
    support.wait_until(function()
      return support.psql("SELECT sync_state FROM pg_stat_replication", pair.primary.conninfo)
        == "sync"
    end, "synchronous replication")
    local finish = streams.start_writers(pair.both, 4)
    logs.pause(0.5)
    if killed then
      relay:kill("KILL")
      relay:wait()
    end
    pair:switch("kill")
    if killed then relay = at:relay(pair.both) end
    logs.pause(0.5)
    local commits = finish()
    support.wait_until(function() -- an epoch may begin after any of these
      pair:add(1)
      return pcall(streams.wait_for_stream, at, pair.log, 1)
    end, "the stream to have all")
    local entries = at:entries("forgelog")
    local before = streams.compare(pair.log, entries, entries[1].epoch, 0)
    local result = streams.compare(pair.log, entries, base(entries))
    support.note("synchronous failover: %d commits, %d entries, epochs %d; in the last one lost %d,"
      .. " twice %d", commits, #entries, #streams.epochs(entries), result.lost, result.twice)
    assert.is_true(commits > 100, "too few commits: " .. commits)
    assert.is_true(result.written > 0 and streams.right(result))
    assert.equal(0, before.strange + before.twice + before.disordered)
  end

  it("keeps its promise where a synchronous standby takes over under load", function()
    fail_over(false)
  end)

  it("keeps it where it is itself killed in that moment", function()
    fail_over(true)
  end)

  it("begins an epoch where the standby lacks what is in the stream", function()
    pair:cut()
    pair:add(100)
    streams.wait_for_stream(at, pair.log)
    local before = core.now()
    pair:switch("kill")
    support.wait_until(function()
      return #streams.epochs(at:entries("forgelog")) == 2
    end, "an epoch")
    local took = core.now() - before
    pair:add(50)
    streams.wait_for_stream(at, pair.log)
    local entries = at:entries("forgelog")
    local epoch, from = base(entries)
    local result = streams.compare(pair.log, entries, epoch, from)
    support.note("lossy failover: the next epoch after %.1f s; %d changes in it, lost %d, twice %d",
      took, result.written, result.lost, result.twice)
    assert.matches("reason\nfailover", at:run("XRANGE forgelog " .. epoch .. "-0 + COUNT 1"))
    assert.equal(50, result.written)
    assert.is_true(streams.right(result))
    assert.is_true(entries[#entries].seq < 150, "the seqs did not go back")
  end)
end)
