-- Passes what it gets by TCP on to the server's Unix socket, and back: a database host on a network
-- where there is none.
-- lua relay.lua ADDRESS SOCKET
local uv = require "luv"

local address, socket = ...
local listening = uv.new_tcp()
assert(listening:bind(address, 5432))

local function pipe(from, to)
  from:read_start(function(_, data)
    if data and not to:is_closing() then return to:write(data) end
    for _, one in ipairs({ from, to }) do
      if not one:is_closing() then one:close() end
    end
  end)
end

assert(listening:listen(64, function()
  local client, server = uv.new_tcp(), uv.new_pipe(false)
  listening:accept(client)
  server:connect(socket, function(wrong)
    if wrong then return client:close() end
    pipe(client, server)
    pipe(server, client)
  end)
end))
print("listening")
io.stdout:flush()
uv.run()
