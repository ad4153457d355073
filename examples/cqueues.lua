-- A feed beside another task, under cqueues. Prints each change of the log, and a dot every second,
-- which shows that nothing blocks.
-- lua5.4 examples/cqueues.lua [conninfo [seconds]]
local cqueues = require "cqueues"
local forgelog = require "forgelog"

local conninfo, seconds = arg[1], tonumber(arg[2] or 60)
local loop, done = cqueues.new(), false
io.stdout:setvbuf("line")

loop:wrap(function()
  local log = assert(forgelog.connect(conninfo, { wait = "cqueues" }))
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
end)

loop:wrap(function()
  for _ = 1, seconds do
    cqueues.sleep(1)
    print(".")
  end
  done = true
end)

assert(loop:loop())
