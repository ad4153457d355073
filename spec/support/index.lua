--- As much of a search index as there has to be, by the bulk interface of Elasticsearch, in a
-- process of its own. It refuses every fifth request, and each document with the title "refused".
-- @module support.index
local support = require "support"

local index = {}
index.__index = index

-- Prints its port, then all documents after each request.
local SERVER = [[
local server = assert(require("socket").bind("127.0.0.1", 0))
print((select(2, server:getsockname())))
io.flush()
local documents, requests = {}, 0
local function bulk(body)
  local id, refused
  for line in body:gmatch("[^\n]+") do
    local action, named = line:match('^{"(%a+)":{"_id":"(%d+)"}}$')
    if action == "delete" then
      documents[named] = nil
    elseif action == "index" then
      id = named
    elseif line:find('"title": "refused"', 1, true) then
      refused = true
    else
      documents[id] = line
    end
  end
  return refused
end
local function report()
  local ids, lines = {}, {}
  for id in pairs(documents) do ids[#ids + 1] = tonumber(id) end
  table.sort(ids)
  for i, id in ipairs(ids) do lines[i] = ("%d %s"):format(id, documents[("%d"):format(id)]) end
  print("all\n" .. table.concat(lines, "\n") .. "\nend")
  io.flush()
end
while true do
  local client, length, path = server:accept(), 0, nil
  repeat
    local line = client:receive() or ""
    path = path or line:match("^POST (%S+)")
    length = tonumber(line:match("^[Cc]ontent%-[Ll]ength: (%d+)")) or length
  until line == ""
  local body, answer = client:receive(length), '{"errors":false}'
  requests = requests + 1
  local busy = requests % 5 == 0
  if body and not busy then
    if path:find("/_bulk", 1, true) then
      if bulk(body) then answer = '{"errors":true,"items":[{"index":{"status":400}}]}' end
    else
      documents = {}
    end
    report()
  end
  client:send(("HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(busy
    and "503 busy" or "200 OK", #answer, answer))
  client:close()
end
]]

--- Starts one; its `url` leads to it, its `process` is what has to be killed in the end.
function index.start()
  local self = setmetatable({ process = support.lua(SERVER) }, index)
  local port = support.wait_until(function() return self.process:output():match("^(%d+)\n") end,
    "the index")
  self.url = "http://127.0.0.1:" .. port
  return self
end

--- The documents by now, one a line: the id and the text; nil before the first request.
function index:documents() return self.process:output():match("^.*\nall\n(.*)\nend\n$") end

return index
