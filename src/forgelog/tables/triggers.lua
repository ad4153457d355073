--- The capture triggers of a table: which there are, whether they do what is wanted, and the
-- statements that make them do it.
-- @module forgelog.tables.triggers
local arguments = require "forgelog.tables.arguments"
local compile = require "forgelog.tables.compile"
local inspect = require "forgelog.tables.inspect"
local sql = require "forgelog.connection.sql"
local uncompiled = require "forgelog.connection.uncompiled"

local triggers = {}

--- The capture triggers that there are now.
-- @param conn the connection
-- @tparam table found of `forgelog.tables.find`
-- @return a table of `own` (rows of sql/tables/triggers.sql: those by which the table itself is
-- watched) and `others` (on it and on the partitions below it); or nil and an error
function triggers.find(conn, found)
  local rows, err = uncompiled(conn):run_in(found.home, "tables.triggers", found.oid)
  if not rows then return nil, err end
  local there = { own = {}, others = {} }
  for _, row in ipairs(rows) do
    local is_own = row.oid == found.oid and row.trigger ~= inspect.PARTITION_TRIGGER
    table.insert(is_own and there.own or there.others, row)
  end
  return there
end

-- The name of a trigger. That for rows is copied to partitions, and a partition may be watched by
-- itself, or have been so: no two tables have it under one name.
local function trigger_name(kind, found)
  if kind == "row" then return compile.name(kind, found.oid) end
  return "forge_capture_" .. kind
end

-- The function that a trigger calls: one of this table alone where this role may make one.
local function function_name(kind, found)
  if kind == "truncate" or not found.may_compile then return "forge_capture_" .. kind end
  return compile.name(kind, found.oid)
end

--- Whether the triggers do what is wanted already.
-- @tparam table there of `find`
-- @tparam table wanted `level`, `notify`, `ignore` and `keep`
-- @tparam table found of `forgelog.tables.find`
-- @treturn bool
function triggers.do_that(there, wanted, found)
  if #there.own == 0 then return false end
  local about = inspect.describe(there.own)
  for _, row in ipairs(there.own) do
    if row.trigger ~= trigger_name(row.kind, found) then return false end
    if row.calls ~= function_name(row.kind, found) and found.may_compile then return false end
  end
  return about.healthy and about.level == wanted.level and about.notify == wanted.notify
    and table.concat(about.ignore, "\0") == table.concat(wanted.ignore, "\0")
    and table.concat(about.keep, "\0") == table.concat(wanted.keep, "\0")
end

--- Adds the statement that drops a trigger.
-- @tparam table statements a list; its field `drops` becomes true, since that locks readers out
-- @tparam table row of sql/tables/triggers.sql
function triggers.add_drop(statements, row)
  local text = "DROP TRIGGER IF EXISTS %s ON %s;"
  statements[#statements + 1] = text:format(sql.identifier(row.trigger), row.quoted)
  statements.drops = true
end

local EVENTS = {
  insert = "AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT",
  update = "AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
    .. "FOR EACH STATEMENT",
  delete = "AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT",
  truncate = "AFTER TRUNCATE ON %s FOR EACH STATEMENT",
  row = "AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW",
}

-- Makes a trigger, or replaces the one of that name, which locks no reader out. It is enabled.
local function add_create(statements, home, kind, quoted, trigger, calls, list)
  local literals = {}
  for i, argument in ipairs(list) do literals[i] = sql.literal(argument) end
  statements[#statements + 1] = ("CREATE OR REPLACE TRIGGER %s %s EXECUTE FUNCTION %s.%s(%s);")
    :format(trigger, EVENTS[kind]:format(quoted), sql.identifier(home), calls,
      table.concat(literals, ", "))
end

-- The triggers of the table itself. One that somebody has enabled for ever stays so.
local function add_own(statements, wanted, found, there)
  local before, keeps = {}, {}
  for _, row in ipairs(there.own) do before[row.kind] = row end
  for _, kind in ipairs(inspect.KINDS[wanted.level]) do
    local name = trigger_name(kind, found)
    keeps[name] = true
    add_create(statements, found.home, kind, found.quoted, name, function_name(kind, found),
      arguments.of(kind, wanted, found))
    if before[kind] and before[kind].always then
      local text = "ALTER TABLE %s ENABLE ALWAYS TRIGGER %s;"
      statements[#statements + 1] = text:format(found.quoted, name)
    end
  end
  for _, row in ipairs(there.own) do
    if not keeps[row.trigger] then triggers.add_drop(statements, row) end
  end
end

local function add_partitions(statements, wanted, found, there, partitions)
  local keeps = {}
  for _, row in ipairs(partitions) do
    keeps[row.quoted] = true
    add_create(statements, found.home, "truncate", row.quoted, inspect.PARTITION_TRIGGER,
      "forge_capture_truncate", { wanted.notify and "notify" or "quiet", "partition" })
  end
  for _, row in ipairs(there.others) do
    if row.trigger ~= inspect.PARTITION_TRIGGER or not keeps[row.quoted] then
      triggers.add_drop(statements, row)
    end
  end
end

-- Locks a table and its partitions at once, before anything else is done to them, where this role
-- may: whoever writes to a partition may want the table next, and then nobody must wait for that
-- partition while the table is locked.
local function add_lock(statements, found, partitions)
  if not (found.may_lock and partitions[1]) then return end
  local names = {}
  for i, row in ipairs(partitions) do names[i] = "ONLY " .. row.quoted end
  statements[#statements + 1] = ("LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE;"):format(
    found.quoted)
  statements[#statements + 1] = ("LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE NOWAIT;"):format(
    table.concat(names, ", "))
end

--- Adds the statements that make the triggers of a table and of the partitions below it do what is
-- wanted.
-- @tparam table statements a list
-- @tparam table wanted as of `do_that`
-- @tparam table found of `forgelog.tables.find`
-- @tparam table there of `find`
-- @tparam table partitions rows of sql/tables/partitions.sql
function triggers.add(statements, wanted, found, there, partitions)
  add_lock(statements, found, partitions)
  add_own(statements, wanted, found, there)
  add_partitions(statements, wanted, found, there, partitions)
end

return triggers
