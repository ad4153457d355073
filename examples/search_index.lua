-- Keeps a search index in step with the table "articles", by the bulk interface of Elasticsearch
-- and OpenSearch. To index a document again does no harm, so at-least-once is enough: the position
-- is kept in a file, which is saved after the index has accepted the batch.
-- lua5.4 examples/search_index.lua http://localhost:9200/articles POSITION_FILE [conninfo]
-- At its first start, and after a gap, it indexes the whole table, beside what changes meanwhile;
-- it does so at any time by: forgelog backfill articles-index --table articles
-- It needs an index that is there, the Lua module socket (Debian: lua-socket), and a watched table
-- "articles" with the key "id bigint": log:install(), log:watch("articles").
local consumer = require "forgelog.consumer"
local http = require "socket.http"
local ltn12 = require "ltn12"

local url, file, conninfo = arg[1], arg[2], arg[3]
if not url or not file then
  io.stderr:write("usage: search_index.lua URL POSITION_FILE [conninfo]\n")
  os.exit(1)
end

local function post(path, kind, body)
  local answer = {}
  local ok, status = http.request {
    url = url .. path,
    method = "POST",
    headers = { ["content-type"] = kind, ["content-length"] = #body },
    source = ltn12.source.string(body),
    sink = ltn12.sink.table(answer),
  }
  local text = table.concat(answer)
  if ok and status == 200 and not text:find('"errors":%s*true') then return end
  -- An index that is away or busy takes the batch later; what it refuses, it will never take.
  local passes = not ok or status ~= 200 or text:find('"status":%s*429') ~= nil
  local message = ("%s%s: %s %s"):format(url, path, tostring(status), text)
  error({ retryable = passes, message = message }, 0)
end

-- A search sees what was indexed before a refresh, and so does what deletes by a query.
local function clear()
  post("/_refresh", "application/json", "")
  post("/_delete_by_query?refresh=true", "application/json", '{"query":{"match_all":{}}}')
end

local function put(id, body) return ('{"index":{"_id":"%s"}}\n%s\n'):format(id, body) end

local function remove(id) return ('{"delete":{"_id":"%s"}}\n'):format(id) end

local ROWS = [[
  SELECT id::text, to_jsonb(a)::text AS body FROM articles a WHERE id = ANY ($1::bigint[])]]

-- Each row of a batch once, as it is by now; a row that is gone is removed.
local function sync(changes, log)
  local ids, known, bodies, lines = {}, {}, {}, {}
  for _, change in ipairs(changes) do
    local id = change.row_id
    if not id then
      -- A TRUNCATE, or a RELOAD, such as that of a gap: rows may be gone without a DELETE. The
      -- consumer reads the table anew after this.
      clear()
    elseif not known[id] then
      ids[#ids + 1], known[id] = id, true
    end
  end
  for _, row in ipairs(assert(log:query(ROWS, "{" .. table.concat(ids, ",") .. "}"))) do
    bodies[row.id] = row.body
  end
  for i, id in ipairs(ids) do lines[i] = bodies[id] and put(id, bodies[id]) or remove(id) end
  if lines[1] then post("/_bulk", "application/x-ndjson", table.concat(lines)) end
end

local ok, err = consumer.new({
  conninfo = conninfo,
  name = "articles-index",
  position = consumer.file(file),
  tables = { "articles" },
  batch = 500,
  linger = 0.05, -- a burst of changes makes one request
  attempts = 5, -- a document that is refused is parked then, and the others are not
  on_changes = sync,
  resync = "backfill", -- rows of the table come as changes, too
  on_error = function(err, attempt)
    io.stderr:write(("search_index: %s (attempt %d)\n"):format(tostring(err), attempt))
  end,
}):run()
if not ok then
  io.stderr:write("search_index: ", tostring(err), "\n")
  os.exit(1)
end
