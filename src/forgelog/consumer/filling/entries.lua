--- The tables that a running consumer reads from end to end, as forge_change_log_backfills has
-- them, for the lane that this program is. Each step forward is saved over the one before only, so
-- that of two who know of the same place one is told.
-- @module forgelog.consumer.filling.entries
local arrays = require "forgelog.connection.arrays"
local core = require "forgelog.core"
local hidden = require "forgelog.connection.hidden"

local TABLE = "forge_change_log_backfills"

local entries = {}

--- The error where there is no place for them.
-- @bool there whether the log has the table
-- @return an error, code "no_backfills"
function entries.refused(there)
  if not there then
    return core.error("schema", "this log has no table " .. TABLE, nil,
      { code = "no_backfills", remedy = "install" })
  end
  local message = "this role may not write %s; it takes SELECT, INSERT, UPDATE and DELETE"
  return core.error("query", message:format(TABLE), "42501", { code = "no_backfills" })
end

--- Whether there is a place for them, which this role may write.
-- @param conn the connection
-- @return a boolean; or nil and an error. Where it is false, also why
function entries.may(conn)
  local found, err = conn:run("backfills.may")
  if not found then return nil, err end
  if not found[1].may then return false, entries.refused(found[1].there) end
  local ok
  ok, err = hidden(conn, TABLE, "rwd")
  return ok, err
end

--- Those of a consumer, in the order in which they were asked for.
-- @param conn the connection
-- @string consumer the name of its row
-- @return a list of `table_name`, `relation` (oid; nil: not known), `reload` (it is to be told
-- first), `after` (list of texts: the key to go on behind), `key` (what that is, see
-- `forgelog.rows`), `rows` (read so far), `paused`, `asked_at`, `estimate`; or nil and an error
function entries.list(conn, consumer)
  local list, err = conn:run("backfills.list", consumer)
  if not list then return nil, err end
  for _, entry in ipairs(list) do
    entry.consumer, entry.after = consumer, arrays.read(entry.after)
  end
  return list
end

--- Where an entry is, as text.
-- @param entry of `list`
-- @treturn string
function entries.place(entry)
  return ("%s %d %s"):format(tostring(entry.reload), entry.rows, arrays.write(entry.after) or "")
end

--- Has a consumer read tables from their beginning.
-- @param conn the connection, in a transaction or not
-- @string consumer the name of its row
-- @tparam table tables list of their oids, or of names where there is no oid
-- @bool reload whether it is to be told first that what it has of them may be stale
-- @return true; or nil and an error
function entries.enter(conn, consumer, tables, reload)
  local oids, names = {}, {}
  for i, one in ipairs(tables) do
    oids[i] = type(one) == "number" and ("%.0f"):format(one)
    names[i] = type(one) == "string" and one
  end
  local done, err = conn:run("backfills.enter", consumer, arrays.write(oids), arrays.write(names),
    reload)
  if not done then return nil, err end
  return true
end

--- Saves that a consumer has handled what lies between where an entry is and another place.
-- @param conn the connection, in a transaction or not
-- @param entry of `list`
-- @tparam table to where it is then: `after`, `key`, `count` (rows that were read), `relation`,
-- `over` (whether that was the end)
-- @return true; false where the entry is not any more as it was; or nil and an error
function entries.save(conn, entry, to)
  local own = { entry.consumer, entry.table_name, entry.asked_at, arrays.write(entry.after),
    entry.reload }
  local saved, err
  if to.over then
    saved, err = conn:run("backfills.done", own[1], own[2], own[3], own[4], own[5])
  else
    saved, err = conn:run("backfills.save", own[1], own[2], own[3], own[4], own[5],
      arrays.write(to.after), to.key, to.count, to.relation)
  end
  if not saved then return nil, err end
  return saved[1] ~= nil
end

return entries
