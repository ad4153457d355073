-- A cache that is never stale for longer than a change takes to arrive: rows of "products" by id,
-- dropped as they change.
-- lua5.4 examples/cache.lua [conninfo] <IDS     prints "hit" or "miss" and the row for each id
-- A gap empties it, since any row in it may have changed. The position is kept in memory, like the
-- cache. It needs a watched table "products" with the key "id": log:install(),
-- log:watch("products").
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"

local rows = {}

local feed = consumer.new {
  conninfo = arg[1],
  position = consumer.memory(),
  tables = { "products" },
  on_changes = function(changes)
    for _, change in ipairs(changes) do
      -- A TRUNCATE names no row, nor does a RELOAD.
      if change.row_id then rows[change.row_id] = nil else rows = {} end
    end
  end,
  on_resync = function() rows = {} end,
  on_error = function(err) io.stderr:write("cache: ", tostring(err), "\n") end,
}

-- Handles the changes that have come; true when the cache is up to date.
local function catch_up()
  while true do
    local handled, err = feed:step(0)
    if not handled then return err.kind == "timeout" and feed:stats().connected end
  end
end

-- A row is read after the feed was asked, so a change that comes later than the row drops it again.
-- While the feed is not connected, nothing is taken from the cache.
local function get(log, id)
  local fresh = catch_up()
  if fresh and rows[id] then return "hit", rows[id] end
  local sql = "SELECT to_jsonb(p)::text AS body FROM products p WHERE id::text = $1"
  local row = assert(log:query(sql, id))[1]
  rows[id] = row and row.body
  return "miss", rows[id] or "none"
end

local log = assert(forgelog.connect(arg[1]))
for id in io.lines() do
  print(get(log, id))
  io.flush()
end
feed:close()
log:close()
