-- The log is rewritten by VACUUM FULL and CLUSTER, which nobody has to notice, and then emptied by
-- TRUNCATE, which everybody has to be told.
local logs = require "support.logs"
local situation = require "soak.situation"

return {
  title = "VACUUM FULL and TRUNCATE of the log",
  run = function(run)
    local at = situation.begin(run)
    local told = { gaps = { "trimmed" } }
    local all = { at:witness("file", told), at:witness("feed", told), at:witness("drain", told) }
    at:load()
    at:meanwhile(at:times(10), function(round)
      at:ask(round % 2 == 0 and "VACUUM FULL forge_change_log"
        or "CLUSTER forge_change_log USING forge_change_log_pkey")
    end)
    for _, each in ipairs(all) do each.process:kill("STOP") end
    at:more(500)
    at:ask("TRUNCATE forge_change_log")
    for _, each in ipairs(all) do each.process:kill("CONT") end
    at:more(run.commits / 5)
    logs.pause(0.5)
    return at:finish()
  end,
}
