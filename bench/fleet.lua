-- How many followers one database carries: none, 1, 16, 100 and 400 of them, while nothing happens,
-- beside a commit now and then (5/s), and beside 1,000 commits a second. What the server works,
-- what the followers' programs work, how long a change takes from its commit to the handler, and
-- what the writers notice; and the same of the relay to a Redis stream, with one reader of that.
-- The followers share few processes, each with an event loop. fsync is off, so that no disk is
-- measured.
local bench = require "bench.support"
local feeds = require "support.feeds"
local redis = require "support.redis"
local support = require "support"

local FLEETS = { 0, 1, 16, 100, 400 }
local PROCESSES, EACH = 4, 25 -- at most so many; with at least so many followers each
local CLIENTS = 8
local SAMPLES = 20000 -- of one measurement, all followers together
local SECONDS = bench.scale(7)

-- Followers in one process. Each notes when it was handed some of the changes, others each of them.
-- From its signal on it writes down nothing any more, prints what it has, and ends.
local FOLLOWERS = [[
local conninfo, first, count, go, stop = ...
local core, forgelog, uv = require "forgelog.core", require "forgelog", require "luv"
local ready, over, noted, share = 0, false, {}, nil
local function follow(number)
  local log = assert(forgelog.connect(conninfo, { wait = "luv", schema = "public" }))
  local feed = log:follow(assert(log:position()))
  feed:next(0.01)
  ready = ready + 1
  if ready == tonumber(count) then print("ready") io.flush() end
  while not over do
    local changes, err = feed:batch(1000, 1)
    if not changes and err.kind ~= "timeout" then error(tostring(err)) end
    local now = core.now()
    for _, change in ipairs(changes or {}) do
      if share and (change.seq + number) % share == 0 then
        noted[#noted + 1] = ("%d %.6f"):format(change.seq, now)
      end
    end
  end
  feed:close()
  log:close()
end
for number = first, first + count - 1 do coroutine.wrap(follow)(number) end
local timer = uv.new_timer()
timer:start(50, 50, function()
  local file = not share and io.open(go)
  if file then share = tonumber(file:read("*a")) file:close() end
  over = io.open(stop) ~= nil
  if over then timer:close() end
end)
uv.run()
print(table.concat(noted, "\n"))
]]

local server = support.server { "max_connections=500", "track_commit_timestamp=on" }
local data = server.dir .. "/data"

-- A reader of the stream, which notes each change.
local READER = [[
local port, go, stop = arg[1], arg[2], arg[3]
local core, redis = require "forgelog.core", require "redis"
redis.commands.xread = redis.command("XREAD")
local client, last, noted = redis.connect("127.0.0.1", tonumber(port)), "0-0", {}
print("ready") io.flush()
while not io.open(stop) do
  local answer = client:xread("BLOCK", 100, "STREAMS", "forgelog", last)
  local now, noting = core.now(), io.open(go)
  if noting then noting:close() end
  for _, entry in ipairs(answer and answer[1][2] or {}) do
    last = entry[1]
    if noting then noted[#noted + 1] = ("%s %.6f"):format(last:match("%-(%d+)"), now) end
  end
end
print(table.concat(noted, "\n"))
]]

local fleet = {}
fleet.__index = fleet

local function new()
  return setmetatable({ go = support.path("go"), stop = support.path("stop"), processes = {},
    others = {} }, fleet)
end

-- Waits until all have printed that they are there.
local function ready(self)
  for _, process in ipairs(self.processes) do
    support.wait_until(function()
      return process:output():find("ready")
        or not support.alive(process) and error(process:errors(), 0)
    end, "the followers", 60)
  end
  return self
end

-- So many followers.
local function follow(conninfo, count)
  local self, first = new(), 1
  local processes = math.min(PROCESSES, math.ceil(count / EACH))
  for i = 1, processes do
    local part = math.ceil((count - first + 1) / (processes - i + 1))
    self.processes[i] = bench.lua(FOLLOWERS, conninfo, tostring(first), tostring(part), self.go,
      self.stop)
    first = first + part
  end
  return ready(self)
end

-- The relay, Redis, and a reader.
local function relay(conninfo)
  local self, path = new(), support.path("reader")
  local at = redis.start()
  self.others = { at.process, at:relay(conninfo) }
  support.write(path, READER)
  support.wait_until(function() return #at:entries("forgelog") > 0 end, "the relay")
  self.processes[1] = redis.program(path, tostring(at.port), self.go, self.stop)
  return ready(self)
end

-- Seconds of processor time that all its programs have used.
function fleet:used()
  local total = 0
  for _, list in ipairs { self.processes, self.others } do
    for _, process in ipairs(list) do
      total = total + bench.process_time(process.pid)
      for child in select(2, bench.run("pgrep -P " .. process.pid)):gmatch("%d+") do
        total = total + bench.process_time(child)
      end
    end
  end
  return total
end

-- Ends it; returns a list of { seq, time }.
function fleet:finish()
  support.write(self.stop, "")
  local noted = {}
  for _, process in ipairs(self.processes) do
    local ok, output, errors = process:wait()
    assert(ok, errors)
    for seq, time in output:gmatch("(%d+) (%d+%.%d+)") do
      noted[#noted + 1] = { tonumber(seq), tonumber(time) }
    end
  end
  for _, process in ipairs(self.others) do process:kill("KILL"); process:wait() end
  os.remove(self.go); os.remove(self.stop)
  return noted
end

-- Milliseconds from each noted change's commit to its handler.
local function latencies(writer, noted, offset)
  local committed, list = {}, {}
  for _, row in ipairs(assert(writer:query("SELECT seq,"
    .. " extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at"
    .. " FROM forge_change_log"))) do
    committed[row.seq] = row.at
  end
  for _, each in ipairs(noted) do
    if committed[each[1]] then
      list[#list + 1] = (each[2] + offset - committed[each[1]]) * 1000
    end
  end
  return list
end

-- What happens beside a fleet at a rate of commits a second; 0: nothing.
local function measure(writer, conninfo, self, followers, rate)
  local offset = feeds.clock(writer)
  local wanted = math.max(1, math.floor(rate * SECONDS * followers / SAMPLES))
  support.write(self.go, tostring(wanted))
  bench.sleep(0.5)
  local load = rate > 0 and bench.pgbench { conninfo = conninfo, script = bench.one_account(1),
    clients = rate > 100 and CLIENTS or 1, seconds = SECONDS + 3, args = { "-R", tostring(rate) } }
  bench.sleep(1)
  local at, in_server, in_clients = bench.now(), bench.server_time(data), self:used()
  bench.sleep(SECONDS)
  in_server, in_clients = bench.server_time(data) - in_server, self:used() - in_clients
  at = bench.now() - at
  local report = load and select(2, load:wait()) or ""
  local list = latencies(writer, self:finish(), offset)
  assert(writer:query("TRUNCATE forge_change_log"))
  local figures = { server = in_server / at, clients = in_clients / at,
    tps = tonumber(report:match("tps = ([%d.]+)")),
    writer = tonumber(report:match("latency average = ([%d.]+)")) }
  assert(rate == 0 or followers == 0 or #list > 0, "no change came")
  if #list > 0 then
    figures.p50, figures.p99 = feeds.percentile(list, 0.5), feeds.percentile(list, 0.99)
  end
  return figures
end

local function show(what, figures)
  local text = ("server %5.1f %%   programs %5.1f %%"):format(figures.server * 100,
    figures.clients * 100)
  if figures.tps then
    text = text .. ("   writers %5.0f/s, %6.2f ms"):format(figures.tps, figures.writer)
  end
  if figures.p50 then
    text = text .. ("   to the handler p50 %7.2f ms, p99 %7.2f ms"):format(figures.p50, figures.p99)
  end
  bench.line(what, "%s", text)
end

local conninfo = support.database(server.conninfo)
bench.accounts(conninfo, 1)
local writer = bench.connect(conninfo)
assert(writer:watch("pgbench_accounts"))
for _, rate in ipairs { 0, 5, 1000 } do
  bench.title(rate == 0 and "followers of one database, idle: of one core, a connection each"
    or "the same beside %s commits a second", bench.count(rate))
  for _, count in ipairs(FLEETS) do
    show(count .. " followers", measure(writer, conninfo, follow(conninfo, count), count, rate))
  end
  show("the relay, Redis, a reader", measure(writer, conninfo, relay(conninfo), 1, rate))
end
writer:close()
server:stop()
