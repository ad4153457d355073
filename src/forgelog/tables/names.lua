--- What the names of tables mean that a drain, a feed or a consumer is to deliver: those under
-- which changes of these tables stand in the log. A name that is neither a watched table's nor in
-- the log is an error, since nothing would ever come for it, and nobody would be told.
-- @module forgelog.tables.names
local arrays = require "forgelog.connection.arrays"
local as_logged = require "forgelog.tables.as_logged"
local closest = require "forgelog.tables.closest"
local columns = require "forgelog.tables.columns"
local core = require "forgelog.core"
local find = require "forgelog.tables.find"
local tracked = require "forgelog.tables.tracked"
local uncompiled = require "forgelog.connection.uncompiled"

local STRIDE = 1000000 -- seqs of the log that one statement looks through ...
local AGAIN = 100000 -- ... and so many newest ones again, since transactions were open there
local UNDEFINED_TABLE = "42P01" -- SQLSTATE

local names = {}

-- ---- what the catalog says ----

local function add(one, name)
  if not name or one.has[name] then return end
  one.has[name] = true
  one.logged[#one.logged + 1] = name
end

-- Each name with what sql/tables/names.sql says of it: `logged` (list of the names in the log),
-- `known` (whether it is captured, as far as can be told). And whether more is written down.
local function look_up(conn, list)
  local exact, sql, schemas, relations = {}, {}, {}, {}
  for i, name in ipairs(list) do
    exact[i], sql[i] = name, find.as_sql(name) or false
    schemas[i], relations[i] = as_logged(name)
  end
  local rows, err = conn:run("tables.names", arrays.write(exact), arrays.write(sql),
    arrays.write(schemas), arrays.write(relations))
  if not rows then return nil, err end
  local all, remembers = {}, false
  for _, row in ipairs(rows) do
    local one = all[row.place] or { name = list[row.place], table = row.quoted, oid = row.oid,
      own = row.spelled, logged = {}, has = {}, captured = {} }
    all[row.place], remembers = one, row.remembers
    add(one, one.name)
    add(one, row.spelled)
    add(one, row.name)
    if row.relation then one.captured[row.relation] = row.called end
    one.known = one.known or row.name ~= nil or row.quoted ~= nil and row.plain
  end
  return all, remembers
end

-- Adds what is written down of one table that was watched under another name than it has now.
local function add_renamed(one, row)
  if one.captured[row.relation] then
    if not row.taken then add(one, row.name) end
  elseif not one.table and one.has[row.name] then
    add(one, row.name_now)
    one.known, one.captured[row.relation] = true, row.name_now
  end
end

-- Adds how a table was called while it was followed, which need not be written down. All of these
-- names stay: changes under an earlier one may not have been read yet.
local function add_seen(one, renamed)
  for _, name in ipairs(renamed) do
    add(one, name)
    one.known = true
  end
end

local function add_remembered(conn, all)
  local logged, relations = {}, {}
  for _, one in ipairs(all) do
    for _, name in ipairs(one.logged) do logged[#logged + 1] = name end
    for relation in pairs(one.captured) do relations[#relations + 1] = ("%.0f"):format(relation) end
  end
  local rows, err = conn:run("tables.renamed", arrays.write(logged), arrays.write(relations))
  if not rows then return nil, err end
  for _, row in ipairs(rows) do
    for _, one in ipairs(all) do add_renamed(one, row) end
  end
  return true
end

-- ---- what the log says ----

-- How far the log was looked through for all of some names that are not found yet.
local function searched_to(list, memory)
  local to = math.huge
  for _, name in ipairs(list) do
    if not memory.found[name] then to = math.min(to, memory.searched[name] or 0) end
  end
  return to
end

-- Which of some names are in the log, looked for from its end. What was looked through before is
-- not again, but for its end: what was found there counts as found for ever.
local function search(conn, list, memory)
  local ok, err = conn:seqs()
  if not ok then return nil, err end
  local smallest, upto = conn:fact("smallest"), conn:fact("largest")
  memory.found, memory.searched = memory.found or {}, memory.searched or {}
  local found, to, left = memory.found, upto, 0
  for _, name in ipairs(list) do left = left + (found[name] and 0 or 1) end
  if not smallest or not upto or left == 0 then return found end
  local from = math.max(smallest - 1, searched_to(list, memory) - AGAIN)
  while upto > from and left > 0 do
    local before = math.max(from, upto - STRIDE)
    local rows
    rows, err = conn:run("tables.logged", arrays.write(list), before, upto)
    if not rows then return nil, err end
    for _, row in ipairs(rows) do
      if not found[row.name] then found[row.name], left = true, left - 1 end
    end
    upto = before
  end
  for _, name in ipairs(list) do memory.searched[name] = to end
  return found
end

-- Looks in the log for all that the catalog does not know. It is asked no more for a name that was
-- known once.
local function look_in_log(conn, all, memory)
  local list = {}
  for _, one in ipairs(all) do
    one.known = one.known or memory.known and memory.known[one.name]
    if not one.known then
      for _, name in ipairs(one.logged) do list[#list + 1] = name end
    end
  end
  if #list == 0 then return true end
  local found, err = search(conn, list, memory)
  if not found then return nil, err end
  for _, one in ipairs(all) do
    for _, name in ipairs(one.logged) do one.known = one.known or found[name] end
  end
  return true
end

-- ---- what is told ----

-- Whether a table can be watched at all: not one of the system, nor of the log itself.
local function is_watchable(one)
  local place, relation = one.table:match("^([^.]*)%.(.*)$")
  return not (place == "pg_catalog" or place == "information_schema" or place == "pg_toast"
    or one.has[relation] and relation:find("^forge_change_log"))
end

local function not_watched(where, one)
  local message = "%s: table %s is not watched, and the log has no change of it"
  local fields = { code = "not_watched", table = one.name }
  if is_watchable(one) then
    fields.remedy, fields.hint = "watch", ("run log:watch(%q) first"):format(one.name)
  end
  return core.error("schema", message:format(where, one.name), nil, fields)
end

local function no_table(conn, where, one, rest)
  local message = ("%s: there is no table %s here%s"):format(where, one.name, rest)
  local rows, err = conn:run("tables.known")
  if not rows then return err end
  local near = closest(one.name, rows)
  if near then message = ("%s; is %s meant?"):format(message, near) end
  return core.error("schema", message, UNDEFINED_TABLE,
    { code = "no_table", table = one.name, closest = near })
end

local function unknown(conn, where, one)
  if one.table then return not_watched(where, one) end
  return no_table(conn, where, one, ", nor a change of it in the log")
end

local function all_of(conn, list, memory)
  local all, remembers = look_up(conn, list)
  if not all then return nil, remembers end
  for _, one in ipairs(all) do add_seen(one, memory.renamed and memory.renamed[one.name] or {}) end
  local ok, err = true, nil
  if remembers then ok, err = add_remembered(conn, all) end
  if ok then ok, err = look_in_log(conn, all, memory) end
  if not ok then return nil, err end
  return all
end

local function first_unknown(all)
  for _, one in ipairs(all) do
    if not one.known then return one end
  end
end

-- All names in the log of all that is wanted, each once.
local function in_log(all, channels)
  local logged, has = {}, {}
  local function add_all(list)
    for _, name in ipairs(list) do
      if not has[name] then has[name], logged[#logged + 1] = true, name end
    end
  end
  for _, one in ipairs(all) do add_all(one.logged) end
  add_all(channels)
  return logged
end

--- What a reader is to deliver, in words of the log.
-- @param conn the connection
-- @string where name of the public function
-- @tparam table filter `tables` (names as for `forgelog.tables.watch`, or as in `table_name`),
-- `channels` (table_names that stand for no table: taken as they are), `columns` (names of columns
-- that these tables have; without `tables`, that any watched one has), and what else is wanted
-- @tparam table memory an empty table, and the same one where the same names are resolved again: it
-- keeps which were known, and how far the log was searched for others
-- @bool[opt] strict columns that no table has are refused, too
-- @return a copy of the filter, in which `tables` lists all names that changes can have in the log;
-- or nil and an error, of code "no_table", "not_watched" or "no_column" for the first name that
-- means nothing
function names.resolve(conn, where, filter, memory, strict)
  if not (filter.tables or filter.channels or filter.columns) then return filter end
  -- What the tables are called now is told by what they were called, also where nothing else does.
  local differs, err = tracked.changed(conn, memory)
  if differs == nil then return nil, err end
  conn = uncompiled(conn)
  local all = {}
  if filter.tables and #filter.tables > 0 then all, err = all_of(conn, filter.tables, memory) end
  if not all then return nil, err end
  tracked.remember(all, memory)
  local one = first_unknown(all)
  if one then return nil, unknown(conn, where, one) end
  if strict then
    local ok
    ok, err = columns(conn, where, filter, all)
    if not ok then return nil, err end
  end
  if not (filter.tables or filter.channels) then return filter end
  local wanted = {}
  for field, value in pairs(filter) do wanted[field] = value end
  wanted.tables = in_log(all, filter.channels or {})
  return wanted
end

--- Whether the log calls a table otherwise than when names were resolved, so that they have to be
-- again: it was renamed, or another watched table speaks for it, as for a partition. Asked after a
-- tick, and before what that tick has shown is read, nothing under the new name is passed over.
-- @param conn the connection
-- @tparam table memory of `names.resolve`
-- @return a boolean; or nil and an error
names.changed = tracked.changed

--- The table that a name means: of those that `tables` may have, what there is now.
-- @param conn the connection
-- @string where name of the public function
-- @string name as for `resolve`
-- @return the table's oid; or nil and an error, code "no_table"
function names.table(conn, where, name)
  conn = uncompiled(conn)
  local all, err = look_up(conn, { name })
  if not all then return nil, err end
  if all[1].oid then return all[1].oid end
  return nil, no_table(conn, where, all[1], "")
end

return names
