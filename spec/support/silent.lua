--- A port that takes connections and does not go on: it says nothing at all, or agrees to TLS and
-- says nothing then.
-- @module support.silent
local support = require "support"

local PROGRAM = [[exec lua5.4 -e '
  local socket, answer = require "socket", "%s"
  local listening = assert(socket.bind("127.0.0.1", 0, 64))
  print((select(2, listening:getsockname())))
  io.stdout:flush()
  local open = {}
  while answer ~= "" do
    local client = assert(listening:accept())
    open[#open + 1] = client
    client:receive(8) -- asks for TLS
    client:send(answer)
  end
  socket.sleep(600)']]

local silent = {}

--- Starts it.
-- @string[opt] answer what it says to a client's first message
-- @return its process, to be ended by `silent.stop`, and its port
function silent.start(answer)
  local started = support.start(PROGRAM:format(answer or ""))
  local port = support.wait_until(function() return started:output():match("%d+") end, "a port")
  return started, port
end

function silent.stop(started)
  started:kill()
  started:wait()
end

return silent
