--- The parked changes of a consumer as others see them, whether it runs or not: listed, counted,
-- tried again or skipped. A consumer that runs is told by its row, whose `asked` is counted up in
-- the same transaction.
-- @module forgelog.consumer.parked
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local group = require "forgelog.consumer.group"
local hidden = require "forgelog.connection.hidden"
local row_names = require "forgelog.consumer.rows"
local rows = require "forgelog.consumer.parking.rows"

local parked = {}

local NO_RIGHT = "42501" -- SQLSTATE

-- The connection of a log on which that is done with the rows (see `hidden`); or nil and an error.
local function opened(where, log, name, commands)
  check.argument(where, "name", name, "string")
  log.connection:must_be_open(where)
  local conn = log.connection
  local ok, err = conn:locate()
  if ok then ok, err = hidden(conn, rows.TABLE, commands) end
  return ok and conn, err
end

local function checked_seq(where, seq)
  local is_whole = type(seq) == "number" and seq == math.floor(seq)
    or type(seq) == "string" and seq:find("^%-?%d+$")
  if not is_whole then check.misuse(where, "seq must be the seq of a parked change") end
  return seq
end

--- A seq as a command line takes it: what a backfill has read has none, and is r and its `id`.
-- @param seq as of an entry
-- @treturn string
function parked.label(seq)
  local text = type(seq) == "number" and ("%d"):format(seq) or seq
  return (text:gsub("^%-", "r"))
end

local function no_change(name, seq)
  local message = ("consumer %s has no parked change %s"):format(name, parked.label(seq))
  return nil, core.error("query", message, nil, { code = "no_parked" })
end

--- See `forgelog.consumer.parked`.
function parked.list(log, name, opts)
  opts = check.options("parked", opts, { limit = "positive", after = "count" })
  local conn, err = opened("parked", log, name, "r")
  if not conn then return nil, err end
  return rows.entries(conn, "list", name, opts.after or 0, opts.limit)
end

--- Whether a consumer of which nothing is parked keeps its position in the log, as far as this role
-- may see.
-- @param log a log
-- @string name of the consumer
-- @return true; or nil and an error, code "no_parked"
function parked.known(log, name)
  local found, err = log.connection:run("lanes.count", name)
  if found and not found[1] then return nil, group.unknown(log.connection, name, "no_parked") end
  if not found and err.sqlstate ~= NO_RIGHT then return nil, err end
  return true
end

--- See `forgelog.consumer.retry`.
function parked.retry(log, name, seq)
  if seq ~= nil then checked_seq("retry", seq) end
  local conn, found, err
  conn, err = opened("retry", log, name, "rw")
  if not conn then return nil, err end
  if seq ~= nil then
    found, err = rows.run(conn, "retry", name, seq)
    if found and found[1].parked == 0 then
      return no_change(name, seq)
    end
  else
    found, err = rows.run(conn, "retry_all", name)
    if found and found[1].parked == 0 and not found[1].known then
      return nil, group.unknown(conn, name, "no_parked")
    end
  end
  if not found then return nil, err end
  return found[1].parked
end

--- See `forgelog.consumer.skip`.
function parked.skip(log, name, seq)
  checked_seq("skip", seq)
  local conn, list, err
  conn, err = opened("skip", log, name, "rwd")
  if not conn then return nil, err end
  list, err = rows.entries(conn, "skip", name, seq)
  if not list then return nil, err end
  if list[1] then return list[1] end
  return no_change(name, seq)
end

-- How many changes of each consumer are parked, by its name: rows of sql/parked/counts.sql; none
-- where the log has no such table yet. Or nil and an error.
local function counts(conn)
  local found, err = conn:run("parked.may_read")
  if not found then return nil, err end
  if not found[1] then return {} end
  if not found[1].may_read then
    return nil, core.error("query", "permission denied for table " .. rows.TABLE, NO_RIGHT)
  end
  local ok
  ok, err = hidden(conn, rows.TABLE, "r")
  if ok then found, err = rows.run(conn, "counts") end
  if not (ok and found) then return nil, err end
  local by_name = {}
  for _, row in ipairs(found) do by_name[row.consumer] = row end
  return by_name
end

local function set(one, found)
  one.parked, one.parked_waiting = found and found.parked or 0, found and found.waiting or 0
  one.parked_seconds = found and math.max(found.seconds, 0)
end

--- Adds to consumers how many changes of each are parked, and those that are not among them. What
-- is parked stands under the name of a consumer, whatever the lane.
-- @param conn the connection
-- @tparam table list the consumers as of `status`, sorted by name
-- @return true; or nil and an error, SQLSTATE 42501 where this role may not read them
function parked.add(conn, list)
  local by_name, err = counts(conn)
  if not by_name then return nil, err end
  for _, one in ipairs(list) do
    if not select(2, row_names.split(one.name)) then set(one, by_name[one.name]) end
    by_name[one.name] = nil
  end
  if not next(by_name) then return true end
  for name, found in pairs(by_name) do
    local one = { name = name, running = false, paused = false, lag_changes = 0, lag_seconds = 0,
      gap = false }
    set(one, found)
    list[#list + 1] = one
  end
  row_names.sort(list)
  return true
end

return parked
