--- The claim on a consumer's name, so that one consumer of a name runs at a time. It is a lease,
-- where the log has a place for it; elsewhere it is a lock, which belongs to the session and ends
-- with it.
-- @module forgelog.consumer.claim
local group = require "forgelog.consumer.group"
local lease = require "forgelog.consumer.lease"

local claim = {}

local Claim = {}
Claim.__index = Claim

-- Seconds without an answer after which a connection, and with it the claim, may be gone.
local RESTED = 1

-- Tries to take it. true, and whether a pooler stands before the server; false, while another
-- session has it; or nil and an error. Behind a pooler other clients use that session too, so it is
-- not ours to end.
local function try(self, conn)
  local rows, err = conn:run("consumer.claim", self._name)
  if not rows then return nil, err end
  local row = rows[1]
  if not row.got then return false end
  local pooled = row.pid ~= conn:fact("backend")
  self._session = not pooled and row.started and { pid = row.pid, started = row.started } or nil
  return true, pooled
end

-- A server does not notice that a network has dropped a connection, so the session of an earlier
-- one may hold the claim for hours. It is ours to end: it has the process id and the start of the
-- session in which this claim was taken last. Returns whether the claim is free by now.
local function end_own(self, conn, holder)
  local own = self._session
  if not own or holder.pid ~= own.pid or holder.started ~= own.started then return false end
  local rows = conn:run("consumer.end_session", own.pid, own.started)
  return rows and rows[1] and rows[1].ended or false
end

-- Gives the lock back where another has a lease on the name; `pooled` is returned otherwise.
local function leave_to_lease(self, conn, pooled)
  if not self._may_see then return true, pooled end
  local rows, err = conn:run("lease.holder", self._name)
  if not rows then return nil, err end
  local holder = rows[1]
  if not (holder and holder.holder and holder.seconds > 0) then return true, pooled end
  self:release(conn)
  return nil, lease.taken(self._name, holder)
end

--- Takes it. Where an earlier session of this very claim still has it, that one is ended.
-- @param conn the connection
-- @return true, and whether a pooler stands before the server, where the claim may outlive this
-- session; or nil and an error, SQLSTATE 55P03 and code "name_taken" while another session has it
function Claim:take(conn)
  local got, result = try(self, conn)
  if got == nil then return nil, result end
  if got then return leave_to_lease(self, conn, result) end
  local rows, err = conn:run("consumer.holder", self._name)
  if not rows then return nil, err end
  if rows[1] and end_own(self, conn, rows[1]) then
    got, result = try(self, conn)
    if got == nil then return nil, result end
    if got then return leave_to_lease(self, conn, result) end
  end
  return nil, lease.taken(self._name, rows[1])
end

--- Gives it back before the session ends.
-- @param conn the connection
function Claim:release(conn) conn:run("consumer.release", self._name) end

--- Has a connection that rested show that it stands, and so does the lock, before work is begun:
-- many a firewall or server ends one that rests.
-- @param conn the connection, with a time limit: many a network drops one without a word
-- @bool[opt] in_any_case also where it has not rested
-- @return true; or nil and an error
function Claim:prove(conn, in_any_case) -- luacheck: ignore 212 (self)
  if not in_any_case and conn:rested() <= RESTED then return true end
  local rows, err = conn:run("consumer.alive")
  if not rows then return nil, err end
  return true
end

-- The rest of what a lease does.
function Claim:look() return true end -- luacheck: ignore 212 (self)
function Claim:note_work() end -- luacheck: ignore 212 (self)
function Claim:asked() return 0 end -- luacheck: ignore 212 (self)
function Claim:paused() return false end -- luacheck: ignore 212 (self)
function Claim:was_free() return false end -- luacheck: ignore 212 (self)
function Claim:ends() return 0 end -- luacheck: ignore 212 (self)

-- What a consumer has that claims nothing: it only proves that its connection stands.
local none = setmetatable({}, { __index = Claim })
function none:take() return true end -- luacheck: ignore 212 (self)
function none:release() end -- luacheck: ignore 212 (self)

--- Makes the claim that can be had; it is not taken yet. It remembers how it was taken last, so
-- keep it across connections.
-- @param conn the connection; the log must have been located
-- @string[opt] name of the consumer; nil: it has none, and claims nothing
-- @tparam table options `lease` (seconds that it lasts; default 15), `listen` (false: no session's
-- lock can be had)
-- @tparam ?table lane of the consumer: see `forgelog.consumer.lanes`
-- @return the claim; or nil and an error, code "no_leases" where a lane has to have one
function claim.new(conn, name, options, lane)
  if not name then return none end
  local rows, err = conn:run("lease.may")
  if not rows then return nil, err end
  if rows[1].may then
    local own = lease.new(lane and lane.name or name, options.lease, rows[1].may_remove)
    if lane then own:of(name, lane.count) end
    return own
  end
  if lane then return nil, group.no_leases(rows[1]) end
  if options.listen == false then return none end
  return setmetatable({ _name = name, _may_see = rows[1].may_see, _session = nil }, Claim)
end

--- Removes the position that a consumer has saved in the table store, unless it runs. It then
-- starts over, and no longer holds up a trim. (`consumer.forget`)
-- @param conn the connection
-- @string name of the consumer
-- @return the position (false: there was none); or nil and an error, SQLSTATE 55P03 while it runs
function claim.forget(conn, name)
  local own
  local ok, err = conn:locate()
  if ok then own, err = claim.new(conn, name, {}) end
  if not own then return nil, err end
  if own.renew then return group.forget(conn, name) end
  ok, err = own:take(conn)
  if not ok then return nil, group.running(name, err) end
  local rows
  rows, err = conn:run("consumer.forget", name)
  own:release(conn)
  if not rows then return nil, err end
  return rows[1] and rows[1].position or false
end

return claim
