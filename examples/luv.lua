-- A feed beside another task, under libuv. Prints each change of the log, and a dot every second,
-- which shows that nothing blocks.
-- lua5.4 examples/luv.lua [conninfo [seconds]]
local forgelog = require "forgelog"
local uv = require "luv"

local conninfo, seconds = arg[1], tonumber(arg[2] or 60)
local done = false
io.stdout:setvbuf("line")

coroutine.wrap(function()
  local log = assert(forgelog.connect(conninfo, { wait = "luv" }))
  local feed = log:follow(assert(log:position()))
  print("following from " .. feed:position())
  while not done do
    local change, err = feed:next(1) -- "for change in feed" does as well, but not on plain Lua 5.1
    if change then
      print(change.seq, change.op, change.table_name, change.row_id)
    elseif err.kind ~= "timeout" then
      error(tostring(err), 0)
    end
  end
  feed:close()
  log:close()
end)()

local timer = uv.new_timer()
timer:start(1000, 1000, function()
  print(".")
  seconds = seconds - 1
  if seconds > 0 then return end
  done = true
  timer:close()
end)

uv.run()
