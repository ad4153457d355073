--- What makes the promise fail, that no committed change is missed silently, and what makes the feed slow.
-- @module forgelog.doctor
local check = require "forgelog.check"
local database = require "forgelog.database"

local doctor = {}

local PARTS = { "server", "setup", "tables", "roles", "traffic" } -- forgelog.doctor.NAME: each a list of checks in order

-- A run: `log`, `older_than`, `server` and `place` (what sql/doctor.sql and sql/doctor_log.sql found), `findings`.
local Run = {}
Run.__index = Run

local function says(severity)
  return function(self, name, message, advice)
    self.findings[#self.findings + 1] = { check = name, severity = severity, message = message, advice = advice }
  end
end

Run.ok, Run.note, Run.warning, Run.error = says("ok"), says("note"), says("warning"), says("error")

--- The words that run a command of forgelog on this log.
function Run:command(words)
  return ("forgelog %s%s"):format(words, self.log.schema and " --schema " .. self.word(self.log.schema) or "")
end

--- A name as a word for the shell.
function Run.word(name)
  if name:find("^[%w_.][%w_.-]*$") then return name end
  return "'" .. name:gsub("'", [['\'']]) .. "'"
end

-- Why the rows of the log and its state cannot be read, and what to do.
local function unreadable(self)
  local place = self.place
  local role = self.server.quoted_role
  if place.locked_by then return "the log is locked", "wait for that lock to go" end
  if not place.uses then return "it takes USAGE on schema " .. place.schema, self:usage() end
  if not place.reads then
    return "it takes SELECT on the log", ("GRANT SELECT ON %s.forge_change_log TO %s"):format(place.schema, role)
  elseif place.state and not place.reads_state then
    return "it takes SELECT on its state", ("GRANT SELECT ON %s.forge_change_log_state TO %s"):format(place.schema, role)
  elseif place.lacks then
    return "the log has no column " .. place.lacks, self:command("install")
  end
end

--- The GRANT by which this role may look into the log's schema.
function Run:usage()
  return ("GRANT USAGE ON SCHEMA %s TO %s"):format(self.place.schema, self.server.quoted_role)
end

--- Whether the rows of the log can be read; where not, a check of that name says why it was not made.
function Run:readable(name)
  if not self.place.log then return false end
  local why, advice = unreadable(self)
  if why then self:note(name, "not checked: " .. why, advice) end
  return not why
end

-- A check that failed itself.
local function unable(self, name, err)
  local advice = "see to that, and look again"
  if err.sqlstate == "42501" then
    advice = ("have that granted to role %s, or look as the owner of the log"):format(self.server.quoted_role)
  end
  self:warning(name, "could not be checked: " .. err.message, advice)
end

-- What the checks begin from; an error where there is no answer at all.
local function find_facts(self)
  local log = self.log
  local err, name
  self.server, err = database.one(log, database.sql("doctor"))
  if not self.server then return err end
  name, self.nowhere = database.schema(log)
  self.place, err = database.one(log, database.sql("doctor_log"), name)
  return not self.place and err or nil
end

local function examine(self)
  for _, part in ipairs(PARTS) do
    for _, entry in ipairs(require("forgelog.doctor." .. part)) do
      local err = entry[2](self)
      if err and (self.log._lost or self.log._closed) then return err end
      if err then unable(self, entry[1], err) end
    end
  end
end

--- Looks for all that makes the promise fail or the feed slow. Changes nothing. Not for use inside a transaction, which a
-- check that may not read something would abort.
-- @param log the log; there may be none in the database yet
-- @tparam[opt] table opts `older_than` (seconds: age of changes that a trim should have deleted; default 86400)
-- @return a list of findings, one or more for each check made: `check` (its name), `severity` ("ok", "note", "warning": it
-- is slow, held up, or will fail soon; "error": changes are or will be missed, or writes fail), `message`, and `advice`
-- (what to do; nil where all is well); or nil and an error where nothing can be said, such as when the connection is lost
function doctor.diagnose(log, opts)
  opts = check.options("diagnose", opts, { older_than = "seconds" })
  local self = setmetatable({ log = log, older_than = opts.older_than or 86400, findings = {} }, Run)
  local err = find_facts(self) or examine(self)
  if err then return nil, err end
  return self.findings
end

return doctor
