--- Having the changes of tables written to the log: triggers on and off.
-- @module forgelog.watch
local check = require "forgelog.check"
local database = require "forgelog.database"
local watched = require "forgelog.watched"

local failed, one, run, sql = database.failed, database.one, database.run, database.sql

local unpack = table.unpack or unpack -- luacheck: ignore 143

local watch = {}

local SERIALIZE = "SELECT pg_catalog.pg_advisory_xact_lock(77306496745476);\n" -- 0x464F52470004: as install does
local PARTITION, KINDS = watched.PARTITION, watched.KINDS

-- A name as SQL says it ("a", "s.a", '"A b".c') and whether it is a bare one; or nil for one that can only be meant exactly.
local function as_sql(name)
  local function after_word(text)
    return text:match('^"[^"]+"(.*)$') or text:match("^[%a_\128-\255][%w_$\128-\255]*(.*)$")
  end
  local rest = after_word((name:gsub('""', "__"))) -- a quote inside quotes
  if rest == "" then return name, true end
  if rest and rest:find("^%.") and after_word(rest:sub(2)) == "" then return name, false end
  return nil, true
end

-- The table that a name means, and the log's schema.
local function find_table(log, where, name)
  local home, err = database.schema(log)
  if not home then return nil, err end
  local text, bare = as_sql(name)
  local found
  found, err = one(log, sql("table"), text, name, home, bare)
  if found then return found, home end
  if found == nil then return nil, err end
  return failed(("%s: there is no table %s here"):format(where, name), "42P01")
end

local kinds = { v = "a view", m = "a materialized view", f = "a foreign table" }

local function unwatchable(found)
  if kinds[found.kind] then return "is " .. kinds[found.kind] .. "; watch the tables behind it" end
  if found.catalog then return "is a system catalog" end
  if found.own then return "is part of the log itself" end
  if found.temporary then return "is a temporary table" end
  if found.by_hand then
    return ("has the row trigger %s already, and would be logged twice; drop that trigger first"):format(found.by_hand)
  end
end

local function same(wanted, rows)
  if #rows == 0 then return false end
  local stands = watched.describe(rows)
  return stands.healthy and stands.level == wanted.level and stands.notify == wanted.notify
    and table.concat(stands.ignore, "\0") == table.concat(wanted.ignore, "\0")
end

-- The triggers by which a table itself is watched, and the others on it and on the partitions below it.
local function find_triggers(log, found, home)
  local all, err = log:query(sql("triggers"), home, found.oid)
  if not all then return nil, err end
  local own, others = {}, {}
  for _, row in ipairs(all) do
    local list = row.oid == found.oid and row.trigger ~= PARTITION and own or others
    list[#list + 1] = row
  end
  return own, others
end

local function drops(...)
  local parts = {}
  for _, rows in ipairs({ ... }) do
    for _, row in ipairs(rows) do
      parts[#parts + 1] = ("DROP TRIGGER IF EXISTS %s ON %s;"):format(row.trigger, row.quoted)
    end
  end
  return table.concat(parts, "\n")
end

local EVENTS = {
  insert = "AFTER INSERT ON %s REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT",
  update = "AFTER UPDATE ON %s REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT",
  delete = "AFTER DELETE ON %s REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT",
  truncate = "AFTER TRUNCATE ON %s FOR EACH STATEMENT",
  row = "AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW",
}

local function create(home, kind, target, words, suffix)
  local args = {}
  for i, word in ipairs(words) do args[i] = "'" .. word:gsub("'", "''") .. "'" end
  return ('CREATE TRIGGER forge_capture_%s%s %s EXECUTE FUNCTION "%s".forge_capture_%s(%s);'):format(kind, suffix or "",
    EVENTS[kind]:format(target), home:gsub('"', '""'), kind, table.concat(args, ", "))
end

-- The words a trigger is given: for an UPDATE the columns to ignore; by that for TRUNCATE the key at this time is known.
local function words_for(kind, mode, wanted, found)
  if kind == "row" or kind == "update" then return { mode, unpack(wanted.ignore) } end
  if kind == "truncate" then return { mode, watched.KEY, found.key } end
  return { mode }
end

local function creates(wanted, found, home, partitions)
  local mode = wanted.notify and "notify" or "quiet"
  local parts = {}
  for _, kind in ipairs(KINDS[wanted.level]) do
    parts[#parts + 1] = create(home, kind, found.quoted, words_for(kind, mode, wanted, found))
  end
  for _, row in ipairs(partitions) do
    parts[#parts + 1] = create(home, "truncate", row.quoted, { mode, "partition" }, "_partition")
  end
  return table.concat(parts, "\n")
end

-- The first of the columns that the table does not have.
local function unknown_column(log, found, columns)
  for _, column in ipairs(columns) do
    local row, err = one(log, sql("column"), found.oid, column)
    if row == nil then return nil, err end
    if not row then return column end
  end
  return false
end

-- Under a watched table nothing is to be added, and what was there before it is dropped.
local function replace(log, wanted, found, home, own, others)
  local script = SERIALIZE .. drops(own, found.ancestor and {} or others)
  if not found.ancestor then
    local partitions, err = log:query(sql("partitions"), found.oid)
    if not partitions then return nil, err end
    script = script .. creates(wanted, found, home, partitions)
  end
  return run(log, script, ("watch needs the right TRIGGER on %s (with triggers to replace: its owner), and EXECUTE on "
    .. "the functions forge_capture_* in schema %s"):format(found.name, home))
end

local function wanted_watch(found, opts)
  local ignore = { unpack(opts.ignore or {}) }
  table.sort(ignore)
  return { level = found.level, notify = opts.notify ~= false, ignore = ignore }
end

-- Whether a table can be watched with these options: true, or nil and an error.
local function admit(log, found, home, wanted)
  local reason = unwatchable(found)
  if reason then return failed(("watch: %s %s"):format(found.name, reason)) end
  if not found.installed then
    return failed(("the log in schema %s has no capture functions; run log:install() first"):format(home))
  end
  local column, err = unknown_column(log, found, wanted.ignore)
  if column == nil then return nil, err end
  if column then return failed(("watch: %s has no column %s to ignore"):format(found.name, column), "42703") end
  return true
end

--- Has every change of a table logged, whoever makes it, from now on. Calling it again changes the options.
-- A plain table gets triggers for whole statements. A partitioned table, and one with inheritance, gets a trigger for
-- rows, which partitions made or attached later get too; its changes are logged under its own name, wherever the
-- statement was aimed. TRUNCATE of a partition is logged as TRUNCATE of the watched table: read it again. For TRUNCATE
-- of a partition that came later, and for a table that joined a partitioned or parent table later, call watch again.
-- Of tables linked by inheritance each logs its own rows alone: watch each. Changes applied by logical replication,
-- and those under session_replication_role = replica, fire no triggers and are not logged.
-- @param log the log
-- @string name a table as SQL names it (`orders`, `sales.orders`, `"Odd Name"`), or its exact name; a bare name is
-- looked for in the log's schema first
-- @tparam[opt] table opts `ignore` (list of columns: an UPDATE of nothing else is not logged), `notify` (false: never
-- wake followers, for tables written under two-phase commit)
-- @return true, and whether anything was changed; or nil and an error
function watch.watch(log, name, opts)
  check.argument("watch", "table", name, "string")
  opts = check.options("watch", opts, { ignore = "names", notify = "boolean" })
  local found, home = find_table(log, "watch", name)
  if not found then return nil, home end
  local wanted = wanted_watch(found, opts)
  local ok, err = admit(log, found, home, wanted)
  if not ok then return nil, err end
  local own, others = find_triggers(log, found, home)
  if not own then return nil, others end
  if found.ancestor and #own == 0 or not found.ancestor and same(wanted, own) then return true, false end
  ok, err = replace(log, wanted, found, home, own, others)
  -- somebody else watched it meanwhile: look again
  if not ok and err.sqlstate == "42710" then return watch.watch(log, name, opts) end
  if not ok then return nil, err end
  return true, true
end

--- Ends that. A table that is not watched is no error.
-- @param log the log
-- @string name the table, as for `watch`
-- @return true, and whether anything was removed; or nil and an error
function watch.unwatch(log, name)
  check.argument("unwatch", "table", name, "string")
  local found, home = find_table(log, "unwatch", name)
  if not found then return nil, home end
  local own, others = find_triggers(log, found, home)
  if not own then return nil, others end
  if #own == 0 then return true, false end
  local gone = {}
  for _, row in ipairs(others) do
    if row.trigger == PARTITION then gone[#gone + 1] = row end
  end
  local ok, err = run(log, SERIALIZE .. drops(own, gone), "unwatch as the owner of " .. found.name)
  if not ok then return nil, err end
  return true, true
end

return watch
