-- Incremental sync, for cron: prints what changed in the table "orders" since the last run, each
-- row once, as it is now. Have the lines done to whatever is the copy:
--   PUT <id> <row as JSON>      DELETE <id>      TRUNCATE
-- The first run prints the whole table, and so does one that finds a gap. The position is saved
-- only after the lines were written: a run that dies half-way has some of them come again, but
-- never leaves one out.
-- lua5.4 examples/sync.lua [conninfo [position-file]]
-- Without a file the position is kept in the database. One run at a time works: another one ends
-- with an error that says so. It needs a watched table "orders" with the key "id bigint":
-- log:install(), log:watch("orders"). Exit status: 0 done, 1 failed.
local consumer = require "forgelog.consumer"

local MOST = 60 -- seconds for which it tries again while it gets nowhere
local ROWS = [[
  SELECT id::text, to_jsonb(o)::text AS body FROM orders o WHERE id = ANY ($1::bigint[])]]

local function say(...) assert(io.write(table.concat({ ... }, "\t"), "\n")) end

-- The rows as they are by now; a row that is gone was deleted.
local function print_rows(log, ids)
  local bodies = {}
  for _, row in ipairs(assert(log:query(ROWS, "{" .. table.concat(ids, ",") .. "}"))) do
    bodies[row.id] = row.body
  end
  for _, id in ipairs(ids) do
    if bodies[id] then say("PUT", id, bodies[id]) else say("DELETE", id) end
  end
  assert(io.stdout:flush())
end

local function print_table(reason, log)
  if reason ~= "start" then io.stderr:write("sync: ", reason, ": all rows follow\n") end
  say("TRUNCATE")
  local ids = {}
  for row in log:rows("orders") do
    ids[#ids + 1] = row.row_id
    if #ids == 1000 then
      print_rows(log, ids)
      ids = {}
    end
  end
  print_rows(log, ids)
end

-- A change names its row and does not carry it, so that many changes of one row are one line.
local function print_changes(changes, log)
  local ids, known = {}, {}
  for _, change in ipairs(changes) do
    local id = change.row_id
    if not id then return print_table(change.op, log) end -- a TRUNCATE or RELOAD
    if not known[id] then ids[#ids + 1], known[id] = id, true end
  end
  print_rows(log, ids)
end

local sync = consumer.new {
  conninfo = arg[1],
  name = "orders_sync",
  position = arg[2] and consumer.file(arg[2]) or consumer.table(),
  exclusive = "refuse",
  tables = { "orders" },
  on_resync = print_table,
  on_changes = print_changes,
}

-- Until it has had all that was committed when this run began. A connection that fails may pass
-- within the minute; what its handler failed with is for the next run.
local since, failed = os.time(), nil
repeat
  local handled, err = sync:step(0.1)
  if handled then since = os.time() end
  local passes = handled or sync:passes(err) and err.code ~= "handler_failed"
  if not passes or os.time() > since + MOST then failed = err end
until failed or sync:stats().caught_up
sync:close()
if failed then
  io.stderr:write("sync: ", tostring(failed), "\n")
  os.exit(1)
end
