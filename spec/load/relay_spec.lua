-- The relay to a Redis stream under load, while it, Redis, its connections, PostgreSQL and the
-- readers of the stream are killed: each committed change stands there once and in order, and each
-- was handled. What a simpler relay does is seen as well.
local logs = require "support.logs"
local redis = require "support.redis"
local streams = require "support.streams"
local support = require "support"

local must = logs.must

describe("the relay, where everything is killed at random,", function()
  local server, at, db, log
  setup(function()
    server = support.server()
    at = redis.start("--save '' --appendonly yes --appendfsync always")
    db, log = logs.installed(server.conninfo)
  end)
  teardown(function()
    log:close()
    at:stop()
    server:stop()
  end)

  -- Programs that are started anew when they are killed; what all of their lives have printed.
  local function immortal(begin)
    local self = { text = "", process = begin() }
    function self.kill()
      self.process:kill("KILL")
      local _, output = self.process:wait()
      self.text = self.text .. output
    end
    function self.again()
      self.kill()
      self.process = begin()
    end
    function self.output() return self.text .. self.process:output() end
    return self
  end

  -- The IDs that readers have printed, and how many of the entries are not among them.
  local function unhandled(readers, entries)
    local seen, times, missing = {}, 0, 0
    for _, reader in ipairs(readers) do
      for id in reader.output():gmatch("(%d+%-%d+)\t[^\n]*\n") do
        seen[id], times = true, times + 1
      end
    end
    for _, entry in ipairs(entries) do
      if entry.op ~= "RESYNC" and not seen[entry.id] then missing = missing + 1 end
    end
    return missing, times
  end

  it("has each committed change once and in order, and readers handle all", function()
    local relay = immortal(function() return at:relay(db) end)
    local readers = {}
    for i = 1, 2 do
      readers[i] = immortal(function() return at:reader("group", tostring(i), "forgelog", "2") end)
    end
    streams.wait_for_start(at)
    local harms = {
      relay = relay.again,
      reader = function() readers[math.random(2)].again() end,
      connection = function()
        must(log, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ="
          .. " current_database() AND pid <> pg_backend_pid()")
      end,
      redis = function() at:kill(); at:restart() end,
      postgres = function()
        log:close()
        server[math.random(2) == 1 and "kill" or "stop"](server)
        server:start()
        log = logs.connect(db)
      end,
    }
    local order = { "relay", "redis", "reader", "connection", "relay", "postgres", "reader",
      "redis", "relay", "connection" }
    math.randomseed(13)
    local finish, done = streams.start_writers(db, 5), {}
    for _ = 1, support.scale(1) do
      for _, harm in ipairs(order) do
        logs.pause(0.2 + math.random() * 0.6)
        harms[harm]()
        done[harm] = (done[harm] or 0) + 1
      end
    end
    local commits = finish()
    streams.wait_for_stream(at, log)
    local entries, missing, times = at:entries("forgelog"), nil, nil
    support.wait_until(function()
      missing, times = unhandled(readers, entries)
      return missing == 0
    end, "the readers")
    for _, each in ipairs { relay, readers[1], readers[2] } do each.kill() end
    local result = streams.compare(log, entries, entries[1].epoch, 0)
    support.note("killed: relay %d, Redis %d, reader %d, connections %d, PostgreSQL %d; %d commits,"
      .. " %d changes; in the stream lost %d, twice %d, out of order %d; handled %d times, not "
      .. "handled %d; epochs %d", done.relay, done.redis, done.reader, done.connection,
      done.postgres, commits, result.written, result.lost, result.twice, result.disordered, times,
      missing, #streams.epochs(entries))
    assert.is_true(commits > 200, "too few commits: " .. commits)
    assert.is_true(streams.right(result))
    assert.equal(1, #streams.epochs(entries))
    assert.equal(0, missing)
  end)
end)

-- Relays as one would write them first: what is visible is written, the position is kept in a key.
-- "star": Redis gives the IDs. "seq": the seq is the ID, and what Redis refuses is there already.
local NAIVE = [[
local kind, conninfo, url = arg[1], arg[2], arg[3]
local forgelog, redis = require "forgelog", require "redis"
local client = redis.connect(require("socket.url").parse(url))
redis.commands.xadd = redis.command("XADD")
client.xadd = redis.commands.xadd
local log = assert(forgelog.connect(conninfo))
local feed = log:follow(client:get("position") or "1:0", { settled = kind == "star" })
for change in feed do
  if kind == "star" then
    client:xadd("forgelog", "*", "op", change.op, "seq", ("%d"):format(change.seq))
  else
    pcall(client.xadd, client, "forgelog", ("1-%d"):format(change.seq), "op", change.op)
  end
  client:set("position", feed:position())
end
]]

describe("a simpler relay", function()
  local at, db, log
  before_each(function()
    at = redis.start()
    db, log = logs.installed()
  end)
  after_each(function()
    log:close()
    at:stop()
    support.drop(db)
  end)

  local relay
  local function start(kind)
    local path = support.path("naive")
    support.write(path, NAIVE)
    relay = redis.program(path, kind, db, at.url)
  end
  local function kill()
    relay:kill("KILL")
    relay:wait()
  end

  it("loses, where it does not wait until changes are settled", function()
    start("seq")
    local finish = streams.start_writers(db, 5)
    logs.pause(1)
    finish()
    logs.pause(0.5)
    kill()
    local result = streams.compare(log, at:entries("forgelog"), "1", 0)
    support.note("above the horizon: %d changes, lost %d", result.written, result.lost)
    assert.is_true(result.lost > 0)
  end)

  it("writes twice, where Redis gives the IDs", function()
    local function length() return tonumber(at:run("XLEN forgelog")) end
    local kills, twice = 0
    repeat
      logs.fill(log, 5000)
      local before = length()
      start("star")
      support.wait_until(function() return length() > before end, "the relay to write")
      kill()
      local seen = {}
      twice, kills = 0, kills + 1
      for seq in at:run("XRANGE forgelog - +"):gmatch("seq\n(%d+)") do
        if seen[seq] then twice = twice + 1 end
        seen[seq] = true
      end
    until twice > 0 or kills == 20
    support.note("without seqs as IDs: %d kills, %d entries, twice %d", kills, length(), twice)
    assert.is_true(twice > 0)
  end)
end)
