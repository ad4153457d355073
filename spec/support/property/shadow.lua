--- A model of tables that are watched, by reading the tables themselves; it knows nothing of how
-- changes are captured. What the log says is held against it.
-- @module support.property.shadow
local forgelog = require "forgelog"
local words = require "support.property.words"

local shadow = {}

local DESCRIBE = [[
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, a.attnum::int AS number,
       a.attname AS column, a.atttypid::int8 AS type,
       a.attgenerated::text AS generated, a.attnotnull AS not_null, p.proname AS send,
       (SELECT k.place FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
         WHERE k.attnum = a.attnum AND k.place <= i.indnkeyatts)::int AS place,
       i.indimmediate AS immediate
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_proc p ON p.oid = t.typsend
 WHERE c.oid = $1::bigint::oid ORDER BY a.attnum]]

local CHANGES = [[
SELECT seq, table_name, op, row_id, changed_cols, txid, context, key_cols::int AS key_cols,
       kept_cols, old_values::text AS old, new_values::text AS new
  FROM public.forge_change_log WHERE seq > $1::bigint%s ORDER BY seq]]

--- A name as SQL has it.
function shadow.quoted(name) return '"' .. name:gsub('"', '""') .. '"' end

local quoted = shadow.quoted

-- A part of a table's name in the log.
local function part(name) return name:find(".", 1, true) and quoted(name) or name end

-- A column's name in a list of names.
local function listed(name) return name:find('[,"]') and quoted(name) or name end

-- A text as a literal whatever the settings.
local function literal(text) return "E'" .. text:gsub("\\", "\\\\"):gsub("'", "''") .. "'" end

local function must(log, sql, ...)
  local rows, err = log:query(sql, ...)
  return rows or error(tostring(err) .. "\nin: " .. sql, 0)
end

--- What a table is, as a session sees it: nil where it sees none.
-- @param log a connection
-- @int oid of the table
-- @treturn table `schema`, `name`, `quoted` (with the schema), `logged` (its name in the log),
-- `columns` (list of `name`, `number`, `type`, `generated`, `not_null`, `send`), `key` (list of
-- these)
function shadow.describe(log, oid)
  local rows = must(log, DESCRIBE, oid)
  if not rows[1] then return nil end
  local first = rows[1]
  local about = { schema = first.schema, name = first.name, columns = rows, key = {}, by_name = {},
    partitioned = first.kind == "p", immediate = first.immediate,
    quoted = quoted(first.schema) .. "." .. quoted(first.name),
    logged = (first.schema == "public" and "" or part(first.schema) .. ".") .. part(first.name) }
  for i, row in ipairs(rows) do
    row.name, row.at = row.column, i
    about.by_name[row.name] = row
    if row.place then about.key[row.place] = row end
  end
  return about
end

-- The columns of a table that are kept.
local function kept_columns(unit, about)
  local list = {}
  for _, name in ipairs(unit.keep) do list[#list + 1] = about.by_name[name] end
  return list
end

local function joined(list, separator, each)
  local texts = {}
  for i, column in ipairs(list) do texts[i] = each(column) end
  return table.concat(texts, separator)
end

-- The query for a table's rows: of each column a digest of what it sends, which tells stored values
-- apart that are equal.
local function query(unit, about)
  local kept = kept_columns(unit, about)
  local hashes = joined(about.columns, ", ", function(column)
    if column.generated == "v" then return "'-'" end
    return ("coalesce(left(md5(%s(%s)), 10), '-')"):format(column.send, quoted(column.name))
  end)
  local key = joined(about.key, " || chr(1) || ", function(column)
    return ("format('%%s', %s)"):format(quoted(column.name))
  end)
  local values = joined(kept, ", ", function(column)
    if column.generated == "v" then return "NULL" end
    return ("CASE WHEN num_nonnulls(%s) = 1 AND octet_length(format('%%s', %s)) <= 65536 "
      .. "THEN format('%%s', %s) END"):format(quoted(column.name), quoted(column.name),
      quoted(column.name))
  end)
  local omitted = joined(kept, ", ", function(column)
    if column.generated == "v" then return "1" end
    return ("(octet_length(format('%%s', %s)) > 65536)::int"):format(quoted(column.name))
  end)
  return ("SELECT tag, tableoid::int8, %s, concat_ws(',', %s), %s, %s FROM %s%s"):format(
    key ~= "" and key or "NULL::text", hashes,
    kept[1] and "(ARRAY[" .. values .. "]::text[])::text" or "NULL::text",
    kept[1] and "concat('', " .. omitted .. ")" or "NULL::text",
    about.partitioned and "" or "ONLY ", about.quoted)
end

--- What a watched table holds, as a session sees it.
-- @param log a connection
-- @tparam table unit `oid`, `keep` (list of names), `ignore` (from number to name)
-- @treturn table `about`, `rows` (from tag to row), `kept` (list of columns)
function shadow.view(log, unit)
  local about = shadow.describe(log, unit.oid)
  local view = { about = about, rows = {}, kept = kept_columns(unit, about), unit = unit,
    ignore = unit.ignore }
  local by_name = about.by_name[unit.ignore_by_name]
  if by_name then view.ignore = { [by_name.number] = by_name.name } end
  local text = literal(query(unit, about))
  for _, row in ipairs(must(log, ("SELECT * FROM public.spec_rows(%s)"):format(text))) do
    view.rows[row.tag] = row
  end
  return view
end

--- The changes above a seq, in a transaction of one's own or in all that are visible.
function shadow.changes(log, floor, own)
  return must(log, CHANGES:format(own and " AND txid = txid_current()" or ""), floor)
end

-- ---- what the log should say ----

local function hashes(row)
  if not row.list then
    row.list = {}
    for hash in row.hashes:gmatch("[^,]+") do row.list[#row.list + 1] = hash end
  end
  return row.list
end

-- What differs between two versions of a row: whether its key does; the other columns, as
-- `changed_cols` should name them; whether some of these are not ignored.
local function compare(view, was, is)
  local before, after, moves, names, counts = hashes(was), hashes(is), false, {}, false
  for i, column in ipairs(view.about.columns) do
    if before[i] ~= after[i] then
      if column.place then moves = true else names[#names + 1] = listed(column.name) end
      if view.ignore[column.number] ~= column.name then counts = true end
    end
  end
  return moves, names, counts
end

local function signature(op, key, cols, kept, old, new)
  return ("%s key %s cols %s kept %s old %s new %s"):format(op,
    key and key:gsub("\1", " & ") or "-", cols or "-", kept or "-", old or "-", new or "-")
end

local function expected(view, op, row, other, cols)
  local old, new, kept
  if view.kept[1] then
    kept = joined(view.kept, ",", function(column) return listed(column.name) end)
    local omitted = ""
    for i, column in ipairs(view.kept) do
      local flag = row.omitted:sub(i, i) == "1" or other and other.omitted:sub(i, i) == "1"
      if flag then omitted = omitted .. "," .. listed(column.name) end
    end
    if omitted ~= "" then kept = kept .. "," .. omitted end
    if op ~= "INSERT" then old = row.kept end
    if op ~= "DELETE" then new = (other or row).kept end
  end
  local key = row.key and #view.about.key .. ":" .. row.key
  return signature(op, key, cols and cols[1] and table.concat(cols, ",") or nil, kept, old, new)
end

-- What a change says.
local function said(change)
  local key = forgelog.key(change)
  assert((change.key_cols or 1) == (key and #key or 1), "key_cols of " .. change.seq)
  key = key and #key .. ":" .. table.concat(key, "\1")
  return signature(change.op, key, change.changed_cols, change.kept_cols, change.old, change.new)
end

local function add(counts, text) counts[text] = (counts[text] or 0) + 1 end

-- How often each change is to be there after one statement, and how often it may be.
-- @param touched set of tags; nil: not known
local function all_expected(before, after, touched, truncated)
  local must_be, may_be = {}, {}
  if truncated then add(must_be, signature("TRUNCATE")) end
  for tag, was in pairs(before.rows) do
    local is = after.rows[tag]
    if not is then
      if not truncated then add(must_be, expected(after, "DELETE", was)) end
    else
      local moves, names, counts = compare(after, was, is)
      if moves or was.home ~= is.home then
        add(must_be, expected(after, "DELETE", was))
        add(must_be, expected(after, "INSERT", is))
      elseif names[1] then
        if counts then add(must_be, expected(after, "UPDATE", was, is, names)) end
      elseif not touched then
        add(may_be, expected(after, "UPDATE", was, is))
      elseif touched[tag] then
        add(must_be, expected(after, "UPDATE", was, is))
      end
    end
  end
  for tag, is in pairs(after.rows) do
    if not before.rows[tag] then add(must_be, expected(after, "INSERT", is)) end
  end
  return must_be, may_be
end

--- Holds the changes of one statement against what it did to one table, one by one.
-- @return nil where all is right; or what is wrong
function shadow.check_statement(before, after, changes, touched, truncated)
  local must_be, may_be = all_expected(before, after, touched, truncated)
  local wrong = {}
  for _, change in ipairs(changes) do
    local text = said(change)
    if (must_be[text] or 0) > 0 then
      must_be[text] = must_be[text] - 1
    elseif (may_be[text] or 0) > 0 then
      may_be[text] = may_be[text] - 1
    else
      wrong[#wrong + 1] = "logged: " .. text
    end
  end
  for text, count in pairs(must_be) do
    if count > 0 then wrong[#wrong + 1] = ("%d x not logged: %s"):format(count, text) end
  end
  if wrong[1] then
    table.sort(wrong)
    return table.concat(wrong, "\n")
  end
  return words.check(compare, before, after, changes)
end

--- Holds the last change of each key against what is there after a number of statements.
function shadow.check_words(before, after, changes)
  return words.check(compare, before, after, changes)
end

return shadow
