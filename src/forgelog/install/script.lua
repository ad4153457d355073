--- Scripts that change the database side of forgelog: one install runs at a time and one watch of a
-- table, none keeps anybody waiting for long, and where a right is missing, the error says which
-- role can do it.
-- @module forgelog.install.script
local backoff = require "forgelog.connection.backoff"
local core = require "forgelog.core"
local sql = require "forgelog.connection.sql"
local uncompiled = require "forgelog.connection.uncompiled"
local units = require "forgelog.units"

local MISSING_RIGHT, LOCK_NOT_AVAILABLE, DEADLOCK = "42501", "55P03", "40P01" -- SQLSTATEs
local LOCK_TIMEOUT = 1 -- seconds, by default
local TRIES = 10 -- it goes on trying for so many times as long
local PAUSES = { 0.2, 2 } -- seconds between two tries: at first, at most

local script = {}

-- "by process 12 (psql of app, idle in transaction for 3 s)" for each of them.
local function in_words(holders)
  local list = {}
  for i, row in ipairs(holders) do
    local who = row.pid and ("process %d"):format(row.pid) or "a prepared transaction"
    local about = {}
    for _, text in ipairs({ row.application, row.usename, row.state }) do
      if text ~= "" then about[#about + 1] = text end
    end
    if row.seconds then about[#about + 1] = "for " .. units.duration(row.seconds) end
    list[i] = about[1] and ("%s (%s)"):format(who, table.concat(about, ", ")) or who
  end
  return table.concat(list, ", ")
end

-- The error for what could not be locked in time.
local function locked(conn, what, err)
  local rows = not conn:in_transaction()
    and uncompiled(conn):run("install.holders", what.oid, what.exclusive or false,
      what.alone or false)
  local holders = rows and #rows > 0 and "locked by " .. in_words(rows) or "locked by others"
  local message = ("%s is %s; nothing was changed, try again when that has ended")
    :format(what.name, holders)
  return core.error("schema", message, err.sqlstate, { code = "locked", retryable = true })
end

-- The statements and what surrounds them.
local function surround(text, what, seconds)
  local limit = ("%dms"):format(math.max(1, math.floor(seconds * 1000)))
  local turn = what.alone and "ddl.turn_of_table" or "ddl.turn_of_all"
  return sql.fill("ddl.serialize", { limit = limit, script = text,
    turn = sql.fill(turn, { relation = ("%.0f"):format(what.oid or 0) }) })
end

--- Runs statements as one transaction, or as a part of the caller's, in which they are tried once.
-- They wait for their locks for a short time only, since whoever comes after them waits too, and
-- are tried again after pauses in which the others go on.
-- @param conn the connection
-- @string text the statements
-- @tparam table what `hint` (what it takes, for an error about a missing right), `name` and `oid`
-- (of the table that it locks), `alone` (it works on that table only, so that others may work on
-- other tables), `exclusive` (it also locks readers out), `lock_timeout` (seconds; default 1)
-- @return true; or nil and an error, code "locked" where somebody else held what it needs for ten
-- times as long
function script.run(conn, text, what)
  local seconds = what.lock_timeout or LOCK_TIMEOUT
  local deadline, pause = conn:now() + TRIES * seconds, backoff.doubling(PAUSES[1], PAUSES[2])
  text = surround(text, what, seconds)
  while true do
    local rows, err = conn:query(text)
    if rows then return true end
    if err.sqlstate == MISSING_RIGHT then
      local message = ("%s; %s"):format(err.message, what.hint)
      return nil, core.error("schema", message, err.sqlstate, { code = "missing_right" })
    end
    if err.sqlstate ~= LOCK_NOT_AVAILABLE and err.sqlstate ~= DEADLOCK then return nil, err end
    local left = deadline - conn:now()
    if left <= 0 or conn:in_transaction() then return nil, locked(conn, what, err) end
    conn:sleep(math.min(pause(), left))
  end
end

return script
