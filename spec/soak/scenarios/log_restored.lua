-- The log is restored from a dump that was made earlier, sequence and all.
local process = require "support.process"
local remade = require "soak.remade"
local support = require "support"

return {
  title = "restore of the log from a dump",
  run = function(run)
    local dump = support.path("dump")
    local function database(at) return process.quote(at.db) end
    return remade(run, function(at)
      at:ask("DROP TABLE forge_change_log, forge_change_log_state CASCADE")
      local ok, _, errors = support.run(("psql -XAtq -v ON_ERROR_STOP=1 -f %s %s"):format(dump,
        database(at)))
      assert(ok, errors)
    end, function(at)
      local ok, _, errors = support.run(
        ("pg_dump -t forge_change_log -t forge_change_log_state -t forge_change_log_seq_seq "
          .. "-f %s %s")
        :format(dump, database(at)))
      assert(ok, errors)
    end)
  end,
}
