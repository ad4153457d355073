-- Copies the table "orders" to a table "orders" of another database, each change exactly once: the
-- position is kept there, in the table "copied", and commits together with the rows.
-- lua5.4 examples/copy_database.lua SOURCE TARGET     (two conninfos) runs until it is killed
-- Of several such programs one copies at a time. "orders" has the same columns and the key "id
-- bigint" in both databases; in the source it is watched: log:install(), log:watch("orders"). The
-- target needs nothing of forgelog. It takes the Lua module socket (Debian: lua-socket).
local forgelog = require "forgelog"
local socket = require "socket"

local SOURCE, TARGET = arg[1], arg[2]
local BATCH, WAIT = 1000, 10 -- changes at once; seconds after which the position follows the log
local PAUSE = 1 -- seconds before it begins again after a failure
if not TARGET then
  io.stderr:write("usage: copy_database.lua SOURCE TARGET\n")
  os.exit(2)
end

local SET_UP = [[
  CREATE TABLE IF NOT EXISTS copied (
    table_name text PRIMARY KEY, position text, changes bigint NOT NULL DEFAULT 0);
  INSERT INTO copied VALUES ('orders') ON CONFLICT DO NOTHING]]
local LOCK = "SELECT pg_advisory_lock(hashtext('copied: orders'))" -- another copier waits here
local LOAD = "SELECT position FROM copied WHERE table_name = 'orders'"
local SAVE = "UPDATE copied SET position = $1, changes = changes + $2 WHERE table_name = 'orders'"
local READ = "SELECT jsonb_agg(o)::text AS rows FROM orders o WHERE id = ANY ($1::bigint[])"
local CLEAR = "DELETE FROM orders WHERE id = ANY ($1::bigint[])"
local WRITE = "INSERT INTO orders SELECT * FROM jsonb_populate_recordset(NULL::orders, $1::jsonb)"

-- As assert does, on Lua 5.1 too, whose assert takes no error tables.
local function must(value, ...)
  if not value then error((...), 0) end
  return value, ...
end

-- Copies these rows as they are by now. A row that is gone is removed.
local function copy_rows(log, target, ids)
  local list = "{" .. table.concat(ids, ",") .. "}"
  local rows = must(log:query(READ, list))[1].rows
  must(target:query(CLEAR, list))
  if rows then must(target:query(WRITE, rows)) end
end

local function copy_all(log, target)
  must(target:query("DELETE FROM orders"))
  local ids = {}
  for row in log:rows("orders", { chunk = BATCH }) do
    ids[#ids + 1] = row.row_id
    if #ids == BATCH then
      copy_rows(log, target, ids)
      ids = {}
    end
  end
  copy_rows(log, target, ids)
end

local function copy_changes(log, target, changes)
  local ids, known = {}, {}
  for _, change in ipairs(changes) do
    local id = change.row_id
    if not id then return copy_all(log, target) end -- a TRUNCATE or RELOAD
    if not known[id] then ids[#ids + 1], known[id] = id, true end
  end
  copy_rows(log, target, ids)
end

-- Does the work, and saves the position behind it, in one transaction of the target. That may have
-- lost its last commits in a failover: then it has another position than this program.
local function together(target, before, behind, count, work, ...)
  must(target:query("BEGIN"))
  if must(target:query(LOAD .. " FOR UPDATE"))[1].position ~= before then
    error("the target is not as this copier left it: its position is read again", 0)
  end
  work(...)
  must(target:query(SAVE, behind, count))
  must(target:query("COMMIT"))
  return behind
end

-- The position first, the rows after it: a change between the two is copied again.
local function resync(log, target, before, reason)
  local position = must(log:position())
  together(target, before, position, 0, copy_all, log, target)
  io.stderr:write(("copy: %s: all is copied\n"):format(reason))
  return position
end

local function nothing() end

-- Works until something fails, which is raised. The feed itself survives what may happen to its
-- connection.
local function copy(log, target)
  must(target:query(SET_UP))
  must(target:query(LOCK))
  local position = must(target:query(LOAD))[1].position
  position = position or resync(log, target, nil, "start")
  local feed = log:follow(position, { tables = { "orders" } })
  while true do
    local changes, err = feed:batch(BATCH, WAIT)
    if changes then
      position = together(target, position, feed:position(), #changes, copy_changes, log, target,
        changes)
    elseif err.kind == "timeout" then -- other tables may have changed
      position = together(target, position, feed:position(), 0, nothing)
    elseif err.kind == "gap" then
      feed:close()
      position = resync(log, target, position, err.reason)
      feed = log:follow(position, { tables = { "orders" } })
    else
      error(err, 0)
    end
  end
end

-- A row is copied as it is by now, so it may meet a unique value that a change still to come takes
-- from another row. Read again from the position, both come in one batch.
local function passes(err)
  if type(err) ~= "table" then return true end
  return err.retryable or (err.sqlstate or ""):find("^23") ~= nil
end

while true do
  local log, target
  local _, err = pcall(function()
    log = must(forgelog.connect(SOURCE))
    target = must(forgelog.connect(TARGET))
    copy(log, target)
  end)
  if target then target:close() end -- and what is open in it is rolled back
  if log then log:close() end
  io.stderr:write("copy: ", tostring(err), "\n")
  if not passes(err) then os.exit(1) end
  socket.sleep(PAUSE)
end
