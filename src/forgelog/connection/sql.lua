--- The SQL that is not in C: files of one statement or script each, sql/FOLDER/NAME.sql, named
-- "folder.name" here. Each is read once a process. A file may hold words between two "@", which
-- `fill` replaces.
-- @module forgelog.connection.sql
local core = require "forgelog.core"

local sql = {}

local home = debug.getinfo(1, "S").source:match("^@(.*)[/\\]connection[/\\][^/\\]*$") or "."
local texts, fragments, statements, needs = {}, {}, {}, {}
local NO_SUCH_FILE = 2 -- ENOENT

local function path_of(name) return ("%s/sql/%s.sql"):format(home, (name:gsub("%.", "/"))) end

-- The text without the comment at its head, which people need and the server does not.
local function without_head(text)
  while true do
    local rest = text:match("^%s*%-%-[^\n]*\n(.*)$")
    if not rest then return (text:gsub("%s+$", "")) end
    text = rest
  end
end

--- The text of a file without the comment at its head.
-- @string name such as "trim.batch"
-- @treturn string
function sql.text(name)
  if not texts[name] then
    local file = assert(io.open(path_of(name), "rb"))
    texts[name] = without_head(file:read("*a"))
    file:close()
  end
  return texts[name]
end

-- The text of a word's file; nil where there is none. Any other failure to open it may pass.
local function fragment(word)
  local file, err, code = io.open(path_of("words." .. word), "rb")
  if not file and code == NO_SUCH_FILE then return nil end
  assert(file, err):close()
  return sql.text("words." .. word)
end

-- What a word stands for everywhere: a text that the core shares, or a fragment in sql/words; nil
-- where there is none.
local function common(word)
  if core.words[word] then return core.words[word] end
  if fragments[word] == nil then
    fragments[word] = word:find("^[%w_]+$") and fragment(word) or false
  end
  return fragments[word] or nil
end

-- What makes a word of the log of its schema.
local of_schema = {
  schema_text = function(schema) return (schema:gsub("'", "''")) end,
  log_oid = function()
    return "'@schema_text@.forge_change_log'::pg_catalog.regclass::pg_catalog.oid"
  end,
}

local function expand(text, words, name)
  return (text:gsub("@([%w_]+)@", function(word)
    if words[word] ~= nil then return tostring(words[word]) end
    local value = words.schema and of_schema[word] and of_schema[word](words.schema) or common(word)
    if not value then
      local file = name:gsub("%.", "/")
      error(("forgelog: sql/%s.sql has the unknown word @%s@"):format(file, word), 0)
    end
    return expand(value, words, name)
  end))
end

--- The text of a file with its words replaced. An unknown word raises an error that names it.
-- @string name such as "ddl.guard"
-- @tparam table words what each stands for: `schema` (an SQL identifier, quoted where needed), and
-- others of that file
-- @treturn string
function sql.fill(name, words) return expand(sql.text(name), words, name) end

--- Whether a file needs to know the schema of the log.
-- @string name such as "trim.batch"
-- @treturn bool
function sql.needs_schema(name)
  if needs[name] ~= nil then return needs[name] end
  local needed = false
  local function see(text)
    for word in text:gmatch("@([%w_]+)@") do
      needed = needed or word == "schema" or of_schema[word] ~= nil
      local value = common(word)
      if value then see(value) end
    end
  end
  see(sql.text(name))
  needs[name] = needed
  return needed
end

--- The text of a statement for a log in a schema; filled in once.
-- @string name such as "trim.batch"
-- @string schema SQL identifier, quoted where needed; "" for a statement that needs none
-- @treturn string
function sql.statement(name, schema)
  local of_log = statements[schema] or {}
  statements[schema] = of_log
  of_log[name] = of_log[name] or sql.fill(name, { schema = schema ~= "" and schema or nil })
  return of_log[name]
end

--- A text as an SQL literal, for scripts that take no parameters. Whatever the session's setting
-- standard_conforming_strings says, it means the same.
function sql.literal(text)
  local quoted = "'" .. text:gsub("'", "''") .. "'"
  if not text:find("\\", 1, true) then return quoted end
  return " E" .. quoted:gsub("\\", "\\\\")
end

--- A name as a quoted SQL identifier.
function sql.identifier(name) return '"' .. name:gsub('"', '""') .. '"' end

return sql
