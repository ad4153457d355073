---@meta forgelog.wait.poll

---The waiter of a plain script: poll(2), which blocks the program until the socket is ready.
---@class forgelog.wait.poll: forgelog.wait.Waiter
local poll = {}

return poll
