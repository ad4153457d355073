--- What a failover may have undone of reading tables from end to end. How far that is stands in the
-- database that the rows are read from, so it goes back with them. But what the handler was given
-- and has looked up may be lost, too: rows that never were, to the new server. Such a table begins
-- anew, and the handler is told so. Work that commits together with that goes back as well.
-- @module forgelog.consumer.filling.undone
local core = require "forgelog.core"
local entries = require "forgelog.consumer.filling.entries"
local names = require "forgelog.tables.names"
local opening = require "forgelog.consumer.states.opening"
local seqs = require "forgelog.seqs"

local undone = {}

-- The timeline of the server; raises what fails.
local function timeline_of(conn)
  local ok, err = conn:locate()
  if ok then ok, err = conn:seqs() end
  if not ok then error(err, 0) end
  return conn:fact("timeline")
end

--- Rows of a table are handed out: from now on the work may have seen what this server alone has.
-- @param self the consumer
-- @tparam table entry of `forgelog.consumer.filling.entries`
function undone.begun(self, entry)
  if self._options.transaction then return end
  local checkpoint = self._checkpoint
  self._read = self._read or {}
  self._read[entry.table_name] = { timeline = self._read_on, resumed = checkpoint:resumed(),
    least = checkpoint:claim_ends() }
end

--- That is done, and saved. What the server says of its WAL says nothing of work that was done on
-- another one.
-- @param self the consumer
-- @tparam table entry as it was given to `begun`
function undone.saved(self, entry)
  local read, conn = self._read and self._read[entry.table_name], opening.own(self)
  if not read then return end
  local same = read.resumed == self._checkpoint:resumed() or read.timeline == timeline_of(conn)
  if not same then return end
  read.least = self._checkpoint:claim_ends()
  read.saved = true
  read.lsn = seqs.written(conn)
end

-- What the renewals of the lease tell of it: true, if the server has one of later; false, if it
-- lacks one of before; nil: nothing.
local function by_lease(self, read)
  local kept = self._checkpoint:kept()
  if kept and kept < read.least then return false end
  return kept and read.saved and kept > read.least or nil
end

-- Whether the server has all that the work can have seen: true; false; or nil and an error. Without
-- renewals that tell it, that is so if its history parts from the one before behind that.
local function is_here(self, conn, read)
  local here = by_lease(self, read)
  if here ~= nil then return here end
  local _, base = core.parse_position(opening.place(self))
  local position = core.position_text(read.timeline, base)
  if read.lsn and read.timeline > 0 then position = position .. "@" .. read.lsn end
  local reason, err = seqs.compare(conn, position)
  if reason == nil then return nil, type(err) == "table" and err or core.error("query", err) end
  return reason ~= "failover" and reason ~= "reset"
end

-- Has a table begin anew. Until that is handed out, it is to do so on each further server.
local function begin_anew(self, conn, name, logged, read)
  read.lsn, read.saved = nil, nil
  local oid, err = names.table(conn, "consumer", logged)
  if not oid and err.code ~= "no_table" then return nil, err end
  local done, why = entries.enter(conn, name, { oid or logged }, true)
  if done and not oid then self._read[logged] = nil end
  return done, why
end

--- On each connection: has tables begin anew of which that is not so.
-- @param self the consumer
-- @param conn the connection by which tables are read
-- @string name of the consumer's row
-- @return true; or nil and an error
function undone.attend(self, conn, name)
  if self._options.transaction then return true end
  local known, timeline = pcall(timeline_of, conn)
  if not known then return nil, timeline end
  for logged, read in pairs(self._read or {}) do
    local here, err = is_here(self, conn, read)
    if here == false then here, err = begin_anew(self, conn, name, logged, read)
    elseif here then read.timeline = timeline end
    if not here then return nil, err end
  end
  self._read_on = timeline
  self._checkpoint:attended()
  return true
end

return undone
