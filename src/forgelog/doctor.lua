--- What makes the promise fail that no committed change is missed silently, and what makes the feed
-- slow.
-- @module forgelog.doctor
local check = require "forgelog.connection.options"
local uncompiled = require "forgelog.connection.uncompiled"
local units = require "forgelog.units"

local doctor = {}

-- Modules forgelog.doctor.NAME: each a list of checks in their order, { name, function, needs_log
-- = true for a check that is not made without a log }. The function is called with the run; it
-- returns nothing, or the error that kept it from its work.
local PARTS = { "server", "log", "tables", "roles", "activity", "consumers" }

local DAY = 86400
local NO_RIGHT = "42501" -- SQLSTATE

-- A run: `conn`, `older_than`, `check` (the name of the check that is at work), `findings`; and
-- what was found before the first check: `server` (columns of sql/doctor/server.sql), `schema`
-- (the name of the log's schema; nil: none can be told, and `no_schema` is the error), `log`
-- (columns of sql/doctor/log.sql). Checks leave there what later ones need.
local Run = {}
Run.__index = Run

local function add(self, severity, code, message, advice)
  self.findings[#self.findings + 1] = {
    check = self.check, code = code, severity = severity, message = message, advice = advice,
  }
end

-- The check at work has found that all is well.
function Run:ok(message) add(self, "ok", "ok", message) end

local function adds(severity)
  return function(self, code, message, advice) add(self, severity, code, message, advice) end
end

-- It has found something else: a code for programs, a message, and what to do.
Run.note, Run.warning, Run.error = adds("note"), adds("warning"), adds("error")

-- The rows of sql/doctor/NAME.sql for the log's schema; or nil and an error.
function Run:ask(name, ...) return self.conn:run_in(self.schema, "doctor." .. name, ...) end

-- The words that run a command of forgelog on this log.
function Run:command(words)
  local schema = self.conn.schema
  return ("forgelog %s%s"):format(words, schema and " --schema " .. units.word(schema) or "")
end

-- The log as SQL names it.
function Run:log_name() return self.log.schema .. ".forge_change_log" end

-- The GRANT by which this role may look into the log's schema.
function Run:usage()
  return ("GRANT USAGE ON SCHEMA %s TO %s"):format(self.log.schema, self.server.role)
end

-- Why the rows of the log and its state cannot be read: a code, a message, and what to do; nil
-- where they can.
local function unreadable(self)
  local log, role = self.log, self.server.role
  if log.locked_by then
    return "locked", "the log is locked", "wait for that lock to go"
  elseif not log.may_use_schema then
    return "may_not_use_schema", "it takes USAGE on schema " .. log.schema, self:usage()
  elseif not log.may_read then
    return "may_not_read", "it takes SELECT on the log",
      ("GRANT SELECT ON %s TO %s"):format(self:log_name(), role)
  elseif log.has_state and not log.may_read_state then
    return "may_not_read_state", "it takes SELECT on the log's state",
      ("GRANT SELECT ON %s_state TO %s"):format(self:log_name(), role)
  elseif log.missing_columns then
    return "missing_columns", "the log has no column " .. log.missing_columns,
      self:command("install")
  end
end

-- Whether the rows of the log can be read. Where not, a note says why the check was not made.
function Run:readable()
  if not self.log.exists then return false end
  local code, message, advice = unreadable(self)
  if code then self:note(code, "not checked: " .. message, advice) end
  return not code
end

-- The check at work has failed itself.
local function failed(self, err)
  local advice = "see to that, and look again"
  if err.sqlstate == NO_RIGHT then
    advice = "have that granted to role %s, or look as the owner of the log"
    advice = advice:format(self.server.role)
  end
  self:warning("failed", "could not be checked: " .. err.message, advice)
end

-- What the checks begin from. An error where there is no answer at all.
local function find_facts(self)
  local conn = self.conn
  local rows, err = conn:run("doctor.server")
  if not rows then return err end
  self.server = rows[1]
  self.schema, err = conn:schema_name()
  if not self.schema then
    self.no_schema, self.log = err, { exists = false, schema_exists = false }
    return err.code ~= "no_schema" and err or nil
  end
  rows, err = self:ask("log")
  if not rows then return err end
  self.log = rows[1]
end

-- Makes all checks. An error where the connection ended meanwhile.
local function examine(self)
  for _, part in ipairs(PARTS) do
    for _, entry in ipairs(require("forgelog.doctor." .. part)) do
      self.check = entry[1]
      local err
      if self.log.exists or not entry.needs_log then err = entry[2](self) end
      if err and (self.conn:lost() or self.conn:closed()) then return err end
      if err then failed(self, err) end
    end
  end
end

--- Looks for all that makes the promise fail or the feed slow. Changes nothing. Not for use inside
-- a transaction, which a check that may not read something would abort.
-- @tparam forgelog.connection.Connection conn the connection; there may be no log in the database
-- @tparam[opt] forgelog.doctor.Options opts
-- @treturn forgelog.doctor.Finding[] one or more for each check made
-- @fails where nothing can be said, such as when the connection is lost
function doctor.diagnose(conn, opts)
  opts = check.options("diagnose", opts, { older_than = "seconds" })
  local self = { conn = uncompiled(conn), older_than = opts.older_than or DAY, findings = {} }
  setmetatable(self, Run)
  local err = find_facts(self) or examine(self)
  if err then return nil, err end
  return self.findings
end

return doctor
