--- What writes needs the primary: a hot standby says so plainly, before anything is begun.
-- @module forgelog.connection.primary
local core = require "forgelog.core"

local READ_ONLY = "25006" -- SQLSTATE

--- Refuses what a hot standby cannot do.
-- @param conn the connection; the log must have been located
-- @string what needs the primary, as a message begins
-- @string[opt] instead what to do but to connect to that, in words
-- @return true; or nil and an error, SQLSTATE 25006, code "standby"; it may be promoted, so where
-- there is something to do instead it is retryable
-- @function primary
return function(conn, what, instead)
  if not conn:fact("standby") then return true end
  local message = "%s needs the primary, and this server is a hot standby: connect to the primary "
    .. "(target_session_attrs=read-write finds it)%s"
  return nil, core.error("query", message:format(what, instead and ", or " .. instead or ""),
    READ_ONLY, { code = "standby", retryable = instead ~= nil })
end
