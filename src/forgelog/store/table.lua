--- Keeps a consumer's position in the table forge_change_log_consumers beside the log. With the
-- consumer's `transaction = true` it commits together with what the handler writes, so that each
-- change takes effect exactly once.
-- @module forgelog.store.table
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local hidden = require "forgelog.connection.hidden"

local function load(log, name)
  local rows
  local ok, err = hidden(log.connection, "forge_change_log_consumers", "rw")
  if ok then rows, err = log.connection:run("consumer.load", name) end
  if not rows then return nil, err end
  return rows[1] and rows[1].position
end

-- Whether it was saved; or nil and an error.
local function try(log, name, position, last, claim)
  if claim and claim.save then return claim:save(log.connection, position, last) end
  local rows, err = log.connection:run("consumer.save", name, position, last)
  if not rows then return nil, err end
  return rows[1].saved
end

local function save(log, name, position, last, claim)
  local saved, err = try(log, name, position, last, claim)
  if saved == nil then return nil, err end
  if saved then return true end
  local message = ("the position of consumer %s was moved by another of that name"):format(name)
  -- Loaded again, it is right.
  return nil, core.error("query", message, nil, { code = "superseded", retryable = true })
end

--- Makes a store for a consumer, in the database: see `forgelog.store`.
-- @function table
-- @tparam[opt] forgelog.store.TableOptions options
-- @treturn forgelog.store.Store
return function(options)
  options = check.options("consumer.table", options, { conninfo = "any" })
  return { load = load, save = save, transactional = true, conninfo = options.conninfo }
end
