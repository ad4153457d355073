-- Keeps a search index in step with the table "articles", by the bulk interface of Elasticsearch
-- and OpenSearch. To index a document again does no harm, so at-least-once is enough: the position
-- is kept in a file, which is saved after the index has accepted the batch.
-- lua5.4 examples/search_index.lua http://localhost:9200/articles POSITION_FILE [conninfo]
-- It needs a watched table "articles" with the key "id": log:install(), log:watch("articles").
local consumer = require "forgelog.consumer"
local http = require "socket.http"
local ltn12 = require "ltn12"

local url, file, conninfo = arg[1], arg[2], arg[3]
if not url or not file then
  io.stderr:write("usage: search_index.lua URL POSITION_FILE [conninfo]\n")
  os.exit(1)
end

local function send(method, path, body)
  local answer = {}
  local ok, status = http.request {
    url = url .. path,
    method = method,
    headers = { ["content-type"] = "application/x-ndjson", ["content-length"] = #body },
    source = ltn12.source.string(body),
    sink = ltn12.sink.table(answer),
  }
  local text = table.concat(answer)
  if not ok or status ~= 200 or text:find('"errors":%s*true') then
    -- The batch will be sent again.
    error(("%s%s: %s %s"):format(url, path, tostring(status), text), 0)
  end
end

local function put(id, body) return ('{"index":{"_id":"%s"}}\n%s\n'):format(id, body) end

local function remove(id) return ('{"delete":{"_id":"%s"}}\n'):format(id) end

local ROWS = [[
  SELECT id::text AS id, to_jsonb(a)::text AS body FROM articles a
   WHERE id > $1::bigint ORDER BY a.id LIMIT 1000]]

-- Indexes the whole table. Rows in the index may be gone from the table, so it is emptied first.
local function load(_, log)
  send("POST", "/_delete_by_query?refresh=true", '{"query":{"match_all":{}}}')
  local last = "0"
  while true do
    local rows = assert(log:query(ROWS, last))
    if #rows == 0 then return end
    local lines = {}
    for i, row in ipairs(rows) do lines[i] = put(row.id, row.body) end
    send("POST", "/_bulk", table.concat(lines))
    last = rows[#rows].id
  end
end

local ROW = "SELECT to_jsonb(a)::text AS body FROM articles a WHERE id = $1::bigint"

-- Each row of a batch once, as it is by now; a row that is gone is removed. A TRUNCATE names no
-- row, nor does a RELOAD, which says that any row may be another one.
local function sync(changes, log)
  local lines, done = {}, {}
  for _, change in ipairs(changes) do
    local id = change.row_id
    if not id then return load(change.op, log) end
    if not done[id] then
      local row = assert(log:query(ROW, id))[1]
      lines[#lines + 1] = row and put(id, row.body) or remove(id)
      done[id] = true
    end
  end
  send("POST", "/_bulk", table.concat(lines))
end

local ok, err = consumer.new({
  conninfo = conninfo,
  name = "search index " .. url,
  position = consumer.file(file),
  tables = { "articles" },
  batch = 500,
  linger = 0.05, -- a burst of changes makes one request
  on_changes = sync,
  on_resync = load,
  on_error = function(err, attempt)
    io.stderr:write(("search_index: %s (attempt %d)\n"):format(tostring(err), attempt))
  end,
}):run()
if not ok then
  io.stderr:write("search_index: ", tostring(err), "\n")
  os.exit(1)
end
