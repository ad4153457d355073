-- Connecting to machines that do not answer: whoever waits keeps to its time, and the event loop
-- goes on. On loopback a connection is made or refused at once, so this runs on a network of its
-- own.
local logs = require "support.logs"
local nginx = require "support.nginx"
local process = require "support.process"
local support = require "support"

local NETWORK = os.getenv("FORGELOG_ROOT") .. "/spec/support/network"
local DROPS, ABSENT, REFUSES = "10.77.0.2", "10.77.0.3", "10.77.0.4"

if not support.run(NETWORK .. " true") then
  describe("connecting across a network", function()
    pending("needs user and network namespaces, which this user may not make here")
  end)
  return
end

-- A program that connects in one of the loops, and tells how that ended, how long it took, and for
-- how long at most the loop stood still meanwhile.
local CONNECTS = [[
local wait, conninfo, timeout = ...
local core, forgelog = require "forgelog.core", require "forgelog"
local started, longest, done = core.now(), 0, false

local function connect()
  local log, err = forgelog.connect(conninfo, { wait = wait, timeout = tonumber(timeout) })
  done = core.now() - started
  local ended = log and "connected" or err.kind
  if log then assert(log:query("SELECT 1")) end
  print(ended, ("%.3f"):format(done))
end

local function tick(pause)
  local last = core.now()
  while not done do
    pause()
    local now = core.now()
    longest, last = math.max(longest, now - last), now
  end
end

local loops = { poll = connect }
function loops.cqueues()
  local cqueues = require "cqueues"
  local loop = cqueues.new()
  loop:wrap(connect)
  loop:wrap(function() tick(function() cqueues.sleep(0.01) end) end)
  assert(loop:loop())
end
function loops.luv()
  local uv = require "luv"
  coroutine.wrap(connect)()
  coroutine.wrap(function()
    local me = coroutine.running()
    tick(function()
      local timer = uv.new_timer()
      timer:start(10, 0, function() timer:close(); assert(coroutine.resume(me)) end)
      coroutine.yield()
    end)
  end)()
  uv.run()
end
loops[wait]()
print(("%.3f"):format(longest))
]]

-- Runs a shell command on that network, for 15 seconds at most; returns what `support.run` does,
-- and the seconds.
local function on_network(command)
  local started = logs.now()
  local ok, output, errors, status = support.run(("timeout -k 1 15 %s %s"):format(NETWORK, command))
  return ok, output, errors, status, logs.now() - started
end

-- Seconds by which a time limit may be missed.
local SLACK = 0.1

-- `most`: seconds that it should take at most, where that matters.
local function connects(wait, conninfo, timeout, most)
  local words = { os.getenv("FORGELOG_LUA"), process.quote(process.file(CONNECTS)), wait,
    process.quote(conninfo), timeout }
  local seconds, ended, longest = logs.soon(most or math.huge, function()
    local ok, output, errors = on_network(table.concat(words, " "))
    assert(ok, "no end within 15 seconds, or: " .. errors)
    local how, took, still = output:match("(%a+)\t([%d.]+)\n([%d.]+)")
    return tonumber(took), how, still
  end)
  support.note("%s, %s: %s after %s s, the loop stood still for %s s", wait,
    conninfo:match("host=(%S+)"), ended, seconds,
    longest)
  assert.is_true(tonumber(longest) < logs.at_most(0.1), "the loop stood still for " .. longest)
  return ended, seconds
end

for _, wait in ipairs({ "poll", "cqueues", "luv" }) do
  describe("connecting by " .. wait, function()
    local socket = os.getenv("PGHOST")
    local others = (" port=%s user=postgres dbname=postgres"):format(os.getenv("PGPORT"))

    it("to a host that drops packets ends at the timeout", function()
      local ended, seconds = connects(wait, "host=" .. DROPS .. others, 1, 1 + SLACK)
      assert.equal("timeout", ended)
      assert.is_true(seconds >= 1 and seconds < logs.at_most(1 + SLACK), seconds)
    end)

    it("to a host that drops packets ends at connect_timeout", function()
      local ended, seconds = connects(wait, "connect_timeout=2 host=" .. DROPS .. others, "none",
        2 + SLACK)
      assert.equal("timeout", ended)
      assert.is_true(seconds >= 2 and seconds < logs.at_most(2 + SLACK), seconds)
    end)

    it("by a name that nobody looks up ends at the timeout", function()
      local ended, seconds = connects(wait, "host=db.example" .. others, 1, 1 + SLACK)
      assert.equal("timeout", ended)
      assert.is_true(seconds >= 1 and seconds < logs.at_most(1 + SLACK), seconds)
    end)

    it("goes on to the next host where nobody looks up the first, or it drops packets", function()
      local list = ("host=db.example,%s,%s connect_timeout=1"):format(DROPS, socket) .. others
      local ended, seconds = connects(wait, list, 10, 2 + SLACK)
      assert.equal("connected", ended)
      assert.is_true(seconds >= 2 and seconds < logs.at_most(2 + SLACK), seconds)
    end)

    it("goes on to the next host where the first does not exist", function()
      local ended, seconds = connects(wait, ("host=%s,%s"):format(ABSENT, socket) .. others, 10)
      assert.equal("connected", ended)
      assert.is_true(seconds > 0.5, "the first host was not tried")
    end)

    it("goes on to the next host where the first refuses after a while", function()
      local ended, seconds = connects(wait, ("host=%s,%s"):format(REFUSES, socket) .. others, 10)
      assert.equal("connected", ended)
      assert.is_true(seconds > 0.5, "the first host was not tried")
    end)
  end)
end

describe("the command", function()
  it("that connects to a host that is not there ends at a signal, and at its --timeout", function()
    local command = require "support.command"
    for _, host in ipairs({ DROPS, "db.example" }) do
      local _, _, errors, status, seconds = on_network("timeout --preserve-status -s INT 1 "
        .. command.line("host=" .. host, "drain"))
      assert.equal(130, status, errors)
      assert.is_true(seconds < logs.at_most(2), seconds)
      _, _, errors, status, seconds = on_network(command.line("host=" .. host,
        "drain --timeout 1s"))
      assert.equal(1, status, errors)
      assert.is_true(seconds > 1 and seconds < logs.at_most(2), seconds)
    end
  end)
end)

if os.getenv("FORGELOG_LUA_VERSION") ~= "jit" then return end

describe("an nginx worker", function()
  local server
  after_each(function() server:stop() end)

  -- What a timer of the worker connects to, with a limit of 2 seconds.
  local function answers_while_connecting_to(host)
    server = nginx.start({ network = true, http = [[
      server {
        listen unix:$socket;
        location /up { return 200; }
        location /begin { content_by_lua_block {
          ngx.timer.at(0, function()
            local log, err = require("forgelog").connect("host=]] .. host .. [[ dbname=x user=x",
              { timeout = 2 })
            ended = log and "connected" or err.kind
          end)
        } }
        location /ended { content_by_lua_block { ngx.say(ended) } }
      }]] })
    assert(server:get("/begin"))
    local longest, answers, deadline = 0, 0, logs.now() + 2.2
    while logs.now() < deadline do
      local started = logs.now()
      assert.truthy(server:get("/up", 5), "no answer")
      longest, answers = math.max(longest, logs.now() - started), answers + 1
    end
    support.note("%s: %d answers, the slowest after %.3f s", host, answers, longest)
    assert.equal("timeout\n", server:get("/ended"))
    assert.is_true(answers > 10 and longest < logs.at_most(0.5), longest)
  end

  it("answers while it connects to a host that drops packets", function()
    answers_while_connecting_to(DROPS)
  end)

  it("answers while it connects by a name that nobody looks up", function()
    answers_while_connecting_to("db.example")
  end)
end)
