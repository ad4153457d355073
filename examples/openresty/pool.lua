-- Connections of this worker that no request uses now: a log serves one coroutine at a time. One
-- that broke while it was idle is replaced.
local forgelog = require "forgelog"

local idle = {}

-- Calls work(log, ...) with a connection that no other request of this worker uses meanwhile.
-- Returns what it returns: a result, or nil and an error.
return function(work, ...)
  while true do
    local kept = table.remove(idle)
    local log, err = kept, nil
    if not log then log, err = forgelog.connect(nil, { timeout = 2 }) end
    if not log then return nil, err end
    local result, why = work(log, ...)
    if result then
      idle[#idle + 1] = log
      return result
    end
    log:close()
    if not (kept and why.kind == "lost") then return nil, why end
  end
end
