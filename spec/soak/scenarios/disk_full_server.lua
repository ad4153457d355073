-- The server's disk is full for a while: commits fail, and perhaps the server ends.
local disk = require "soak.disk"
local logs = require "support.logs"
local outage = require "support.outage"
local situation = require "soak.situation"
local support = require "support"

-- What fills the room that is left: that of a table's file, without which a statement fails, or
-- that of the WAL, without which the server does.
local TABLE = "CREATE TABLE more AS SELECT g FROM generate_series(1, 100000) g; CHECKPOINT; "
  .. "DROP TABLE more"
local WAL = "SELECT pg_logical_emit_message(false, 'full', repeat('x', 1000000)) "
  .. "FROM generate_series(1, 20)"

return {
  title = "disk full on the server",
  share = 0.3,
  run = function(run)
    local full <close>, why = disk.make("400m")
    if not full then return nil, why end
    local at = situation.begin(run, { environment = "FORGELOG_MEMORY=" .. full.folder,
      settings = { "max_wal_size=48MB", "min_wal_size=32MB", "shared_buffers=16MB" } })
    at:witness("file")
    at:witness("transaction", { once = true })
    at:witness("feed", { once = true })
    at:load()
    at:meanwhile(at:times(4), function(round)
      full:fill()
      support.wait_until(function()
        return not pcall(support.psql, round % 2 == 0 and TABLE or WAL, at.db)
      end, "the disk to be full", 20)
      logs.pause(1)
      full:free()
      at:disconnect()
      support.wait_until(function()
        local alive = support.alive { pid = outage.postmaster(at.server) or 99999999 }
        if not alive then at.server:start() end
        return (pcall(support.psql, "SELECT 1", at.db))
      end, "the server to go on", 60)
    end)
    local rows = at:finish()
    at.server:stop("immediate")
    return rows
  end,
}
