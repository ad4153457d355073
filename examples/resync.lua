-- A resync policy: keeps the table "orders_copy" the same as "orders", from the log while it can,
-- by a reload when it cannot. The position is kept beside the copy and commits with it, so each
-- change takes effect exactly once.
-- lua5.4 examples/resync.lua [conninfo]       run it as often as the copy has to be fresh
-- It needs a watched table "orders" with the key "id bigint": log:install(), log:watch("orders").
local forgelog = require "forgelog"

local tables = [[
  CREATE TABLE IF NOT EXISTS orders_copy (id bigint PRIMARY KEY, body jsonb NOT NULL);
  CREATE TABLE IF NOT EXISTS orders_copy_position (
    one boolean PRIMARY KEY DEFAULT true CHECK (one), position text NOT NULL);
  INSERT INTO orders_copy_position (position) VALUES ('none') ON CONFLICT DO NOTHING]]

local put = [[
  INSERT INTO orders_copy SELECT id, to_jsonb(o) FROM orders o WHERE id = $1
  ON CONFLICT (id) DO UPDATE SET body = excluded.body]]

-- As assert does, on Lua 5.1 too, whose assert takes no error tables.
local function must(value, ...)
  if not value then error((...), 0) end
  return value, ...
end

-- Copies the whole table; returns the number of rows.
local function copy_all(log)
  must(log:query("DELETE FROM orders_copy"))
  local _, rows = must(log:query("INSERT INTO orders_copy SELECT id, to_jsonb(o) FROM orders o"))
  return rows
end

-- The position first, the rows after it: a change between the two is applied again, which does no
-- harm. In the other order it would be missed.
local function reload(log)
  local position = must(log:position())
  return position, copy_all(log)
end

local function apply(log, change)
  if not change.row_id then -- a TRUNCATE, perhaps of one partition, or a RELOAD
    copy_all(log)
  elseif change.op == "DELETE" then
    must(log:query("DELETE FROM orders_copy WHERE id = $1", change.row_id))
  else
    must(log:query(put, change.row_id))
  end
end

-- Applies the changes after a position; returns the new position, and how many changes there were.
local function follow(log, position)
  local timeline, count = position:match("^%d+"), 0
  for change in log:drain(position) do
    position, count = ("%s:%d"):format(timeline, change.seq), count + 1
    if change.table_name == "orders" then apply(log, change) end
  end
  return position, count
end

-- The policy: after a gap it reloads; any other failure ends the run. If a reload is expensive,
-- this is the place to ask somebody first, or to reload in the background while the old copy is in
-- use.
local function refresh(log, saved)
  local reason = "no copy yet"
  if saved ~= "none" then
    local ok, position, count = pcall(follow, log, saved)
    if ok then return position, ("applied %d changes"):format(count) end
    local err = position
    if type(err) ~= "table" or err.kind ~= "gap" then error(err, 0) end
    reason = "gap (" .. err.reason .. ")"
  end
  local position, count = reload(log)
  local done = "%s: reloaded %d rows, going on after position %s"
  return position, done:format(reason, count, position)
end

local function main()
  local log = must(forgelog.connect(arg[1]))
  must(log:query(tables))
  -- In READ COMMITTED each statement sees all that was committed before it. FOR UPDATE lets one run
  -- at a time work on the copy.
  must(log:query("BEGIN ISOLATION LEVEL READ COMMITTED"))
  local saved = must(log:query("SELECT position FROM orders_copy_position FOR UPDATE"))[1].position
  local position, done = refresh(log, saved)
  must(log:query("UPDATE orders_copy_position SET position = $1", position))
  must(log:query("COMMIT"))
  log:close()
  print(done)
end

local ok, err = pcall(main)
if not ok then
  io.stderr:write("resync: ", tostring(err), "\n")
  os.exit(1)
end
