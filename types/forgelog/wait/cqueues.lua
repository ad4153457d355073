---@meta forgelog.wait.cqueues

---The waiter under cqueues: the coroutine that waits gives way to the others of its controller.
---Outside of a controller it blocks, as cqueues.poll does there.
---@class forgelog.wait.cqueues: forgelog.wait.Waiter
local cqueues = {}

return cqueues
