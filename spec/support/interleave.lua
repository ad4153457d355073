--- Every order in which the statements of followers and writers can meet, tried one after another on the real server.
-- A follower is a real feed in a coroutine. It stops before each statement that it sends and whenever it waits, and
-- goes on when it is told to; its clock stands still. A state that was seen before is not gone on from again.
-- @module support.interleave

local core = require "forgelog.core"
local load = require "support.load"

local must = load.must

local follower = {}
follower.__index = follower

-- The feed's core, with a gate before every statement.
local function gated(self, real)
  local proxy = {}
  local function gate(method)
    proxy[method] = function(_, name, ...)
      if self.gated then coroutine.yield(method == "begin" and name or method) end
      return real[method](real, name, ...)
    end
  end
  gate "begin"
  gate "read"
  function proxy.notified()
    local heard = self.heard
    self.heard = false
    return real:notified() or heard
  end
  return setmetatable(proxy, { __index = function(_, name)
    return function(_, ...) return real[name](real, ...) end
  end })
end

local function new_follower(db)
  local self = setmetatable({ clock = 0 }, follower)
  local waiter = { now = function() return self.clock end }
  function waiter.wait(fd, events, seconds)
    if not self.gated or fd and self.real:state() ~= "idle" then return core.poll(fd, events, seconds or 10) end
    coroutine.yield(fd and "asleep" or "pause")
  end
  self.log = load.connect(db, { wait = waiter })
  self.real = self.log._core
  self.log._core = gated(self, self.real)
  return self
end

-- Leaves no trace of the feed before: to another follower it would be one that died.
function follower:forget()
  self.gated, self.heard, self.closed, self.delivered = false, false, false, 0
  self.log._feed, self.log._running = nil, false
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
  local feed, known = self.feed, self.real:known()
  return table.concat({ feed._state, self.at, tostring(feed._bell), tostring(feed._armed), tostring(feed._rising),
    tostring(self.heard), self.delivered, known.top - base, known.handed - base, known.writers }, " ")
end

local world = {}
world.__index = world

function world:reset()
  self.step, self.polls = {}, self.opts.polls or 0
  for i, writer in ipairs(self.writers) do
    must(writer, "ROLLBACK")
    self.step[i] = 0
  end
  self.base = must(self.monitor, "SELECT max(seq) AS n FROM forge_change_log")[1].n
  for _, each in ipairs(self.followers) do each:forget() end
  for i, each in ipairs(self.followers) do each:begin((self.opts.start or {})[i]) end
end

local RINGS = { rise = true, unbell = true } -- statements of a follower that notify others

function world:apply(action)
  local kind, i = action:match("^(%a+)(%d)$")
  i = tonumber(i)
  local rings = kind ~= "go" or RINGS[self.followers[i].at]
  if kind == "writer" then
    self.step[i] = self.step[i] + 1
    must(self.writers[i], self.opts.writers[i][self.step[i]])
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
    if each.at == "asleep" and not each.closed and self.polls > 0 then list[#list + 1] = "poll" .. i end
    if i == 1 and self.opts.closes and not each.closed and (each.at == "asleep" or each.at == "pause") then
      list[#list + 1] = "close" .. i
    end
  end
  return list
end

-- All that decides what can happen from here on; whether everything rests; how many changes are committed.
function world:look()
  local row = must(self.monitor, [[SELECT (SELECT count(*) FROM forge_change_log WHERE seq > $1) AS committed,
    (SELECT string_agg(mode || ' ' || pid, ',' ORDER BY mode, pid) FROM pg_locks WHERE locktype = 'advisory') AS bell]],
    self.base)[1]
  local parts, rests = { row.bell or "", table.concat(self.step, ","), self.polls, row.committed }, true
  for i, each in ipairs(self.followers) do
    parts[#parts + 1] = each:key(self.base)
    rests = rests and each:waits()
    self.stranded = (i > 1 and self.stranded) or not each.closed and each.delivered < row.committed
  end
  for i, writer in ipairs(self.opts.writers) do rests = rests and self.step[i] == #writer end
  return table.concat(parts, "|"), rests
end

local function visit(self, found, path)
  local key, rests = self:look()
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
-- @param opts followers (number), start (list: what each is about to do at first, "asleep" or "bell"; without it it has not
-- begun), writers (lists of statements), polls (how often a sleeping follower may be woken by its clock), closes (the first
-- follower may leave)
-- @return counts: states, steps, orders; rested (states in which everybody rests), woken, stranded, an example
return function(db, opts)
  local self = setmetatable({ opts = opts, followers = {}, writers = {}, monitor = load.connect(db) }, world)
  for i = 1, opts.followers do self.followers[i] = new_follower(db) end
  for i = 1, #opts.writers do self.writers[i] = load.connect(db) end
  must(self.monitor, "INSERT INTO forge_change_log (table_name, op, created_at) VALUES ('x', 'INSERT', now())")
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
