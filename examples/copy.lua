-- An exactly-once copy: keeps "orders_copy" the same as "orders", and counts the changes it applied
-- in "orders_applied". Copying a row again would do no harm, but counting a change again would. So
-- work and position commit in one transaction.
-- lua5.4 examples/copy.lua [conninfo]        runs until it is killed, which may be at any moment
-- It needs a watched table "orders" with the key "id bigint": log:install(), log:watch("orders").
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"

local tables = [[
  CREATE TABLE IF NOT EXISTS orders_copy (id bigint PRIMARY KEY, body jsonb NOT NULL);
  CREATE TABLE IF NOT EXISTS orders_applied (op text PRIMARY KEY, changes bigint NOT NULL)]]

local put = [[
  INSERT INTO orders_copy SELECT id, to_jsonb(o) FROM orders o WHERE id = $1
  ON CONFLICT (id) DO UPDATE SET body = excluded.body]]

local count = [[
  INSERT INTO orders_applied VALUES ($1, 1)
  ON CONFLICT (op) DO UPDATE SET changes = orders_applied.changes + 1]]

-- Copies the whole table; returns the number of rows.
local function copy_all(log)
  assert(log:query("DELETE FROM orders_copy"))
  local _, rows = assert(log:query("INSERT INTO orders_copy SELECT id, to_jsonb(o) FROM orders o"))
  return rows
end

local function apply(log, change)
  if not change.row_id then -- a TRUNCATE, perhaps of one partition, or a RELOAD
    copy_all(log)
  else
    -- An order that is gone by now is copied as gone; its DELETE comes as a change of its own.
    assert(log:query("DELETE FROM orders_copy WHERE id = $1", change.row_id))
    if change.op ~= "DELETE" then assert(log:query(put, change.row_id)) end
  end
  assert(log:query(count, change.op))
end

local copy = consumer.new {
  conninfo = arg[1],
  name = "orders_copy",
  position = consumer.table(),
  transaction = true,
  tables = { "orders" },
  batch = 100,
  on_changes = function(changes, log)
    for _, change in ipairs(changes) do apply(log, change) end
  end,
  on_resync = function(reason, log)
    io.stderr:write(("copy: %s: %d orders copied\n"):format(reason, copy_all(log)))
  end,
  on_error = function(err, attempt)
    io.stderr:write(("copy: %s (attempt %d)\n"):format(tostring(err), attempt))
  end,
}

local log = assert(forgelog.connect(arg[1]))
assert(log:query(tables))
log:close()
local ok, err = copy:run()
if not ok then
  io.stderr:write("copy: ", tostring(err), "\n")
  os.exit(1)
end
