--- Scripts that change the database side of forgelog: one of them runs at a time, and where a right
-- is missing, the error says which role can do it.
-- @module forgelog.install.script
local core = require "forgelog.core"
local sql = require "forgelog.connection.sql"

local MISSING_RIGHT = "42501" -- SQLSTATE

local script = {}

--- Runs statements as one transaction, after every other script that is under way.
-- @param conn the connection
-- @string text the statements
-- @string hint what it takes, for an error about a missing right
-- @return true; or nil and an error
function script.run(conn, text, hint)
  local rows, err = conn:query(sql.fill("ddl.serialize", {}) .. "\n" .. text)
  if rows then return true end
  if err.sqlstate ~= MISSING_RIGHT then return nil, err end
  local message = ("%s; %s"):format(err.message, hint)
  return nil, core.error("schema", message, err.sqlstate, { code = "missing_right" })
end

return script
