--- Connecting: one address after another, each within its own time, until a server takes the
-- connection. It can be left unfinished, and gone on with later. A private part of
-- forgelog.connection.
-- @module forgelog.connection.connect
local core = require "forgelog.core"
local hosts = require "forgelog.connection.hosts"
local pump = require "forgelog.connection.pump"
local units = require "forgelog.units"

-- One connecting. Fields: `state` of the connection, `hook`, `deadline` of it all (nil: none),
-- `each` (the option connect_timeout in seconds, nil: none), `visits` (hosts in the order in which
-- they are tried, with what each must be) and `at` (the present one), `addresses` of that host and
-- `number` of the present one, `left` (attempts that may still follow, the present one among them),
-- `doing` (what goes on with the present attempt), `seconds` and `ends` (how long it may take, and
-- so until when), `failures` (messages), `last` (error).
local Connecting = {}
Connecting.__index = Connecting

local function now(self) return self.state.waiter.now() end

-- Begins the time of an attempt: connect_timeout, but no more than its share of all the time there
-- is, or a silent host would keep the others from being tried.
local function begin_time(self)
  local share = self.deadline and math.max(self.deadline - now(self), 0) / self.left
  self.began, self.seconds = now(self), math.min(share or math.huge, self.each or math.huge)
  self.ends = self.began + self.seconds
end

local function failed(self, err)
  self.failures[#self.failures + 1] = err.message
  self.last = err
end

local function too_late(self, what)
  return core.error("timeout", ("%s within %s"):format(what, units.limit(self.seconds)))
end

-- Whether nothing more can be tried: the time is over, or the connection's owner has closed it.
local function is_over(self)
  local late = self.deadline and #self.failures > 0 and now(self) >= self.deadline
  return self.state.life.closed or late
end

-- Whether a server has refused what another one would refuse too. libpq tries the next host only
-- where a server cannot be reached, says that it takes no connections now, or is not of the kind
-- that is wanted.
local function is_final(err) return err.sqlstate ~= nil and err.sqlstate ~= "57P03" end

-- What goes on with an attempt, each a function that returns "done", "failed" (all have failed),
-- "next" (another one goes on), or "wait", a descriptor and what to wait for on it.
local try_host, look_up, try_address, shake_hands

function try_host(self)
  self.at = self.at + 1
  local visit = self.visits[self.at]
  if not visit or is_over(self) then return "failed" end
  local host = visit.host
  if not hosts.is_name(host) then host.addresses = { host.hostaddr } end
  self.addresses, self.number = host.addresses, 0
  if not host.addresses then
    begin_time(self)
    self.job = core.lookup(host.host)
  end
  self.left = self.left - 1 + (host.addresses and #host.addresses or 1)
  self.doing = host.addresses and try_address or look_up
  return "next"
end

local function end_lookup(self, host, found, err)
  pump.close_job(self.state, self.job)
  self.job = nil
  self.left = self.left - 1 + (found and #found or 0)
  if not found then failed(self, err) end
  host.addresses, self.addresses, self.doing = found, found, found and try_address or try_host
  return "next"
end

function look_up(self)
  local host, job = self.visits[self.at].host, self.job
  if not job then
    return end_lookup(self, host, nil, core.error("connect", "no thread could be had to look up "
      .. host.host))
  elseif job:done() then
    local found, why = job:addresses()
    local message = ("could not look up the host %s: %s"):format(host.host, tostring(why))
    return end_lookup(self, host, found, not found and core.error("connect", message))
  elseif now(self) >= self.ends then
    return end_lookup(self, host, nil, too_late(self, "the host " .. host.host .. " was not found"))
  end
  return "wait", job:pollfd(), "r"
end

function try_address(self)
  self.number = self.number + 1
  local address, visit = self.addresses[self.number], self.visits[self.at]
  if not address or is_over(self) then
    self.doing = try_host
    return "next"
  end
  begin_time(self)
  local host = visit.host
  self.begun = self.state.handle:connect(host.host, address, host.port, visit.wanted or nil)
  if self.begun then self.hook() end
  self.doing = shake_hands
  return "next"
end

local function end_address(self, err)
  failed(self, err)
  if is_final(err) then return "failed" end
  self.left = self.left - 1
  self.doing = try_address
  return "next"
end

function shake_hands(self)
  local handle = self.state.handle
  local step = self.begun and handle:step() or "failed"
  if step == "done" then
    self.state.connecting_took = now(self) - self.began
    return "done"
  elseif step == "failed" then
    return end_address(self, handle:error())
  elseif now(self) >= self.ends then
    pump.disconnect(self.state)
    return end_address(self, too_late(self, "no answer from "
      .. hosts.name(self.visits[self.at].host)))
  end
  return "wait", handle:pollfd(), handle:events()
end

-- The time in which nobody stepped does not count: an answer may have come in it.
local function make_up_for_pause(self)
  local pause = self.left_at and now(self) - self.left_at or 0
  self.left_at = nil
  self.deadline = self.deadline and self.deadline + pause
  if self.ends then self.began, self.ends = self.began + pause, self.ends + pause end
end

-- Goes on until it has ended, or until a time: then it is nil and an error, code "unfinished".
local function go_on(self, stop_at)
  make_up_for_pause(self)
  local waiter = self.state.waiter
  while true do
    local outcome, fd, events = self.doing(self)
    if outcome == "done" then return true end
    if outcome == "failed" then
      local message = table.concat(self.failures, "; ")
      return nil, core.error(self.last.kind, message, self.last.sqlstate)
    elseif outcome == "wait" then
      local left = math.min(self.ends, stop_at or math.huge) - now(self)
      if stop_at and left <= 0 and now(self) < self.ends then
        self.left_at = now(self)
        return nil, pump.unfinished()
      end
      waiter.wait(fd, events, left < math.huge and math.max(left, 0) or nil)
      if self.state.life.closed then return nil end
    end
  end
end

-- libpq has an error of its own for hosts, addresses and ports that do not fit each other.
local function mismatch(handle)
  if not handle:connect() then return handle:error() end
  handle:disconnect()
  return core.error("connect", "the lists of hosts, addresses and ports do not fit each other")
end

local function new(state, seconds, hook)
  local handle = state.handle
  if not handle:configure() then return nil, handle:error() end
  local list, passes = hosts.list(handle), hosts.passes(handle:option("target_session_attrs"))
  local connect_timeout = tonumber(handle:option("connect_timeout"))
  if #list == 0 then return nil, mismatch(handle) end
  local visits = {}
  for _, wanted in ipairs(passes) do
    for _, host in ipairs(list) do visits[#visits + 1] = { host = host, wanted = wanted } end
  end
  return setmetatable({
    state = state,
    hook = hook,
    deadline = seconds and state.waiter.now() + seconds,
    each = connect_timeout and connect_timeout > 0 and connect_timeout or nil,
    visits = visits,
    at = 0,
    left = #visits,
    doing = try_host,
    failures = {},
  }, Connecting)
end

local connect = {}

--- Connects the handle of a state, or goes on with that.
-- @param state of the connection: see forgelog.connection.pump
-- @param limits `seconds`: longest time for it all (nil: none, and connect_timeout for each
-- address); `stop_at`: time until which to try now (nil: the end)
-- @func hook called at each attempt, once libpq has begun it
-- @return true; or nil and an error, of the attempt that failed last, whose message has those of
-- the others too; its code is "unfinished" where it can be gone on with
function connect.run(state, limits, hook)
  local err
  if not state.connecting then
    pump.disconnect(state)
    state.connecting, err = new(state, limits.seconds, hook)
    if not state.connecting then return nil, err end
  end
  local ok
  ok, err = pump.own(state, go_on, state.connecting, limits.stop_at)
  if ok or err.code ~= "unfinished" then connect.drop(state) end
  return ok, err
end

--- Forgets what is unfinished.
function connect.drop(state)
  local connecting = state.connecting
  state.connecting = nil
  if connecting and connecting.job then pump.close_job(state, connecting.job) end
end

return connect
