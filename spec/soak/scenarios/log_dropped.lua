-- The log is dropped, and made anew by install.
local remade = require "soak.remade"

return {
  title = "DROP of the log, and another install",
  run = function(run)
    return remade(run, function(at)
      at:ask("DROP TABLE forge_change_log, forge_change_log_state CASCADE")
    end)
  end,
}
