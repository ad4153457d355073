-- Incremental sync: prints what changed in the table "orders" since the last run, each row once, as
-- it is now. Pipe the lines to whatever keeps the copy:
--   PUT <id> <row as JSON>      DELETE <id>      TRUNCATE
-- The first run prints the whole table. The position is kept in a file, which is saved only after
-- the lines were written: a run that dies half-way repeats some of them, but never leaves one out.
-- lua5.4 examples/sync.lua [conninfo [position-file]]
-- It needs a watched table "orders" with the key "id": log:install(), log:watch("orders").
-- Exit status: 0 done, 1 failed, 3 a gap (changes were trimmed unseen). After a gap, remove the
-- position file to begin again.
local forgelog = require "forgelog"

local LIMIT = 1000 -- changes between two savings of the position
local conninfo, file_name = arg[1], arg[2] or "orders.position"

-- As assert does, on Lua 5.1 too, whose assert takes no error tables.
local function must(value, ...)
  if not value then error((...), 0) end
  return value, ...
end

local function load_position()
  local file = io.open(file_name)
  if not file then return nil end
  local position = file:read("*l")
  file:close()
  return position or error(file_name .. " is empty", 0)
end

-- Written aside and renamed: a reader of the file finds the old position or the new one, never half
-- of it.
local function save_position(position)
  must(io.stdout:flush())
  local aside = file_name .. ".new"
  local file = must(io.open(aside, "w"))
  must(file:write(position, "\n"))
  must(file:close())
  must(os.rename(aside, file_name))
end

local function say(...)
  must(io.write(table.concat({ ... }, "\t"), "\n"))
end

local function print_table(log)
  say("TRUNCATE")
  local rows = must(log:query("SELECT id::text, to_jsonb(o)::text AS body FROM orders o"))
  for _, row in ipairs(rows) do
    say("PUT", row.id, row.body)
  end
end

-- The position first, the rows after it: a change between the two comes twice. In the other order
-- it would never come.
local function begin(log)
  local position = must(log:position())
  print_table(log)
  return position
end

-- A change names its row and does not carry it, so that many changes of one row cost one query.
local function print_row(log, id)
  local rows = must(log:query("SELECT to_jsonb(o)::text AS body FROM orders o WHERE id = $1", id))
  if rows[1] then say("PUT", id, rows[1].body) else say("DELETE", id) end
end

-- Prints the outcome of up to LIMIT changes after a position; returns how many there were, and the
-- seq of the last one.
local function sync(log, position)
  local count, last, ids, seen, whole = 0, nil, {}, {}, false
  for change in log:drain(position, { limit = LIMIT }) do
    local id = change.row_id
    count, last = count + 1, change.seq
    if change.table_name == "orders" then
      if not id then
        whole = true -- a TRUNCATE, perhaps of one partition, or a RELOAD
      elseif not seen[id] then
        seen[id] = true
        ids[#ids + 1] = id
      end
    end
  end
  if whole then
    print_table(log)
  else
    for _, id in ipairs(ids) do print_row(log, id) end
  end
  return count, last
end

local function main()
  local log = must(forgelog.connect(conninfo, { timeout = 60 }))
  local position = load_position()
  if not position then
    position = begin(log)
    save_position(position)
  end
  repeat
    local count, last = sync(log, position)
    if last then
      -- "timeline:seq": by the timeline a failover is detected.
      position = ("%s:%d"):format(position:match("^%d+"), last)
      save_position(position)
    end
  until count < LIMIT
  log:close()
end

local ok, err = pcall(main)
if not ok then
  io.stderr:write("sync: ", tostring(err), "\n")
  os.exit(type(err) == "table" and err.kind == "gap" and 3 or 1)
end
