-- What happens, sent to each page that is open, as server-sent events.
local semaphore = require "ngx.semaphore"

local FIGURES_EVERY = 0.5 -- seconds

local live = {}

-- Of this worker. One whose request nginx ended in the middle goes with it.
local streams = setmetatable({}, { __mode = "k" })

local function event(name, data)
  return ("event: %s\ndata: %s\n\n"):format(name, (data:gsub("[\r\n]+", " ")))
end

-- Sends an event to the pages of this worker.
function live.tell(name, data)
  local text = event(name, data)
  for stream in pairs(streams) do
    table.insert(stream.texts, text)
    if stream.bell:count() < 1 then stream.bell:post() end
  end
end

-- Answers the request of a page, for as long as that is open. `figures` returns a text.
function live.stream(figures)
  local stream = { texts = { "retry: 500\n\n" }, bell = semaphore.new() }
  streams[stream] = true
  repeat
    local texts = stream.texts
    stream.texts = {}
    texts[#texts + 1] = event("figures", figures())
    local open = ngx.print(texts) and ngx.flush(true)
    if open then stream.bell:wait(FIGURES_EVERY) end
  until not open or ngx.worker.exiting()
  streams[stream] = nil
end

return live
