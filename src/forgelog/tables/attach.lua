--- Attaching the capture triggers to a table, and taking them away.
-- @module forgelog.tables.attach
local arguments = require "forgelog.tables.arguments"
local compile = require "forgelog.tables.compile"
local find = require "forgelog.tables.find"
local inspect = require "forgelog.tables.inspect"
local script = require "forgelog.install.script"
local sql = require "forgelog.connection.sql"

local unpack = table.unpack or unpack -- luacheck: ignore 143

local DUPLICATE_OBJECT = "42710" -- SQLSTATE

local attach = {}

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

-- Whether the triggers do what is wanted already.
local function does(triggers, wanted, found)
  if #triggers.own == 0 then return false end
  local about = inspect.describe(triggers.own)
  for _, row in ipairs(triggers.own) do
    if row.trigger ~= trigger_name(row.kind, found) then return false end
    if row.calls ~= function_name(row.kind, found) and found.may_compile then return false end
  end
  return about.healthy and about.level == wanted.level and about.notify == wanted.notify
    and table.concat(about.ignore, "\0") == table.concat(wanted.ignore, "\0")
    and table.concat(about.keep, "\0") == table.concat(wanted.keep, "\0")
end

-- Whether the functions that the triggers call are those of the table as it is now: true, false, or
-- nil and an error.
local function is_fresh(conn, found)
  if not found.may_compile then return true end
  local rows, err = conn:run_in(found.home, "tables.stale", found.oid)
  if not rows then return nil, err end
  return #rows == 0
end

-- ---- statements ----

local function add_drop(statements, row)
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
local function add_own(statements, wanted, found, triggers)
  local before, keeps = {}, {}
  for _, row in ipairs(triggers.own) do before[row.kind] = row end
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
  for _, row in ipairs(triggers.own) do
    if not keeps[row.trigger] then add_drop(statements, row) end
  end
end

local function add_partitions(statements, wanted, found, triggers, partitions)
  local keeps = {}
  for _, row in ipairs(partitions) do
    keeps[row.quoted] = true
    add_create(statements, found.home, "truncate", row.quoted, inspect.PARTITION_TRIGGER,
      "forge_capture_truncate", { wanted.notify and "notify" or "quiet", "partition" })
  end
  for _, row in ipairs(triggers.others) do
    if row.trigger ~= inspect.PARTITION_TRIGGER or not keeps[row.quoted] then
      add_drop(statements, row)
    end
  end
end

-- What writes down that the table is watched, where this role may; the triggers are recognized by
-- the transaction that made them.
local function add_record(statements, found)
  if not found.may_record then return end
  statements[#statements + 1] = sql.fill("ddl.record", {
    schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid),
    name = sql.literal(found.name),
  })
end

-- What forgets it again.
local function add_unrecord(statements, found)
  if not found.may_record then return end
  statements[#statements + 1] = sql.fill("ddl.unrecord",
    { schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid) })
end

local HINT = "watch needs the right TRIGGER on %s (with triggers to replace: its owner), and "
  .. "EXECUTE on the functions forge_capture_* in schema %s"

local function run(conn, found, statements, hint, lock_timeout)
  return script.run(conn, table.concat(statements, "\n"), {
    hint = hint, name = found.name, oid = found.oid, alone = true, exclusive = statements.drops,
    lock_timeout = lock_timeout,
  })
end

-- The functions of the table alone, made for it as it is now; nothing where this role may make
-- none.
local function add_functions(conn, statements, wanted, found)
  if not found.may_compile then return true end
  local kinds = wanted.level == "row" and { "row" } or { "insert", "update", "delete" }
  local text, err = compile.of_table(conn, found.home, found.oid, kinds,
    arguments.to_array(arguments.of(kinds[1], wanted, found)), found.capture_owner)
  if err then return nil, err end
  if not text then found.may_compile = false end
  statements[#statements + 1] = text
  return true
end

-- Replaces the triggers of a table. A partition of a watched table needs no triggers of its own:
-- any that it had are dropped.
local function replace(conn, wanted, found, triggers)
  local statements = {}
  if found.ancestor then
    for _, row in ipairs(triggers.own) do add_drop(statements, row) end
    add_unrecord(statements, found)
  else
    local ok, err = add_functions(conn, statements, wanted, found)
    local partitions
    if ok then partitions, err = conn:run("tables.partitions", found.oid) end
    if not partitions then return nil, err end
    add_own(statements, wanted, found, triggers)
    add_partitions(statements, wanted, found, triggers, partitions)
    add_record(statements, found)
  end
  return run(conn, found, statements, HINT:format(found.name, found.home), wanted.lock_timeout)
end

-- ---- watch, unwatch ----

-- Whether nothing is to be done; or nil and an error.
local function is_done(conn, wanted, found, triggers)
  if found.ancestor then return #triggers.own == 0 end
  if not does(triggers, wanted, found) then return false end
  return is_fresh(conn, found)
end

-- Where the triggers stand as they should, they are written down as they are.
local function confirm(conn, found)
  local statements = {}
  if found.ancestor then return true end
  add_record(statements, found)
  if #statements == 0 then return true end
  local ok, err = conn:query(statements[1])
  return ok and true, err
end

--- Attaches the triggers. (`forgelog.tables.watch`)
function attach.attach(conn, name, opts)
  local found, err = find.table(conn, "watch", name)
  if not found then return nil, err end
  local ignore = { unpack(opts.ignore or {}) }
  table.sort(ignore)
  local wanted = {
    level = found.level, notify = opts.notify ~= false, ignore = ignore, keep = opts.keep or {},
    unlogged = opts.unlogged, lock_timeout = opts.lock_timeout,
  }
  local ok, triggers, done
  ok, err = find.admit(found, wanted)
  if ok then triggers, err = find_triggers(conn, found) end
  if triggers then done, err = is_done(conn, wanted, found, triggers) end
  if err then return nil, err end
  if done then
    ok, err = confirm(conn, found)
    if not ok then return nil, err end
    return true, false
  end
  ok, err = replace(conn, wanted, found, triggers)
  if ok then return true, true end
  -- Somebody else has watched it meanwhile, so there is something else to replace.
  if err.sqlstate == DUPLICATE_OBJECT then return attach.attach(conn, name, opts) end
  return nil, err
end

--- Makes the functions and triggers of a table that is watched anew, with the options that it has.
-- @param conn the connection
-- @tparam table about of `forgelog.tables.watched`
-- @number[opt] lock_timeout seconds, as for `forgelog.tables.watch`
-- @return true, and whether anything was changed; or nil and an error
function attach.renew(conn, about, lock_timeout)
  local name = sql.identifier(about.schema) .. "." .. sql.identifier(about.table)
  return attach.attach(conn, name, {
    ignore = about.ignore, keep = about.keep, notify = about.notify, unlogged = true,
    lock_timeout = lock_timeout,
  })
end

-- Forgets a table that is gone: whether it was remembered; or nil and an error.
local function forget(conn, name, err)
  if err.code ~= "no_table" then return nil, err end
  local rows, failed = conn:run("tables.forget", name)
  if not rows then return nil, failed end
  return #rows > 0 and true or nil, err
end

--- Takes the triggers away. (`forgelog.tables.unwatch`)
function attach.detach(conn, name)
  local found, err = find.table(conn, "unwatch", name)
  if not found then
    local forgotten
    forgotten, err = forget(conn, name, err)
    if not forgotten then return nil, err end
    return true, true
  end
  local triggers
  triggers, err = find_triggers(conn, found)
  if not triggers then return nil, err end
  if #triggers.own == 0 then return true, false end
  local statements = {}
  for _, row in ipairs(triggers.own) do add_drop(statements, row) end
  for _, row in ipairs(triggers.others) do
    if row.trigger == inspect.PARTITION_TRIGGER then add_drop(statements, row) end
  end
  add_unrecord(statements, found)
  statements[#statements + 1] = sql.fill("ddl.sweep",
    { schema = sql.identifier(found.home), relation = ("%.0f"):format(found.oid) })
  local ok
  ok, err = run(conn, found, statements, "unwatch as the owner of " .. found.name)
  if not ok then return nil, err end
  return true, true
end

return attach
