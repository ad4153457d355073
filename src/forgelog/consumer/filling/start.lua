--- Where the tables come from that a running consumer reads from end to end, beside what is asked
-- from outside: a resync, and changes of the live feed that say that a table is to be read anew.
-- @module forgelog.consumer.filling.start
local calls = require "forgelog.consumer.calls"
local each = require "forgelog.consumer.each"
local entries = require "forgelog.consumer.filling.entries"
local inspect = require "forgelog.tables.inspect"
local names = require "forgelog.tables.names"
local opening = require "forgelog.consumer.states.opening"
local order = require "forgelog.consumer.order"
local tracked = require "forgelog.tables.tracked"
local uncompiled = require "forgelog.connection.uncompiled"

local start = {}

local function must(value, err)
  if value == nil then error(err, 0) end
  return value
end

-- Adds the oid of the table that a name means now, where there is one, and of those that it has
-- meant since the consumer runs: these are followed on under whatever name they have.
local function add(list, conn, name, earlier)
  local oid, err = names.table(conn, "consumer", name)
  if not oid and err.code ~= "no_table" then error(err, 0) end
  list[#list + 1] = oid
  for _, oid_before in ipairs(earlier) do
    if oid_before ~= oid then list[#list + 1] = oid_before end
  end
end

-- Each table that the consumer follows: its oid; or its name, where none of it is known. At a gap
-- also its channels, of which there is nothing to be read: the handler is told of them.
local function followed(self, conn, gap)
  local options, list = self._options, {}
  for _, name in ipairs(options.tables or {}) do
    local before = #list
    add(list, conn, name, tracked.meant_by(self._names, name))
    if #list == before then list[#list + 1] = name end
  end
  for _, name in ipairs(gap and options.channels or {}) do list[#list + 1] = name end
  if options.tables or options.channels then return list end
  local seen = {}
  for _, row in ipairs(must(uncompiled(conn):run("tables.triggers", nil))) do
    if row.trigger ~= inspect.PARTITION_TRIGGER and not seen[row.oid] then
      seen[row.oid], list[#list + 1] = true, row.oid
    end
  end
  return list
end

--- The work of a resync: all tables are read from their beginning. At a gap rows may have vanished
-- without a change, so that the handler is told of each table first.
-- @param self the consumer
-- @string reason "start", or that of the gap
function start.all(self, reason)
  local conn = opening.own(self)
  local may, why = entries.may(conn)
  if not may then error(why, 0) end
  local gap = reason ~= "start"
  local tables = followed(self, conn, gap)
  if tables[1] then
    must(entries.enter(conn, opening.row_name(self), tables, gap))
  end
  self._attended = nil
end

--- Hands changes to the handler. Tables of which one is a change of the whole table are read anew
-- from then on, where the option `resync` says so. What fails is raised.
-- @param self the consumer
-- @tparam table changes
function start.hand_out(self, changes)
  calls.user(self, each.work, self, changes, opening.hand(self))
  if self._options.resync and self._log then
    local left = self._left and #self._left.changes or 0
    start.reload(self, opening.own(self), changes, #changes - left)
  end
end

--- Begins what changes ask for that were handled. What fails is raised. A partition that was
-- truncated is logged as the watched table above it, which may have other rows: also that is to be
-- read anew.
-- @param self the consumer, with the option `resync`
-- @param conn the connection
-- @tparam table changes
-- @int count how many of them were handled
function start.reload(self, conn, changes, count)
  local tables = {}
  for i = 1, count do
    local change = changes[i]
    if order.is_whole(change) then
      add(tables, conn, change.table_name, tracked.called(self._names, change.table_name))
    end
  end
  if not tables[1] then return end
  must(entries.enter(conn, opening.row_name(self), tables, false))
  self._attended = nil
end

return start
