-- Writes the rockspecs of both rocks, forgelog and forgelog-cli: of the version in
-- src/forgelog/init.lua and of the branch main ("scm"). 'make rockspecs' runs it in this tree.
local rockspecs = {}

local HEAD = [==[
rockspec_format = "3.0"
package = "@package@"
version = "@version@-1"

source = {
  url = "git+https://github.com/forgelog/forgelog.git",
  @source@,
}

description = {
  summary = "@summary@",
  detailed = [[
@detailed@]],
  homepage = "https://github.com/forgelog/forgelog",
  license = "MIT",
  labels = { "postgresql", "database", "cdc" },
}

supported_platforms = { "unix" }

]==]

-- The specs start a PostgreSQL of their own, and find its programs as 'make check' does.
local TAIL = [[
  copy_directories = {@copied@},
}

test_dependencies = { "argparse", "busted", "cqueues", "dkjson", "luasocket", "luv" }
test = { type = "command", script = "spec/support/rock.lua", flags = { "@specs@" } }
]]

local LIBRARY = HEAD .. [[
-- Not 5.2, whose userdata can keep nothing alive but a table.
dependencies = { "lua >= 5.1, < 5.5, ~= 5.2" }

external_dependencies = {
  PQ = { library = "pq" },
}

build = {
  type = "builtin",
  modules = {
    ["forgelog.core"] = {
      sources = {
@c@
      },
      libraries = { "pq" },
      -- Debian keeps libpq-fe.h in a folder of its own.
      incdirs = { "$(PQ_INCDIR)", "$(PQ_INCDIR)/postgresql" },
      libdirs = { "$(PQ_LIBDIR)" },
    },
@lua@
  },
  install = {
    lua = {
@sql@
    },
  },
]] .. TAIL

local COMMAND = HEAD .. [[
dependencies = { "lua >= 5.1, < 5.5, ~= 5.2", "forgelog == @version@", "argparse >= 0.7" }

build = {
  type = "builtin",
  modules = {
@cli@
  },
  install = {
    bin = { forgelog = "bin/forgelog" },
  },
]] .. TAIL

local ROCKS = {
  forgelog = { LIBRARY, specs = "spec/api", copied = ' "types" ',
    summary = "A durable change feed from PostgreSQL that loses nothing", detailed = [[
Triggers write one row per changed row into a log table; a C module over libpq drains and trims
that log in commit-safe order, so that no committed change is ever missed silently.]] },
  ["forgelog-cli"] = { COMMAND, specs = "spec/cli", copied = "",
    summary = "The command of forgelog, a change feed from PostgreSQL", detailed = [[
The command forgelog sets up a log of changes in PostgreSQL, prints them and gives them to
programs, trims the log and reports how it is doing.]] },
}

local function lines_of(command)
  local lines, pipe = {}, assert(io.popen(command))
  for line in pipe:lines() do lines[#lines + 1] = line end
  pipe:close()
  return lines
end

-- A line of a table for the file that is a module, in two where it is long.
local function entry(indent, path)
  local name = path:gsub("^src/", ""):gsub("%.%l+$", ""):gsub("/init$", ""):gsub("/", ".")
  local key = name:find("^%l+$") and name or ('["%s"]'):format(name)
  local line = ('%s%s = "%s",'):format(indent, key, path)
  if #line <= 100 then return line end
  return ('%s%s =\n%s  "%s",'):format(indent, key, indent, path)
end

local function entries(paths, indent)
  local list = {}
  for _, path in ipairs(paths) do list[#list + 1] = entry(indent, path) end
  return table.concat(list, "\n")
end

-- What stands in the place of @c@, @lua@, @cli@ and @sql@.
local function lists(root)
  local c, lua, cli, sql = {}, {}, {}, {}
  for _, path in ipairs(lines_of("cd '" .. root .. "' && find src -type f | LC_ALL=C sort")) do
    local is_cli = path:find("^src/forgelog/cli[./]")
    if path:find("%.c$") then
      c[#c + 1] = ('        "%s",'):format(path)
    elseif path:find("%.sql$") then
      sql[#sql + 1] = path
    elseif path:find("%.lua$") then
      table.insert(is_cli and cli or lua, path)
    end
  end
  return { c = table.concat(c, "\n"), lua = entries(lua, "    "), cli = entries(cli, "    "),
    sql = entries(sql, "      ") }
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

--- The texts of all rockspecs by their paths in the tree.
-- @string root the tree's folder
function rockspecs.make(root)
  local texts, words = {}, lists(root)
  local release = read(root .. "/src/forgelog/init.lua"):match('_VERSION = "([^"]+)"')
  for version, source in pairs({ [release] = ('tag = "v%s"'):format(release),
    scm = 'branch = "main"' }) do
    words.version, words.source = version, source
    for name, rock in pairs(ROCKS) do
      words.package = name
      texts[("rockspec/%s-%s-1.rockspec"):format(name, version)] =
        rock[1]:gsub("@(%l+)@", function(word) return words[word] or rock[word] end)
    end
  end
  return texts
end

-- As a program: arg[0] is this file.
if arg and arg[0] and arg[0]:find("rockspecs%.lua$") then
  for path, text in pairs(rockspecs.make(".")) do
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
  end
end

return rockspecs
