--- Row level security: whether it may hide rows of one of the log's tables from this role. Nobody
-- misses rows that are hidden, so whoever needs all of them has to ask.
-- @module forgelog.connection.hidden
local core = require "forgelog.core"
local uncompiled = require "forgelog.connection.uncompiled"

--- Refuses where a policy may hide rows.
-- @param conn the connection
-- @string name of the table, in the log's schema
-- @string commands what is done with its rows: letters of "r" (SELECT), "w" (UPDATE), "d" (DELETE)
-- @return true; or nil and an error, code "row_security"
return function(conn, name, commands)
  local rows, err = uncompiled(conn):run("connection.hidden", name, commands)
  if not rows then return nil, err end
  if not rows[1] then return true end
  local message = "row level security on %s may hide rows from this role; give it a policy that "
    .. "hides none (USING (true)), or the attribute BYPASSRLS"
  return nil, core.error("schema", message:format(rows[1].name), "42501", { code = "row_security" })
end
