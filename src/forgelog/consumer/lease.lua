--- The lease on a consumer's name: a row of the table of consumers says who works for the name, and
-- until when, by the server's clock. It belongs to no session, so it holds behind a pooler too. Its
-- epoch, which grows each time that it is taken, keeps a program from saving that has slept through
-- its lease.
-- @module forgelog.consumer.lease
local core = require "forgelog.core"
local units = require "forgelog.units"

local lease = {}

local Lease = {}
Lease.__index = Lease

local SECONDS = 15
-- Seconds after which a consumer asks whether the lease is still its own, and what it was asked.
local LOOK = 1
-- A lease lasts as many times as long as the longest work that was done under it.
local LONGER = 3
local READ_ONLY = "25006" -- SQLSTATE

-- `now` is when the server was asked: this program may have slept before it saw the answer.
local function note(self, row, now)
  self._seen_at, self._asked, self._paused = now, row.asked, row.paused
  self._ends = math.max(self._ends, row.ends or 0)
end

local function lost(self)
  self._epoch = nil
  local message = ("consumer %s is another program's by now: its lease was over"):format(self._name)
  return core.error("query", message, nil, { code = "superseded", retryable = true })
end

--- The error of a name that another one has.
-- @string name of the consumer
-- @param holder `pid`, `application_name`, `started`, `seconds`, as far as they are known; or nil
-- @return an error, SQLSTATE 55P03, code "name_taken"; `who` is the end of its message, in brackets
function lease.taken(name, holder)
  local about = {}
  if holder and holder.pid then about[1] = ("pid %d"):format(holder.pid) end
  local named = holder and holder.application_name or ""
  if named ~= "" then about[#about + 1] = named end
  if holder and holder.started then
    about[#about + 1] = ("connected since %s UTC"):format(holder.started:sub(1, 19))
  end
  if holder and holder.seconds and not holder.pid then
    about[#about + 1] = ("for %s more"):format(units.duration(math.max(holder.seconds, 0)))
  end
  local who = about[1] and (" (%s)"):format(table.concat(about, ", ")) or ""
  return core.error("query", ("another consumer named %s is running%s"):format(name, who), "55P03",
    { code = "name_taken", pid = holder and holder.pid, who = who })
end

-- Runs a statement about it. What the answer says was so when it was asked for: this program may
-- have slept since, and left the statement unfinished meanwhile. A server that only reads may yet
-- be promoted, so that passes.
local function run(self, conn, ...)
  local sent = self._sent or conn:now()
  local rows, err = conn:run(...)
  self._sent = not rows and err.code == "unfinished" and sent or nil
  if not rows and err.sqlstate == READ_ONLY then err.retryable = true end
  return rows, err, sent
end

-- Tries to take it, also from a holder that is gone. true; false; or nil and an error.
local function try(self, conn, gone)
  local rows, err, sent = run(self, conn, "lease.take", self._name, self._holder, self:seconds(),
    conn:fact("backend"), gone, self._whole, self._lanes)
  if not rows then return nil, err end
  if not rows[1] then return false end
  self._epoch, self._was_free, self._ended = rows[1].epoch, rows[1].free, rows[1].ended
  self._session = rows[1].pid and { pid = rows[1].pid, started = rows[1].started }
  self._ends = 0 -- another server's clock may be behind
  note(self, rows[1], sent)
  self._renewed_at = self._seen_at
  return true
end

-- Ends a session, unless it is this one. A server does not notice that a network has dropped a
-- connection: what its session has locked may stay so for hours.
local function end_session(conn, session)
  local rows, err = conn:run("consumer.end_session", session.pid, session.started)
  if not rows and conn:lost() then return nil, err end
  return rows ~= nil -- it may be another role's
end

-- Whether the time of a holder is over.
local function is_over(holder) return holder and holder.holder and holder.seconds <= 0 end

--- Whether nobody has it, or a holder that has no right to it any more: its time is over, or its
-- program is gone.
-- @param holder `holder` and `seconds`, as of lease/holder.sql; or nil
-- @treturn bool
function lease.is_free(holder)
  if not (holder and holder.holder) or is_over(holder) then return true end
  local process = holder.holder:match("^(.*)/%x+$")
  return process ~= nil and core.lives(process) == false
end

-- Where nobody has it, and it cannot be taken either: the error.
local function not_free(self, conn)
  local name = self._whole or self._name
  local rows, err = conn:run("lanes.count", name)
  if not rows then return err end
  if not (rows[1] and rows[1].lanes ~= (self._lanes or 1) or self._whole and not rows[1]) then
    return lease.taken(self._name)
  end
  rows, err = conn:run("lease.holder", name)
  if not rows then return err end
  if rows[1] then return lease.taken(name, rows[1]) end
  local message = ("consumer %s has another number of lanes by now"):format(name)
  return core.error("query", message, nil, { code = "lanes_changed", retryable = true })
end

--- Takes it: where it is free, where its time is over, where the session that took it has ended,
-- and from a program of this machine that is gone. The session in which it was taken before is
-- ended.
-- @param conn the connection
-- @return true; or nil and an error, SQLSTATE 55P03 and code "name_taken" while another has it, or
-- code "lanes_changed" where the consumer has another number of lanes by now
function Lease:take(conn)
  if self._session then
    local ended, err = end_session(conn, self._session)
    if ended == nil then return nil, err end
  end
  local got, err = try(self, conn)
  if got ~= false then return got, err end
  local rows
  rows, err = conn:run("lease.holder", self._name)
  if not rows then return nil, err end
  local holder = rows[1]
  if lease.is_free(holder) then got, err = try(self, conn, holder and holder.holder) end
  if got == false and is_over(holder) and holder.pid then -- its session keeps the row locked
    got, err = end_session(conn, holder)
    if got then got, err = try(self, conn) end
  end
  if got ~= false then return got, err end
  if not holder then return nil, not_free(self, conn) end
  return nil, lease.taken(self._name, holder)
end

-- Asks about it. true; false where it is another's; or nil and an error.
local function ask(self, conn, statement, ...)
  local rows, err, sent = run(self, conn, statement, self._name, self._epoch, ...)
  if not rows then return nil, err end
  if not rows[1] then return false end
  note(self, rows[1], sent)
  return true
end

-- The same where it writes the row.
local function write(self, conn, statement, ...)
  local done, err = ask(self, conn, statement, self:seconds(), ...)
  if done == false then
    done, err = ask(self, conn, statement .. "_by_name", self:seconds(), ...)
  end
  if done then self._renewed_at = self._seen_at end
  return done, err
end

--- Renews it, so that it lasts its whole time from now on.
-- @param conn the connection
-- @return true; or nil and an error, code "superseded" where another has it
function Lease:renew(conn)
  local done, err = write(self, conn, "lease.renew")
  if done == false then return nil, lost(self) end
  return done, err
end

--- Makes sure of it before work is begun or saved elsewhere, unless that has just been done.
-- @param conn the connection
-- @bool[opt] in_any_case also where it has just been done
-- @return true; or nil and an error, code "superseded" where another has it
function Lease:prove(conn, in_any_case)
  if not self._epoch then return nil, lost(self) end
  local now = conn:now()
  if in_any_case or now - self._renewed_at > self:seconds() / 3 then return self:renew(conn) end
  if now - self._seen_at <= LOOK then return true end
  local ours, err = ask(self, conn, "lease.look")
  if ours == false then return nil, lost(self) end
  return ours, err
end

--- Saves a position, and renews the lease with it.
-- @param conn the connection
-- @string position to save
-- @string[opt] last the one saved before
-- @return true; false where the saved position is another than `last`, or the lease another's; or
-- nil and an error
function Lease:save(conn, position, last)
  return write(self, conn, "lease.save", position, last)
end

--- Gives it back before its time. A row that was made for it and says nothing else is removed.
-- @param conn the connection
function Lease:release(conn)
  local epoch = self._epoch
  self._epoch = nil
  if not epoch then return end
  local removed = self._may_remove and conn:run("lease.remove", self._name, epoch)
  if not (removed and removed[1]) then conn:run("lease.release", self._name, epoch) end
end

--- Makes it that of a lane, which can be had as long as its consumer has that many.
-- @string whole name of the consumer
-- @int count how many lanes it has
function Lease:of(whole, count) self._whole, self._lanes = whole, count end

--- How long work took that was done under it: it lasts longer from now on, so that another program
-- does not take it in the middle of work that is as long.
-- @number seconds of the work
function Lease:note_work(seconds) self._longest = math.max(self._longest, seconds) end

--- Seconds that it is taken and renewed for.
function Lease:seconds() return math.max(self._seconds, LONGER * self._longest) end

--- After a wait without changes: what `prove` does.
-- @param conn the connection
-- @return as of `prove`
function Lease:look(conn) return self:prove(conn) end

--- Whether whoever had it before, if anybody did, had given it back when it was taken last.
function Lease:was_free() return self._was_free end

--- The latest end that the lease was given since it was taken, and the one that it had when it was
-- taken last (nil: it was not ours): after a failover these tell whether what was written before a
-- renewal is on the new server.
-- @treturn number
-- @treturn ?number
function Lease:ends() return self._ends, self._ended end

--- How often something was asked of the consumer from outside.
function Lease:asked() return self._asked end

--- Whether the consumer was paused from outside.
function Lease:paused() return self._paused end

-- Names a holder: this program, so that others on this machine know when it is gone, and what no
-- other holder has.
local function holder()
  local address = tostring({}):match("%x+$") or ""
  local moment = math.floor(core.now() * 1e6)
  return ("%s/%x%x%s"):format(core.process() or "", os.time(), moment, address)
end

--- Makes one that is not taken yet. The same object takes it again at once.
-- @string name of the consumer
-- @number[opt] seconds that it lasts; default 15
-- @bool may_remove whether this role may remove rows of the table of consumers
-- @return the lease
function lease.new(name, seconds, may_remove)
  return setmetatable({
    _name = name, _seconds = seconds or SECONDS, _longest = 0,
    _holder = holder(), _may_remove = may_remove,
    _session = nil, -- in which it was taken last; nil: behind a pooler
    _epoch = nil, -- of the time that it was taken last; nil: it is not ours
    _was_free = false,
    _ends = 0, _ended = nil, -- see `ends`
    _asked = 0, _paused = false,
    _sent = nil, -- when a statement was sent that is left unfinished
    _seen_at = 0, _renewed_at = 0,
  }, Lease)
end

return lease
