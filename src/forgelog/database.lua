--- What the parts of the database side share: SQL files, the log's schema, errors.
-- @module forgelog.database
local core = require "forgelog.core"

local database = {}

local folder = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."

--- The text of sql/NAME.sql, with each @word@ replaced by the value of that name.
function database.sql(name, values)
  local file = assert(io.open(folder .. "/sql/" .. name .. ".sql", "rb"))
  local text = file:read("*a")
  file:close()
  return values and text:gsub("@([%w_]+)@", values) or text
end

--- nil and an error of kind "schema".
function database.failed(message, sqlstate)
  return nil, core.error("schema", message, sqlstate)
end

--- Runs statements; where a right is missing, the error goes on with a hint.
function database.run(log, text, hint)
  local ok, err = log:query(text)
  if ok then return true end
  if err.sqlstate == "42501" then return database.failed(("%s; %s"):format(err.message, hint), err.sqlstate) end
  return nil, err
end

--- The first row of a statement with parameters; false where there is none; nil and an error.
function database.one(log, text, ...)
  local rows, err = log:query(text, ...)
  if not rows then return nil, err end
  return rows[1] or false
end

--- The name of the log's schema: as given, as given to connect, where the search path finds a log, or its first one.
function database.schema(log, given)
  if given or log.schema then return given or log.schema end
  local row, err = database.one(log, database.sql("schema"))
  if not row then return nil, err end
  if row.name then return row.name end
  return database.failed("no schema of the search_path exists; say which by the option schema")
end

return database
