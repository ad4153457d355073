--- Cancels a statement that takes too long. libpq's own cancel blocks, so a second connection asks
-- the server to cancel what the first one runs.
-- @module forgelog.connection.cancel
local sql = require "forgelog.connection.sql"

--- Asks for it, and waits until the server was asked or the time is over.
-- @param helper a closed handle of the core with the same settings; it is closed in the end
-- @func ends steps the helper until what was begun has ended: whether it ended well
-- @int backend pid of the server process, as libpq was told; behind a pooler that may be another
-- one, and so nothing is cancelled but a statement that is certainly ours
-- @string[opt] statement the text that is to be cancelled; nil: one of the log's own
return function(helper, ends, backend, statement)
  if helper:connect() and ends(helper) then
    if helper:query(sql.text("connection.cancel"), backend, statement) then ends(helper) end
  end
  helper:close()
end
