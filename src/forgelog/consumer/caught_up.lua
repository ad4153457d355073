--- Waiting until a consumer has had all that was committed before: for tests, and for scripts that
-- deploy. It looks at the positions that the consumer saves, so it may run in any program.
-- @module forgelog.consumer.caught_up
local backfill = require "forgelog.consumer.backfill"
local backoff = require "forgelog.connection.backoff"
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local group = require "forgelog.consumer.group"
local hidden = require "forgelog.connection.hidden"
local lease = require "forgelog.consumer.lease"
local row_names = require "forgelog.consumer.rows"
local seqs = require "forgelog.seqs"
local standing = require "forgelog.consumer.standing"
local status = require "forgelog.status"
local units = require "forgelog.units"

local PAUSES = { 0.005, 0.1 } -- seconds between two looks: at first, at most

-- The rows that a consumer has: its own, or one for each lane, without a position where that lane
-- has saved none; or nil and an error. How many lanes there are its own row says; where that is
-- missing, the names of the lanes.
local function all_rows(conn, name, found)
  local by_name, count, of = {}, found[1] and found[1].lanes or 1, nil
  for _, row in ipairs(found) do
    local consumer, _, lanes_there = row_names.split(row.name)
    if consumer == name or row.name == name then by_name[row.name] = row end
    if consumer == name then of = lanes_there or of end
  end
  if not next(by_name) then return nil, group.unknown(conn, name) end
  if count == 1 and by_name[name] then return { by_name[name] } end
  if count == 1 then count = of end
  local list = {}
  for lane = 1, count do
    local lane_name = row_names.of_lane(name, lane, count)
    list[lane] = by_name[lane_name] or { name = lane_name }
  end
  return list
end

-- Adds to rows which table each has to read still, as `reading`. It is asked after the positions:
-- what they are past has been asked for by then.
local function add_reading(conn, name, rows)
  local there, err = backfill.there(conn)
  if not there then return there == false or nil, err end
  local found
  found, err = conn:run("backfills.reading", name)
  if not found then return nil, err end
  local tables = {}
  for _, one in ipairs(found) do
    tables[one.consumer] = tables[one.consumer] or one.table_name
  end
  for _, row in ipairs(rows) do row.reading = tables[row.name] end
  return true
end

-- The rows, and a text that differs once one of them has moved or a trim has taken place.
local function look(conn, name)
  local found, err = conn:run("consumer.standing", name)
  if not found then return nil, err end
  local rows, ok
  rows, err = all_rows(conn, name, found)
  if rows then ok, err = add_reading(conn, name, rows) end
  if not ok then return nil, err end
  local words = { found[1].trimmed_to or "" }
  for _, row in ipairs(rows) do
    words[#words + 1] = ("%s %s %s %s %s"):format(row.name, row.position or "", row.reading or "",
      tostring(lease.is_free(row)), tostring(row.running))
  end
  return rows, table.concat(words, "\n")
end

local function gap(row, reason, upto)
  local message = ("consumer %s must resync: %s"):format(row.name, reason)
  return core.error("gap", message, nil, { code = reason, reason = reason, upto = upto })
end

local function no_position(row)
  local message = ("what consumer %s has saved is no position"):format(row.name)
  return core.error("schema", message, nil, { code = "no_position" })
end

-- The rows that have not had all up to a seq; or nil and an error. What was deleted is looked at
-- last: a trim in between must not make it seem that all was delivered.
local function find_behind(conn, rows, upto)
  for _, row in ipairs(rows) do
    local awaits, err = true, nil
    if row.position then
      if not core.parse_position(row.position) then return nil, no_position(row) end
      awaits, err = status.awaits(conn, row, upto)
    end
    if err then return nil, err end
    row.behind = awaits or row.reading ~= nil
  end
  local ok, err = conn:seqs()
  if not ok then return nil, err end
  local behind = {}
  for _, row in ipairs(rows) do
    local reason, gone_to = false, nil
    if row.position then reason, gone_to = standing.gap(conn, row) end
    if reason == nil then return nil, gone_to end
    if reason then return nil, gap(row, reason, gone_to) end
    row.unknown = gone_to == "unknown"
    if row.behind or row.unknown then behind[#behind + 1] = row end
  end
  return behind
end

-- What a row lacks, in words.
local function lacks(row, changes)
  local words = {}
  if not row.position then
    words[1] = "has saved no position"
  elseif changes == 0 and row.unknown then
    words[1] = "has saved nothing since a failover"
  elseif changes > 0 or not row.reading then
    words[1] = ("is behind by %s%s"):format(changes > status.COUNTED_LAG and "more than " or "",
      units.many(math.min(changes, status.COUNTED_LAG), "change"))
  end
  if row.reading then words[#words + 1] = "is reading " .. row.reading end
  return row.name .. " " .. table.concat(words, " and ")
end

-- The error of a wait that is over: who is behind, by how many changes, and what it is reading.
local function late(conn, name, behind, upto)
  local list, words = {}, {}
  for i, row in ipairs(behind) do
    local changes, err
    if row.position then changes, err = status.behind(conn, row, upto) end
    if err then return err end
    list[i] = { name = row.name, changes = changes, reading = row.reading }
    words[i] = lacks(row, changes)
  end
  local message = ("consumer %s has not caught up in time: %s"):format(name,
    table.concat(words, ", "))
  return core.error("timeout", message, nil, { code = "behind", behind = list })
end

-- The largest seq that can be seen now; where nobody could tell that all was delivered, nil and an
-- error.
local function begin(conn)
  if conn:in_transaction() then
    return nil, core.error("query", "nobody else sees what was written in an open transaction; "
      .. "commit it first", nil, { code = "in_transaction" })
  end
  local largest, err = seqs.largest(conn)
  if err then return nil, err end
  if not conn:fact("has_state") then
    return nil, core.error("schema", "there is no table forge_change_log_consumers", nil,
      { code = "no_consumers", remedy = "install" })
  end
  local ok
  ok, err = hidden(conn, "forge_change_log", "r")
  if ok then ok, err = hidden(conn, "forge_change_log_consumers", "r") end
  if not ok then return nil, err end
  return largest or 0
end

--- Waits until a consumer of the table store has had all that was committed before: see
-- `Log:caught_up`.
-- @param conn the connection
-- @string name of the consumer
-- @number[opt] timeout seconds; nil: as long as it takes
-- @return as of `Log:caught_up`
local function caught_up(conn, name, timeout)
  check.argument("caught_up", "name", name, "string")
  if timeout ~= nil then check.argument("caught_up", "timeout", timeout, "seconds") end
  local deadline = timeout and conn:now() + timeout
  local upto, err = begin(conn)
  if not upto then return nil, err end
  local pause, behind, seen = backoff.doubling(PAUSES[1], PAUSES[2]), nil, nil
  while true do
    local rows, moved = look(conn, name)
    if not rows then return nil, moved end
    if moved ~= seen then
      behind, err = find_behind(conn, rows, upto)
      if not behind then return nil, err end
      if not behind[1] then return true end
      seen = moved
    end
    local left = deadline and deadline - conn:now()
    if left and left <= 0 then return nil, late(conn, name, behind, upto) end
    conn:sleep(left and math.min(pause(), left) or pause())
  end
end

return { caught_up = caught_up }
