--- A consumer with all its lanes, from outside. To change where it is takes that it does not run;
-- to ask something of it does not.
-- @module forgelog.consumer.group
local closest = require "forgelog.tables.closest"
local core = require "forgelog.core"
local hidden = require "forgelog.connection.hidden"
local lease = require "forgelog.consumer.lease"
local primary = require "forgelog.connection.primary"
local row_names = require "forgelog.consumer.rows"
local standing = require "forgelog.consumer.standing"

local MISSING_RIGHT, READ_ONLY = "42501", "25006" -- SQLSTATEs
local MANY = 1000 -- consumers among which a close name is looked for

local group = {}

-- The name of a consumer that is close to one that there is not; nil: none is.
local function near(conn, name)
  local others = {}
  for _, row in ipairs(conn:run("group.names", MANY) or {}) do
    local other = row_names.split(row.name)
    if other ~= name then others[#others + 1] = { name = other } end
  end
  return closest(name, others)
end

--- The error where there is no such consumer, which names the closest one.
-- @param conn the connection
-- @string name of the consumer
-- @string[opt="no_consumer"] code
-- @return an error
function group.unknown(conn, name, code)
  local meant = near(conn, name)
  local message = ("there is no consumer %s here: it has never run, or keeps its position "
    .. "elsewhere"):format(name)
  if meant then message = ("%s; is %s meant?"):format(message, meant) end
  return core.error("schema", message, nil, { code = code or "no_consumer", closest = meant })
end

--- The error where there can be no lease.
-- @param may a row of sql/lease/may.sql
-- @return an error, code "no_leases"; or SQLSTATE 25006 where the session may only read
function group.no_leases(may)
  local fields = { code = "no_leases" }
  if not may.room then
    fields.remedy = "install"
    return core.error("schema", "this log has no place for that", nil, fields)
  elseif may.lacks then
    local message = "this role lacks %s on forge_change_log_consumers; ask its owner: %s"
    return core.error("schema", message:format(may.lacks, may.grant), MISSING_RIGHT, fields)
  elseif may.read_only then
    return core.error("query", "this session may only read", READ_ONLY)
  end
  local message = "row level security keeps rows of forge_change_log_consumers from this role"
  return core.error("schema", message, MISSING_RIGHT, fields)
end

-- Refuses a consumer without a position here: one that it were given would move nothing, where the
-- consumer keeps its own elsewhere. Lanes never do, also those that have saved none yet.
local function placed(name, rows)
  if rows[1].position or rows[1].lanes > 1 then return true end
  local message = "consumer %s has no position here: it has saved none yet, or keeps its position "
    .. "elsewhere"
  return nil, core.error("schema", message:format(name), nil, { code = "no_consumer" })
end

-- Whether a log has room for what is kept of consumers; or nil and an error.
local function find(conn)
  local rows
  local ok, err = conn:locate()
  if ok then rows, err = conn:run("lease.may") end
  if not rows then return nil, err end
  if rows[1].may then return true end
  ok, err = primary(conn, "what is asked of a consumer")
  if ok then ok, err = hidden(conn, "forge_change_log_consumers", "rw") end
  return nil, ok and group.no_leases(rows[1]) or err
end

--- The error of what takes that a consumer does not run.
-- @string name of the consumer
-- @param err what taking its lease, or its lock, has failed with
-- @return an error, SQLSTATE 55P03, code "name_taken" while the consumer runs; or else `err`
function group.running(name, err)
  if err.code ~= "name_taken" then return err end
  local message = "consumer %s is running%s; stop all its programs first; a pause is not enough"
  return core.error("query", message:format(name, err.who), err.sqlstate,
    { code = err.code, pid = err.pid, who = err.who })
end

-- Takes the leases of all rows of a consumer. Whoever has them next takes them for given back, so
-- the positions say what they say now.
local function take(conn, name, rows)
  for _, row in ipairs(rows) do
    local own = lease.new(row.name, nil, false)
    if row.lanes > 1 then own:of(name, row.lanes) end
    local ok, err = own:take(conn)
    if not ok then return nil, group.running(name, err) end
    row.position = row.position and standing.vouched(row.position, own:was_free())
  end
  return true
end

local function change(conn, name, f, ...)
  local rows, err = conn:run("group.rows", name)
  if not rows then return nil, err end
  if not rows[1] then return nil, group.unknown(conn, name) end
  local ok
  ok, err = take(conn, name, rows)
  if not ok then return nil, err end
  return f(conn, name, rows, ...)
end

-- Calls f(conn, name, rows, ...) in a transaction in which the consumer does not run: rows are of
-- group/rows.sql. Returns what it returns (a third value: nothing was changed, so that the leases
-- are as they were); or nil and an error, code "name_taken" while it runs.
local function held(conn, name, f, ...)
  local ok, err = find(conn)
  if not ok then return nil, err end
  if conn:in_transaction() then return change(conn, name, f, ...) end
  ok, err = conn:run("group.begin")
  if not ok then return nil, err end
  local first, second, unchanged = change(conn, name, f, ...)
  local done = first ~= nil and not unchanged
  ok, err = conn:run(done and "consumer.commit" or "consumer.rollback")
  if first ~= nil and not ok then return nil, err end
  return first, second
end

-- The position that all of these rows have behind them; nil where one has none.
local function common(rows)
  local positions = {}
  for i, row in ipairs(rows) do positions[i] = row.position end
  if #positions < #rows then return nil end
  return core.common(positions)
end

-- Removes what else is kept for a consumer, where this role may.
local function clear(conn, name, count)
  local done, err = conn:run("group.may_clear")
  if done and done[1].may then done, err = conn:run("group.clear", name, count) end
  return done, err
end

local function forget(conn, name, rows)
  local done, err = clear(conn, name, rows[1].lanes)
  if done then done, err = conn:run("group.forget", name, rows[1].lanes) end
  if not done then return nil, err end
  local position = common(rows)
  for _, row in ipairs(rows) do position = position or row.position end
  return position or false
end

--- Removes a consumer: see `forgelog.consumer`.
-- @param conn the connection
-- @string name of the consumer
-- @return the position (false: there was none); or nil and an error
function group.forget(conn, name)
  local position, err = held(conn, name, forget)
  if position ~= nil or err.code ~= "no_consumer" then return position, err end
  local done
  done, err = clear(conn, name, 1)
  if not done then return nil, err end
  return false
end

local function rewind(conn, name, rows, position)
  local done, err = placed(name, rows)
  if done then done, err = conn:run("group.rewind", name, position, rows[1].lanes) end
  if not done then return nil, err end
  return true, common(rows)
end

--- Moves a consumer to another position: see `forgelog.consumer`.
-- @param conn the connection
-- @string name of the consumer
-- @string position text
-- @return true and the position that it had (nil: none); or nil and an error
function group.rewind(conn, name, position) return held(conn, name, rewind, position) end

--- Moves a consumer to the beginning of what the log still holds. What is trimmed from then on is a
-- gap to it.
-- @param conn the connection
-- @string name of the consumer
-- @return true and the position that it had (nil: none); or nil and an error
function group.rewind_to_beginning(conn, name)
  local ok, err = conn:locate()
  if ok then ok, err = conn:seqs() end
  if not ok then return nil, err end
  local beginning = core.position_text(conn:fact("timeline"), conn:fact("empty_to"))
  return group.rewind(conn, name, beginning)
end

local function lanes(conn, name, rows, count)
  if rows[1].lanes == count then return count, common(rows), true end
  local position = common(rows)
  local done, err = placed(name, rows)
  if done then done, err = conn:run("lanes.replace", name, count, position) end
  if not done then return nil, err end
  return rows[1].lanes, position
end

--- Gives a consumer another number of lanes: see `forgelog.consumer`.
-- @param conn the connection
-- @string name of the consumer
-- @int[opt] count how many; nil: only tells
-- @return how many it had, and the position from which all go on (nil: they begin anew); or nil and
-- an error
function group.lanes(conn, name, count)
  if count then return held(conn, name, lanes, count) end
  local rows
  local ok, err = find(conn)
  if ok then rows, err = conn:run("lanes.count", name) end
  if not rows then return nil, err end
  if not rows[1] then return nil, group.unknown(conn, name) end
  return rows[1].lanes
end

--- Pauses a consumer, or has it go on: see `forgelog.consumer`.
-- @param conn the connection
-- @string name of the consumer
-- @bool whether it is to pause
-- @return true, and whether it was paused before; or nil and an error
function group.pause(conn, name, whether)
  local rows
  local ok, err = find(conn)
  if ok then rows, err = conn:run("group.pause", name, whether) end
  if not rows then return nil, err end
  if not rows[1] then return nil, group.unknown(conn, name) end
  return true, rows[1].was
end

return group
