--- Every order in which the statements of followers and writers can meet, tried one after another
-- on the real server. A follower is a real feed in a coroutine: it stops before each statement that
-- it sends and whenever it waits, and goes on when it is told to; its clock stands still. From a
-- state that was seen before, nothing is tried a second time.
-- @module support.interleave

local connection = require "forgelog.connection"
local core = require "forgelog.core"
local logs = require "support.logs"
local sql = require "forgelog.connection.sql"

local must = logs.must

local follower = {}
follower.__index = follower

-- What a follower is about to do before each of its statements: the core's own operations by their
-- names, and these files of SQL by theirs.
local LABELS = {}
for _, name in ipairs({ "arm", "disarm", "listen", "unlisten" }) do
  LABELS[sql.statement("feed." .. name, "")] = name == "disarm" and "give back" or name
end

-- Stops the follower where it is, until it is told to go on, or to end.
function follower:stop_at(place)
  if not self.gated then return end
  coroutine.yield(place)
  if self.ending then error("the follower ends here", 0) end
end

-- A handle of the core with a gate before every statement.
local function gated(self, real)
  local proxy = {}
  function proxy.begin(_, operation)
    self:stop_at(operation)
    return real:begin(operation)
  end
  function proxy.query(_, text, ...)
    self:stop_at(LABELS[text] or "query")
    return real:query(text, ...)
  end
  function proxy.notified()
    local heard = self.heard
    self.heard = false
    return real:notified() or heard
  end
  function proxy.reader(_, ...)
    local reader = real:reader(...)
    return setmetatable({
      fetch = function(_, most)
        self:stop_at("read")
        return reader:fetch(most)
      end,
    }, { __index = function(_, name)
      return function(_, ...) return reader[name](reader, ...) end
    end })
  end
  return setmetatable(proxy, { __index = function(_, name)
    return function(_, ...) return real[name](real, ...) end
  end })
end

local function new_follower(db)
  local self = setmetatable({ clock = 0 }, follower)
  local waiter = { now = function() return self.clock end }
  function waiter.wait(fd, events, seconds)
    if not self.gated or fd and self.real:state() ~= "idle" then
      return core.poll(fd, events, seconds or 10)
    end
    self:stop_at(fd and "asleep" or "pause")
  end
  local new_handle = connection.new_handle
  function connection.new_handle(...)
    self.real = new_handle(...)
    return gated(self, self.real)
  end
  self.log = logs.connect(db, { wait = waiter })
  connection.new_handle = new_handle
  return self
end

-- Leaves no trace of the last feed, which to another follower would look like a feed that died.
function follower:forget()
  self.ending = true
  if self.routine and coroutine.status(self.routine) == "suspended" then
    coroutine.resume(self.routine)
  end
  self.ending, self.gated, self.heard, self.closed, self.delivered = false, false, false, false, 0
  self.log.connection:end_following()
  must(self.log, "UNLISTEN *; SELECT pg_advisory_unlock_all()")
  self.real:notified()
end

-- Begins as a feed that has seen everything so far.
function follower:begin(start)
  self.feed = self.log:follow(assert(self.log:position()), { poll = 1 })
  self.routine = coroutine.create(function()
    while true do
      local changes, err = self.feed:batch(100)
      self.delivered = self.delivered + #(changes or error(tostring(err), 0))
    end
  end)
  self.gated = true
  self:go()
  while start and self.at ~= start do self:go() end
end

function follower:go()
  local ok, at = coroutine.resume(self.routine)
  if not ok then error(at, 0) end
  self.at = at
end

function follower:poll()
  self.clock = self.clock + 1000
  self:go()
end

function follower:close()
  self.gated, self.closed = false, true
  self.feed:close()
end

-- A statement of no effect brings in what notifications there are.
function follower:listen()
  self.gated = false
  must(self.log, "")
  self.gated = true
  self.heard = self.real:notified() or self.heard
end

function follower:waits() return self.closed or self.at == "asleep" and not self.heard end

function follower:key(base)
  if self.closed then return "closed" end
  local stats, conn = self.feed:stats(), self.log.connection
  return table.concat({ stats.state, self.at, stats.bell, tostring(self.heard), self.delivered,
    conn:fact("high_water") - base, stats.behind, conn:fact("writers") }, " ")
end

local world = {}
world.__index = world

-- Has all WAL on disk, as far as it is written. Whether it is decides what the next tick knows, and
-- the server's WAL writer would see to that sooner or later: the same steps might end differently.
function world:flush()
  must(self.monitor, "SELECT pg_logical_emit_message(true, 'forgelog', '')")
end

function world:reset()
  self.step, self.polls = {}, self.opts.polls or 0
  for i, writer in ipairs(self.writers) do
    must(writer, "ROLLBACK")
    self.step[i] = 0
  end
  self.base = must(self.monitor, "SELECT max(seq) AS n FROM forge_change_log")[1].n
  self:flush()
  for _, each in ipairs(self.followers) do each:forget() end
  for i, each in ipairs(self.followers) do each:begin((self.opts.start or {})[i]) end
end

local RINGS = { ["give back"] = true } -- statements of a follower that notify others

function world:apply(action)
  local kind, i = action:match("^(%a+)(%d)$")
  i = tonumber(i)
  local rings = kind ~= "go" or RINGS[self.followers[i].at]
  if kind == "writer" then
    self.step[i] = self.step[i] + 1
    must(self.writers[i], self.opts.writers[i][self.step[i]])
    self:flush()
  elseif kind == "poll" then
    self.polls = self.polls - 1
    self.followers[i]:poll()
  else
    self.followers[i][kind](self.followers[i])
  end
  for _, each in ipairs(self.followers) do
    if rings and not each.closed then each:listen() end
  end
end

function world:replay(path)
  self:reset()
  for _, action in ipairs(path) do self:apply(action) end
end

-- What can happen next.
function world:enabled()
  local list = {}
  for i, writer in ipairs(self.opts.writers) do
    if self.step[i] < #writer then list[#list + 1] = "writer" .. i end
  end
  for i, each in ipairs(self.followers) do
    if not each:waits() then list[#list + 1] = "go" .. i end
    local sleeps = each.at == "asleep" and not each.closed
    local waits = sleeps or each.at == "pause" and not each.closed
    if sleeps and self.polls > 0 then list[#list + 1] = "poll" .. i end
    if waits and i == 1 and self.opts.closes then list[#list + 1] = "close" .. i end
  end
  return list
end

-- All that decides what can happen from here on, as text, and whether everything rests.
function world:observe()
  local row = must(self.monitor, [[
    SELECT (SELECT count(*) FROM forge_change_log WHERE seq > $1) AS committed,
           (SELECT string_agg(mode || ' ' || pid, ',' ORDER BY mode, pid)
              FROM pg_locks WHERE locktype = 'advisory') AS bell]], self.base)[1]
  local steps = table.concat(self.step, ",")
  local parts, rests = { row.bell or "", steps, self.polls, row.committed }, true
  for i, each in ipairs(self.followers) do
    parts[#parts + 1] = each:key(self.base)
    rests = rests and each:waits()
    self.stranded = (i > 1 and self.stranded) or not each.closed and each.delivered < row.committed
  end
  for i, writer in ipairs(self.opts.writers) do rests = rests and self.step[i] == #writer end
  return table.concat(parts, "|"), rests
end

local function visit(self, found, path)
  local key, rests = self:observe()
  if found.next[key] then return key end
  found.next[key], found.states = {}, found.states + 1
  if rests then
    found.rested = found.rested + 1
    if self.stranded then
      found.stranded = found.stranded + 1
      found.example = found.example or "stranded after " .. table.concat(path, " ")
    end
  end
  for i, action in ipairs(self:enabled()) do
    if i > 1 then self:replay(path) end
    local number = tonumber(action:match("^go(%d)$"))
    if number and self.followers[number].at == "asleep" then found.woken = found.woken + 1 end
    self:apply(action)
    found.steps = found.steps + 1
    path[#path + 1] = action
    table.insert(found.next[key], (visit(self, found, path)))
    path[#path] = nil
  end
  return key
end

-- How many ways lead from a state to rest, without going in circles.
local function orders(found, key)
  if found.ways[key] then return found.ways[key] end
  found.ways[key] = 0
  local ways = 0
  for _, following in ipairs(found.next[key]) do ways = ways + orders(found, following) end
  found.ways[key] = math.max(ways, 1)
  return found.ways[key]
end

--- Tries every order.
-- @param db a database with our log and at least one change
-- @param opts `followers` (number), `start` (a list of what each follower is about to do at first,
-- "asleep" or "arm"; a follower without an entry has not begun), `writers` (lists of statements),
-- `polls` (how often a sleeping follower may be woken by its clock), `closes` (the first follower
-- may leave)
-- @return counts: `states`, `steps` between them, `orders` (text), `rested` (states in which
-- everybody rests), `woken` (by a notification), `stranded` (states of rest in which a follower has
-- not seen a committed change), and an `example` of how one was stranded
return function(db, opts)
  local self = setmetatable({ opts = opts, followers = {}, writers = {} }, world)
  self.monitor = logs.connect(db)
  for i = 1, opts.followers do self.followers[i] = new_follower(db) end
  for i = 1, #opts.writers do self.writers[i] = logs.connect(db) end
  logs.fill(self.monitor, 1)
  local found = { states = 0, steps = 0, rested = 0, stranded = 0, woken = 0, next = {}, ways = {} }
  self:reset()
  found.orders = ("%.3g"):format(orders(found, visit(self, found, {})))
  for _, each in ipairs(self.followers) do
    each.gated = false
    each.log:close()
  end
  for _, writer in ipairs(self.writers) do writer:close() end
  self.monitor:close()
  return found
end
