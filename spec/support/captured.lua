--- What triggers have written to a log, in short lines: for specs of capture.
-- @module support.captured
local logs = require "support.logs"
local support = require "support"

local captured = {}
captured.__index = captured

local FIELDS = "seq, op, table_name, row_id, changed_cols, kept_cols, "
  .. "array_to_string(old_values, '|', '-') AS was, array_to_string(new_values, '|', '-') AS is_now"

--- An object that sees what is written to this log from now on.
-- @param log of somebody who may read it
function captured.new(log)
  local self = setmetatable({ log = log, last = 0 }, captured)
  self:list()
  return self
end

-- A change as "OP table id cols", with "-" for NULL; kept values follow as " was>is_now".
local function line(row)
  local text = ("%s %s %s %s"):format(row.op, row.table_name, row.row_id or "-",
    row.changed_cols or "-")
  if not row.kept_cols then return text end
  return ("%s %s>%s"):format(text, row.was or "", row.is_now or "")
end

--- What was written since the last call, as "OP table id cols" with "-" for NULL; where values were
-- kept, " was>is_now" follows.
function captured:list()
  local list = {}
  for _, row in ipairs(logs.must(self.log, "SELECT " .. FIELDS
    .. " FROM forge_change_log WHERE seq > $1 ORDER BY seq", self.last)) do
    self.last = row.seq
    list[#list + 1] = line(row)
  end
  return list
end

--- The same as one line, sorted where `any_order`.
function captured:text(any_order)
  local list = self:list()
  if any_order then table.sort(list) end
  return table.concat(list, "; ")
end

--- Runs SQL on a log, and returns what was written.
function captured:of(log, sql, ...)
  logs.must(log, sql, ...)
  return self:text()
end

--- Makes a table and watches it.
-- @param log
-- @param sql that makes it
-- @param name
-- @param opts of watch
function captured:watch(sql, name, opts)
  logs.must(self.log, sql)
  local ok, err = self.log:watch(name, opts)
  if not ok then error(tostring(err), 2) end
end

--- Gives all specs of a block one database with an empty log.
-- @param set called with the log, what sees its changes, and the database's name
function captured.in_all(set)
  local busted, db, log = require "busted"
  busted.setup(function()
    db, log = logs.empty()
    assert(log:install())
    set(log, captured.new(log), db)
  end)
  busted.teardown(function()
    log:close()
    support.drop(db)
  end)
end

return captured
