--- Reading a name as the log writes it: see sql/words/table_name.sql.
-- @module forgelog.tables.as_logged

-- A part of a name in the log: it stands in quotes where there is a dot in it, and only then.
local function as_part(text)
  local inner = text:match('^"(.*)"$')
  if inner and inner:find(".", 1, true) then return (inner:gsub('""', '"')) end
  return text ~= "" and not text:find(".", 1, true) and text or nil
end

--- The table that the log calls so.
-- @string name
-- @return its schema (false: the log's) and its name; false twice where the log calls none so
-- @function as_logged
return function(name)
  local whole = as_part(name)
  if whole then return false, whole end
  local schema, rest
  if name:sub(1, 1) == '"' then schema, rest = name:match('^(".-[^"]")%.(.*)$') end
  if not schema then schema, rest = name:match("^([^.]*)%.(.*)$") end
  local place, relation = as_part(schema or ""), as_part(rest or "")
  if place and relation then return place, relation end
  return false, false
end
