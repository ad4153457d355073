--- Attaching the capture triggers to a table, and taking them away.
-- @module forgelog.tables.attach
local core = require "forgelog.core"
local inspect = require "forgelog.tables.inspect"
local script = require "forgelog.install.script"
local sql = require "forgelog.connection.sql"

local unpack = table.unpack or unpack -- luacheck: ignore 143

local DUPLICATE_OBJECT, UNDEFINED_TABLE, UNDEFINED_COLUMN = "42710", "42P01", "42703" -- SQLSTATEs

local attach = {}

local function refusal(code, message, fields)
  fields = fields or {}
  fields.code = code
  return core.error("schema", message, fields.sqlstate, fields)
end

-- ---- finding the table ----

-- A name as SQL has it ("a", "s.a", '"A b".c') and whether it is a bare one; or nil for a name that
-- can only be meant exactly.
local function as_sql(name)
  local function after_word(text)
    return text:match('^"[^"]+"(.*)$') or text:match("^[%a_\128-\255][%w_$\128-\255]*(.*)$")
  end
  local rest = after_word((name:gsub('""', "__"))) -- a quote inside quotes
  if rest == "" then return name, true end
  if rest and rest:find("^%.") and after_word(rest:sub(2)) == "" then return name, false end
  return nil, true
end

-- The table that a name means: a row of sql/tables/find.sql with `home`, the log's schema.
local function find_table(conn, where, name)
  local home, err = conn:schema_name()
  if not home then return nil, err end
  local text, bare = as_sql(name)
  local rows
  rows, err = conn:run_in(home, "tables.find", text, name, bare)
  if not rows then return nil, err end
  local found = rows[1]
  if not found then
    local message = ("%s: there is no table %s here"):format(where, name)
    return nil, refusal("no_table", message, { sqlstate = UNDEFINED_TABLE })
  end
  found.home = home
  return found
end

local KINDS = { v = "a view", m = "a materialized view", f = "a foreign table" }

-- Why a table can never be watched: a code and the rest of a sentence; nil where it can.
local function unwatchable(found)
  if KINDS[found.kind] then
    return "not_a_table", ("is %s; watch the tables behind it"):format(KINDS[found.kind])
  elseif found.catalog then
    return "catalog", "is a system catalog"
  elseif found.own then
    return "own_table", "is part of the log itself"
  elseif found.temporary then
    return "temporary", "is a temporary table"
  elseif found.by_hand then
    local text = "has the row trigger %s already, and would be logged twice; drop that trigger "
      .. "first"
    return "by_hand", text:format(found.by_hand)
  end
end

-- The first of some columns that the table does not have; false where it has them all; or nil and
-- an error.
local function unknown_column(conn, found, columns)
  for _, column in ipairs(columns) do
    local rows, err = conn:run("tables.column", found.oid, column)
    if not rows then return nil, err end
    if not rows[1] then return column end
  end
  return false
end

-- Whether a table can be watched with these options: true; or nil and an error.
local function admit(conn, found, wanted)
  local code, reason = unwatchable(found)
  if code then return nil, refusal(code, ("watch: %s %s"):format(found.name, reason)) end
  if not found.installed then
    local message = "the log in schema %s has no capture functions"
    return nil, refusal("no_functions", message:format(found.home), { remedy = "install" })
  end
  local column, err = unknown_column(conn, found, wanted.ignore)
  if column == nil then return nil, err end
  if not column then return true end
  local message = ("watch: %s has no column %s to ignore"):format(found.name, column)
  return nil, refusal("no_column", message, { sqlstate = UNDEFINED_COLUMN })
end

-- ---- triggers ----

-- The capture triggers that there are now: `own`, by which the table itself is watched, and
-- `others`, on it and on the partitions below it.
local function find_triggers(conn, found)
  local rows, err = conn:run_in(found.home, "tables.triggers", found.oid)
  if not rows then return nil, err end
  local triggers = { own = {}, others = {} }
  for _, row in ipairs(rows) do
    local is_own = row.oid == found.oid and row.trigger ~= inspect.PARTITION_TRIGGER
    table.insert(is_own and triggers.own or triggers.others, row)
  end
  return triggers
end

-- Whether the triggers do what is wanted already.
local function does(triggers, wanted)
  if #triggers.own == 0 then return false end
  local about = inspect.describe(triggers.own)
  return about.healthy and about.level == wanted.level and about.notify == wanted.notify
    and table.concat(about.ignore, "\0") == table.concat(wanted.ignore, "\0")
end

local function add_drops(statements, rows)
  for _, row in ipairs(rows) do
    local text = "DROP TRIGGER IF EXISTS %s ON %s;"
    statements[#statements + 1] = text:format(sql.identifier(row.trigger), row.quoted)
  end
end

local EVENTS = {
  insert = "AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT",
  update = "AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
    .. "FOR EACH STATEMENT",
  delete = "AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT",
  truncate = "AFTER TRUNCATE ON %s FOR EACH STATEMENT",
  row = "AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW",
}

-- The statement that makes a trigger of a kind on a table.
local function create(home, kind, table_quoted, name, arguments)
  local literals = {}
  for i, argument in ipairs(arguments) do literals[i] = sql.literal(argument) end
  return ("CREATE TRIGGER %s %s EXECUTE FUNCTION %s.forge_capture_%s(%s);"):format(name,
    EVENTS[kind]:format(table_quoted), sql.identifier(home), kind, table.concat(literals, ", "))
end

-- Arguments of a trigger. UPDATE gets the ignored columns. TRUNCATE, which needs none, records the
-- primary key as of now, so that `watched` can see when it changes.
local function arguments_for(kind, mode, wanted, found)
  if kind == "row" or kind == "update" then return { mode, unpack(wanted.ignore) } end
  if kind == "truncate" then return { mode, inspect.KEY, found.key } end
  return { mode }
end

local function add_creates(statements, wanted, found, partitions)
  local mode = wanted.notify and "notify" or "quiet"
  for _, kind in ipairs(inspect.KINDS[wanted.level]) do
    local arguments = arguments_for(kind, mode, wanted, found)
    local name = "forge_capture_" .. kind
    statements[#statements + 1] = create(found.home, kind, found.quoted, name, arguments)
  end
  for _, row in ipairs(partitions) do
    statements[#statements + 1] = create(found.home, "truncate", row.quoted,
      inspect.PARTITION_TRIGGER, { mode, "partition" })
  end
end

-- Replaces the triggers of a table. A partition of a watched table needs no triggers of its own:
-- any that it had are dropped.
local function replace(conn, wanted, found, triggers)
  local statements = {}
  add_drops(statements, triggers.own)
  if not found.ancestor then
    local partitions, err = conn:run("tables.partitions", found.oid)
    if not partitions then return nil, err end
    add_drops(statements, triggers.others)
    add_creates(statements, wanted, found, partitions)
  end
  local hint = "watch needs the right TRIGGER on %s (with triggers to replace: its owner), and "
    .. "EXECUTE on the functions forge_capture_* in schema %s"
  return script.run(conn, table.concat(statements, "\n"), hint:format(found.name, found.home))
end

--- Attaches the triggers. (`forgelog.tables.watch`)
function attach.attach(conn, name, opts)
  local found, err = find_table(conn, "watch", name)
  if not found then return nil, err end
  local ignore = { unpack(opts.ignore or {}) }
  table.sort(ignore)
  local wanted = { level = found.level, notify = opts.notify ~= false, ignore = ignore }
  local ok, triggers
  ok, err = admit(conn, found, wanted)
  if ok then triggers, err = find_triggers(conn, found) end
  if not triggers then return nil, err end
  local is_done = does(triggers, wanted)
  if found.ancestor then is_done = #triggers.own == 0 end
  if is_done then return true, false end
  ok, err = replace(conn, wanted, found, triggers)
  if ok then return true, true end
  -- Somebody else has watched it meanwhile, so there is something else to replace.
  if err.sqlstate == DUPLICATE_OBJECT then return attach.attach(conn, name, opts) end
  return nil, err
end

--- Takes the triggers away. (`forgelog.tables.unwatch`)
function attach.detach(conn, name)
  local found, err = find_table(conn, "unwatch", name)
  local triggers
  if found then triggers, err = find_triggers(conn, found) end
  if not triggers then return nil, err end
  if #triggers.own == 0 then return true, false end
  local of_partitions = {}
  for _, row in ipairs(triggers.others) do
    if row.trigger == inspect.PARTITION_TRIGGER then table.insert(of_partitions, row) end
  end
  local statements = {}
  add_drops(statements, triggers.own)
  add_drops(statements, of_partitions)
  local hint = "unwatch as the owner of " .. found.name
  local ok
  ok, err = script.run(conn, table.concat(statements, "\n"), hint)
  if not ok then return nil, err end
  return true, true
end

return attach
