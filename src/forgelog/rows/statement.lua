--- The statement that reads a chunk of a table's rows in the order of its primary key, by what
-- sql/rows/table.sql says of the table.
-- @module forgelog.rows.statement
local sql = require "forgelog.connection.sql"

local statement = {}

-- A column's value in a key, and the column that is compared with it. A domain is read and compared
-- as the type below it: its checks would run with the reader's rights.
local function value_of(column, text)
  local sorted = column.sorted and " COLLATE " .. column.sorted or ""
  return ("%s::%s%s"):format(sql.literal(text), column.read_as, sorted)
end

local function operand_of(column)
  local operand = "r." .. column.ident
  return column.is_domain and ("%s::%s"):format(operand, column.read_as) or operand
end

-- Whether all columns are compared by operators of one name, so that they can be as one row.
local function alike(columns)
  for _, column in ipairs(columns) do
    if column.greater ~= columns[1].greater then return false end
  end
  return true
end

-- The conditions of rows behind a key: several, whose rows follow each other, where no operator
-- compares all of its columns at once, as where a type is an extension's.
local function behind(columns, key)
  if not key then return { "true" } end
  local operands, values = {}, {}
  for i, column in ipairs(columns) do
    operands[i], values[i] = operand_of(column), value_of(column, key[i])
  end
  if #columns > 1 and alike(columns) then
    return { ("ROW(%s) %s ROW(%s)"):format(table.concat(operands, ", "), columns[1].greater,
      table.concat(values, ", ")) }
  end
  local function compared(i, operator)
    return ("%s %s %s"):format(operands[i], operator, values[i])
  end
  local conditions, same = {}, ""
  for i, column in ipairs(columns) do
    table.insert(conditions, 1, same .. compared(i, column.greater))
    same = same .. compared(i, column.equal) .. " AND "
  end
  return conditions
end

-- The key's value as a capture writes it.
local function row_id(columns)
  local texts = {}
  for i, column in ipairs(columns) do
    texts[i] = ("pg_catalog.concat(r.%s)"):format(column.ident)
  end
  if #texts == 1 then return texts[1] end
  return ("pg_catalog.json_build_array(%s)::text"):format(table.concat(texts, ", "))
end

-- As for a capture, a value is left out where it is over 64 KiB. NULL is neither that nor its
-- contrary.
local IS_WHOLE = "(pg_catalog.pg_column_size(r.%s) <= 65540"
  .. " AND pg_catalog.octet_length(pg_catalog.concat(r.%s)) <= 65536)"

local function kept(names)
  local values, omitted = {}, {}
  for i, name in ipairs(names or {}) do
    local ident = sql.identifier(name)
    local whole = IS_WHOLE:gsub("%%s", (ident:gsub("%%", "%%%%")))
    values[i] = (",\n       CASE WHEN %s THEN pg_catalog.concat(r.%s) END AS v%d"):format(whole,
      ident, i)
    omitted[i] = ("CASE WHEN NOT %s THEN %d END"):format(whole, i)
  end
  if #values == 0 then return "" end
  return table.concat(values) .. (",\n       pg_catalog.array_to_string(ARRAY[%s]::int[], ',')"
    .. " AS omitted"):format(table.concat(omitted, ", "))
end

--- The statement.
-- @tparam table source of forgelog.rows.source, with a key
-- @tparam ?table key list of texts of the row before; nil: from the beginning
-- @int most rows
-- @treturn string
function statement.of(source, key, most)
  local idents, parts = {}, {}
  for i, column in ipairs(source.columns) do idents[i] = "r." .. column.ident end
  local words = {
    schema = source.schema, relation = ("%.0f"):format(source.oid),
    table = (source.kind == "p" and "" or "ONLY ") .. source.quoted,
    shape = sql.literal(source.shape), row_id = row_id(source.columns), kept = kept(source.keep),
    order = table.concat(idents, ", "), most = ("%.0f"):format(most),
  }
  for i, condition in ipairs(behind(source.columns, key)) do
    words.behind = condition
    parts[i] = sql.fill("rows.read", words)
  end
  if #parts == 1 then return parts[1] end
  return ("(%s) LIMIT %s"):format(table.concat(parts, ") UNION ALL ("), words.most)
end

return statement
