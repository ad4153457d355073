--- As much of a search index as there has to be, by the bulk interface of Elasticsearch, in a
-- process of its own. It refuses every fifth request, each document with the title "refused", and
-- what Elasticsearch refuses: all before the index was made, and a type of content that is not for
-- that path. A deletion by a query does not find what was indexed since the last refresh.
-- @module support.index
local support = require "support"

local index = {}
index.__index = index

-- Prints its port, then all documents after each request.
local SERVER = [[
local server = assert(require("socket").bind("127.0.0.1", 0))
print((select(2, server:getsockname())))
io.flush()
local documents, fresh, made, requests, busy = {}, {}, false, 0, 0
local function bulk(body)
  local id, refused
  for line in body:gmatch("[^\n]+") do
    local action, named = line:match('^{"(%a+)":{"_id":"(%d+)"}}$')
    if action == "delete" then
      documents[named], fresh[named] = nil, nil
    elseif action == "index" then
      id = named
    elseif line:find('"title": "refused"', 1, true) then
      refused = true
    else
      documents[id], fresh[id] = line, true
    end
  end
  return refused and '{"errors":true,"items":[{"index":{"status":400}}]}'
end
local function delete_by_query()
  for id in pairs(documents) do
    if not fresh[id] then documents[id] = nil end
  end
  fresh = {}
end
local PATHS = {
  _bulk = { "application/x-ndjson", bulk },
  _refresh = { "application/json", function() fresh = {} end },
  ["_delete_by_query?refresh=true"] = { "application/json", delete_by_query },
}
local function report()
  local ids, lines = {}, {}
  for id in pairs(documents) do ids[#ids + 1] = tonumber(id) end
  table.sort(ids)
  for i, id in ipairs(ids) do lines[i] = ("%d %s"):format(id, documents[("%d"):format(id)]) end
  print("all\n" .. table.concat(lines, "\n") .. "\nend")
  io.flush()
end
local function answer(method, path, kind, body)
  requests, busy = requests + 1, path == "/busy" and tonumber(body) or busy
  if path == "/busy" then return "200 OK" end
  if requests % 5 == 0 or busy > 0 then
    busy = busy - 1
    return "503 busy"
  end
  if method == "PUT" and path == "/articles" then made = true end
  if not made then return "404 Not Found" end
  if method == "PUT" then return "200 OK", "{}" end
  local wanted = PATHS[path:match("^/articles/(%S+)$")]
  if not wanted then return "400 Bad Request" end
  if wanted[1] ~= kind then return "406 Not Acceptable" end
  local text = wanted[2](body) or '{"errors":false}'
  report()
  return "200 OK", text
end
while true do
  local client, length, kind, method, path = server:accept(), 0, nil, nil, nil
  repeat
    local line = client:receive() or ""
    if not path then method, path = line:match("^(%u+) (%S+)") end
    length = tonumber(line:match("^[Cc]ontent%-[Ll]ength: (%d+)")) or length
    kind = line:match("^[Cc]ontent%-[Tt]ype: (%S+)") or kind
  until line == ""
  local status, text = answer(method, path, kind, length > 0 and client:receive(length) or "")
  text = text or "{}"
  client:send(("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(status,
    #text, text))
  client:close()
end
]]

--- Starts one; its `host` leads to it, its `url` to the index that has to be made there (by PUT),
-- its `process` is what has to be killed in the end.
function index.start()
  local self = setmetatable({ process = support.lua(SERVER) }, index)
  local port = support.wait_until(function() return self.process:output():match("^(%d+)\n") end,
    "the index")
  self.host = "http://127.0.0.1:" .. port
  self.url = self.host .. "/articles"
  return self
end

--- Has it refuse so many requests more than each fifth.
function index:be_busy(count)
  assert(support.run(("curl -sf -d %d %s/busy"):format(count, self.host)))
end

--- The documents by now, one a line: the id and the text; nil before the first request.
function index:documents() return self.process:output():match("^.*\nall\n(.*)\nend\n$") end

return index
