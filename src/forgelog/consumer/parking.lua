--- What a consumer does with changes that it cannot handle, and with those of their keys that wait
-- behind them: the table forge_change_log_parked. Nothing of it is kept in memory, so a million
-- parked changes cost a consumer no more than one: it asks which keys of the batch at hand are
-- blocked.
-- @module forgelog.consumer.parking
local arrays = require "forgelog.connection.arrays"
local core = require "forgelog.core"
local hidden = require "forgelog.connection.hidden"
local rows = require "forgelog.consumer.parking.rows"

local parking = {}

--- Parks a change. One of that seq which is parked already stays as it is; a row that a backfill
-- has read again is kept once, as it was read last. It never raises.
-- @param conn the connection, in a transaction or not
-- @string consumer its name, whatever the lane
-- @string key what the change is in order by; any bytes
-- @tparam table change as it was handed out
-- @param[opt] err the last error, a table or a message; nil: it has not been tried, and waits
-- behind another change of its key
-- @int[opt=0] attempts how often it was tried
-- @bool[opt] passes whether later changes of its key do not wait behind it. Otherwise newer ones do
-- that are parked already, as where it has come again and fails for the first time
-- @return true; or nil and an error
function parking.park(conn, consumer, key, change, err, attempts, passes)
  local message, why = rows.message_of(conn, err)
  if why then return nil, why end
  local names = rows.kept_names(change)
  return rows.done(conn, "park", consumer, change.seq, rows.stored_key(key), change.table_name,
    change.op, change.row_id, change.changed_cols, change.created_at, change.txid, change.context,
    change.key_cols, arrays.write(names), rows.array(change.old, names),
    rows.array(change.new, names), arrays.write(change.omitted), err == nil, attempts or 0, message,
    err ~= nil and not passes)
end

--- Whether a consumer has parked changes. While it has none it need not ask for keys.
-- @param conn the connection
-- @string consumer its name
-- @return a boolean; or nil and an error, also where it could not park a change
function parking.any(conn, consumer)
  local found
  local ok, err = hidden(conn, rows.TABLE, "rwd")
  if ok then found, err = rows.run(conn, "any", consumer) end
  if not (ok and found) then return nil, err end
  if found[1].may then return found[1].any end
  local message = "this role may not write %s; it takes INSERT, UPDATE and DELETE"
  return nil, core.error("query", message:format(rows.TABLE), "42501")
end

--- Whether a consumer that is to park nothing has parked changes, which it may have to park others
-- behind. It need not have any right of those who park.
-- @param conn the connection
-- @string consumer its name
-- @return a boolean; or nil and an error, also where there are some and it could not park others
function parking.left(conn, consumer)
  local found, err = rows.run(conn, "may_read")
  if found and not (found[1] and found[1].may_read) then return false end
  if found then found, err = rows.run(conn, "any", consumer) end
  if not found then return nil, err end
  if not found[1].any then return false end
  return parking.any(conn, consumer)
end

--- Those of some keys that are blocked: the consumer has parked changes of them.
-- @param conn the connection
-- @string consumer its name
-- @tparam table keys a list
-- @return by key, the lowest seq of what is parked, for `waits`; or nil and an error
function parking.keys(conn, consumer, keys)
  local stored, blocked = {}, {}
  for i, key in ipairs(keys) do stored[i] = rows.stored_key(key) end
  local found, err = rows.run(conn, "keys", consumer, arrays.write(stored))
  if not found then return nil, err end
  for _, row in ipairs(found) do blocked[rows.key_of(row.key)] = row.low end
  return blocked
end

--- Whether a change waits behind what is parked of its key. One that is older than all of that has
-- come again: it is handled again, or a copy would end with it when all of them are tried.
-- @tparam table change
-- @int[opt] low of `keys`; nil: nothing of its key is parked
-- @treturn bool
function parking.waits(change, low) return low ~= nil and (change.seq or low) >= low end

--- Has those changes tried again that wait although nothing is left for them to wait behind: the
-- change before them was skipped while they were parked. For the start, and for when something was
-- asked of the consumer, before `due`.
-- @param conn the connection
-- @string consumer its name
-- @return true; or nil and an error
function parking.wake(conn, consumer) return rows.done(conn, "wake", consumer) end

--- The changes that are to be tried again now, in the order in which they were parked. Those that
-- wait are not among them: each becomes due when the one before it is done.
-- @param conn the connection
-- @string consumer its name
-- @int most most of them
-- @int[opt=0] after the id behind which they are wanted: a consumer that does some keys only goes
-- on behind those of others
-- @return a list of entries, as of `consumer.parked`; or nil and an error
function parking.due(conn, consumer, most, after)
  return rows.entries(conn, "due", consumer, after or 0, most)
end

--- Removes a parked change that was handled; the next one of its key is due then.
-- @param conn the connection, in a transaction or not
-- @int id of its entry
-- @return true, and whether other changes of its key are parked; or nil and an error
function parking.done(conn, id)
  local found, err = rows.run(conn, "done", id)
  if not found then return nil, err end
  return true, found[1] ~= nil and found[1].blocked
end

--- Notes that a parked change has failed again.
-- @param conn the connection
-- @int id of its entry
-- @param err the error, a table or a message
-- @return true; or nil and an error
function parking.failed(conn, id, err)
  local message, why = rows.message_of(conn, err)
  if why then return nil, why end
  return rows.done(conn, "failed", id, message)
end

return parking
