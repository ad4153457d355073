---@meta forgelog.doctor

---How bad it is.
---@alias forgelog.doctor.Severity
---| "ok" # all is well
---| "note" # good to know
---| "warning" # it is slow, held up, or will fail soon
---| "error" # changes are or will be missed, or writes fail

---Options of `diagnose`.
---@class forgelog.doctor.Options
---seconds: age of changes that a trim should have deleted (default: 86400)
---@field older_than? number

---What a check has found.
---@class forgelog.doctor.Finding
---its name
---@field check string
---what was found, for programs: "ok", "no_log" ...
---@field code string
---how bad it is
---@field severity forgelog.doctor.Severity
---in words
---@field message string
---what to do; nil where all is well
---@field advice? string

---What makes the promise fail that no committed change is missed silently, and what makes the feed
---slow.
---@class forgelog.doctor
local doctor = {}

---Looks for all that makes the promise fail or the feed slow. Changes nothing. Not for use inside
---a transaction, which a check that may not read something would abort.
---@param conn forgelog.connection.Connection the connection; there may be no log in the database
---@param opts? forgelog.doctor.Options
---@return forgelog.doctor.Finding[]? # one or more for each check made
---@return forgelog.Error # where nothing can be said, such as when the connection is lost
function doctor.diagnose(conn, opts) end

return doctor
