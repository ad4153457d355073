--- The documents as specs read them: their blocks of code, and what it takes to run them. `db` is a
-- conninfo; where it names no database, the program that runs has no PGDATABASE.
-- @module support.docs
local command = require "support.command"
local process = require "support.process"
local support = require "support"

local docs = {}

local quote = process.quote
local root = assert(os.getenv("FORGELOG_ROOT"))

--- The text of a file of this tree.
function docs.read(name)
  local file = assert(io.open(root .. "/" .. name, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

--- The fenced blocks of a document in their order: `language` ("" where none is given), `text`, and
-- the `line` at which it begins.
function docs.blocks(name)
  local list, block, number = {}, nil, 0
  for line in docs.read(name):gmatch("(.-)\n") do
    number = number + 1
    local language = line:match("^%s*```(%w*)$")
    if block and language == "" then
      block.text = table.concat(block, "\n")
      list[#list + 1], block = block, nil
    elseif block then
      block[#block + 1] = line
    elseif language then
      block = { language = language, line = number }
    end
  end
  assert(not block, name .. ": a block does not end")
  return list
end

--- The block of a language that contains `part`.
function docs.find(blocks, language, part)
  for _, block in ipairs(blocks) do
    if block.language == language and block.text:find(part, 1, true) then
      block.known = true
      return block.text
    end
  end
  error("there is no " .. language .. " block with " .. part, 2)
end

--- The blocks that `find` has never returned, as "line: text".
function docs.unknown(blocks)
  local list = {}
  for _, block in ipairs(blocks) do
    if not block.known then list[#list + 1] = block.line .. ": " .. block.text end
  end
  return list
end

local VARIABLES = { host = "PGHOST", port = "PGPORT", user = "PGUSER", dbname = "PGDATABASE" }

--- Words for the shell: the environment that a conninfo stands for.
function docs.environment(db)
  return (db:gsub("(%w+)=(%S+)", function(keyword, value)
    return VARIABLES[keyword] .. "=" .. quote(value)
  end))
end

--- A shell script that begins where a reader's shell is: the installed command on PATH, the server
-- in the environment.
-- @string db conninfo of support.database
-- @string text the block
-- @string[opt] folder to run in
function docs.script(db, text, folder)
  return table.concat({
    "unset LUA_PATH LUA_CPATH PGDATABASE",
    ("export %s PATH=%s/bin:$PATH"):format(docs.environment(db), quote(command.prefix())),
    "cd " .. quote(folder or os.getenv("FORGELOG_TMP")),
    "set -eo pipefail",
    text .. "\n",
  }, "\n")
end

--- Runs a block of sh to its end; raises where it fails.
-- @return what it wrote to standard output and to standard error
function docs.sh(db, text, folder)
  local script = process.file(docs.script(db, text, folder))
  local ok, output, errors = support.run("exec bash " .. quote(script))
  if not ok then error(errors .. output .. "\nin: " .. text, 2) end
  return output, errors
end

--- Words for the shell that run a Lua program on the database.
-- @param ... its arguments
function docs.program(db, text, ...)
  local words = { "env -C", quote(os.getenv("FORGELOG_TMP")), "-u PGDATABASE", docs.environment(db),
    quote(os.getenv("FORGELOG_LUA")), quote(process.file(text .. "\n")) }
  for i = 1, select("#", ...) do words[#words + 1] = quote((select(i, ...))) end
  return table.concat(words, " ")
end

--- Runs a block of Lua in a program of its own to its end; raises where it fails.
-- @string prelude what goes before it, such as the variables that a shorter piece uses
-- @param ... arguments of the program
-- @return what it printed
function docs.lua(db, text, prelude, ...)
  local ok, output, errors = support.run(docs.program(db, prelude .. text, ...))
  if not ok then error(errors .. output .. "\nin: " .. text, 2) end
  return output
end

local VARYING = {
  { "%d%d%d%d%-%d%d%-%d%d[ T]%d%d:%d%d:%d%d[%d.]*Z?", "(time)" },
  { "(created_at\":)[%d.]+", "%1(time)" },
  { "(txid\":)%d+", "%1(n)" },
  { "pid %d+", "pid (n)" },
  { "%d+%.?%d* ([kM]?B)", "(n) %1" },
  { "%d+%.%d+", "(n)" },
  { "%d+ s%f[%W]", "(n) s" },
  { "[ \t]+", " " },
  { " ?\n", "\n" },
}

--- Output without what differs from run to run: times, durations, sizes, the width of a column.
function docs.plain(text)
  for _, pair in ipairs(VARYING) do text = text:gsub(pair[1], pair[2]) end
  return (text:gsub("%s+$", ""))
end

return docs
