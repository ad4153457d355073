-- Incremental sync: prints what changed in the table "orders" since the last run, each row once, as it is now:
--   PUT <id> <row as JSON>      DELETE <id>      TRUNCATE
-- The first run prints the whole table. Pipe the lines to whatever keeps the copy. The position is kept in a file, saved only
-- after the lines were written: a run that dies half-way repeats some of them, but never leaves one out.
-- lua5.4 examples/sync.lua [conninfo [position-file]]
-- Needs a table "orders", not partitioned, with the key "id", that is watched: log:install(), log:watch("orders").
-- Exit status: 0 done, 1 failed, 3 a gap: changes were trimmed unseen. Then remove the position file to begin anew.
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

-- Written aside and renamed: whoever reads the file finds the old position or the new one, never half of it.
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

-- The position first, the rows after it: a change between the two comes twice, the other way round it would never come.
local function begin(log)
  local position = must(log:position())
  say("TRUNCATE")
  for _, row in ipairs(must(log:query("SELECT id::text, to_jsonb(o)::text AS body FROM orders o"))) do
    say("PUT", row.id, row.body)
  end
  return position
end

-- A change names its row and does not carry it, so that many changes of one row cost one look at it.
local function print_row(log, id)
  local rows = must(log:query("SELECT to_jsonb(o)::text AS body FROM orders o WHERE id = $1", id))
  if rows[1] then say("PUT", id, rows[1].body) else say("DELETE", id) end
end

-- Prints what up to LIMIT changes after a position amount to; returns how many there were, and the last one's seq.
local function sync(log, position)
  local count, last, ids, seen = 0, nil, {}, {}
  for change in log:drain(position, { limit = LIMIT }) do
    count, last = count + 1, change.seq
    if change.table_name == "orders" then
      if change.op == "TRUNCATE" then
        say("TRUNCATE")
        ids, seen = {}, {}
      elseif not seen[change.row_id] then
        seen[change.row_id] = true
        ids[#ids + 1] = change.row_id
      end
    end
  end
  for _, id in ipairs(ids) do print_row(log, id) end
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
      -- "timeline:seq": the timeline tells a server that was replaced by a standby without its last changes.
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
