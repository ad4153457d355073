--- The claim on a consumer's name, so that one consumer of a name runs at a time. It belongs to the
-- session, and ends with it.
-- @module forgelog.consumer.claim
local core = require "forgelog.core"

local claim = {}

--- Takes it.
-- @param conn the connection
-- @string name of the consumer
-- @return true, and whether a pooler stands before the server, where the claim may outlive this
-- session; or nil and an error, SQLSTATE 55P03 while another session has it
function claim.take(conn, name)
  local rows, err = conn:run("consumer.claim", name)
  if not rows then return nil, err end
  if rows[1].got then return true, rows[1].pid ~= conn:fact("backend") end
  local message = ("another consumer named %s is running"):format(name)
  return nil, core.error("query", message, "55P03", { code = "name_taken" })
end

--- Gives it back before the session ends.
-- @param conn the connection
-- @string name of the consumer
function claim.release(conn, name) conn:run("consumer.release", name) end

--- Removes the position that a consumer has saved in the table store, unless it runs. It then
-- starts over, and no longer holds up a trim. (`consumer.forget`)
-- @param conn the connection
-- @string name of the consumer
-- @return the position (false: there was none); or nil and an error, SQLSTATE 55P03 while it runs
function claim.forget(conn, name)
  local ok, err = conn:locate()
  if ok then ok, err = claim.take(conn, name) end
  if not ok then return nil, err end
  local rows
  rows, err = conn:run("consumer.forget", name)
  claim.release(conn, name)
  if not rows then return nil, err end
  return rows[1] and rows[1].position or false
end

return claim
