-- Those who read are cut off when others have all connections that the server allows.
local forgelog = require "forgelog"
local logs = require "support.logs"
local situation = require "soak.situation"

return {
  title = "max_connections reached",
  run = function(run)
    local at = situation.begin(run, { settings = { "max_connections=20" } })
    at:witness("file", { once = true })
    at:witness("transaction", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(8), function()
      local others, till = {}, logs.now() + 1.5
      repeat
        at:ask([[SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE application_name = 'forgelog' AND pid <> pg_backend_pid()]])
        local log
        repeat
          log = forgelog.connect(at.db .. " application_name=other", { timeout = 5 })
          others[#others + 1] = log
        until not log
        logs.pause(0.05)
      until logs.now() > till
      for _, each in ipairs(others) do each:close() end
    end)
    return at:finish()
  end,
}
