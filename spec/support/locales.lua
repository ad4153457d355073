--- Locales whose numbers and letters are not those of C. They are compiled once, since a machine
-- may have none installed.
-- @module support.locales
local process = require "support.process"
local support = require "support"

local locales = {
  -- A decimal comma, and bytes above 127 that are letters and control characters.
  GERMAN = "de_DE.ISO-8859-1",
  -- The same, and a capital of "i" that is not "I".
  TURKISH = "tr_TR.ISO-8859-9",
  -- A decimal point of two bytes.
  WIDE = "wide.UTF-8",
}

-- What no locale of Debian's has in so few lines: all as in POSIX but for the decimal point.
local function wide_source()
  local lines = {}
  for category in ("CTYPE COLLATE MONETARY TIME MESSAGES"):gmatch("%S+") do
    lines[#lines + 1] = ("LC_%s\ncopy \"POSIX\"\nEND LC_%s\n"):format(category, category)
  end
  return table.concat(lines) .. [[
LC_NUMERIC
decimal_point "<U066B>"
thousands_sep ""
grouping -1
END LC_NUMERIC
]]
end

local root = os.getenv("FORGELOG_ROOT")
local folder = root .. "/build/locales"

-- What is kept appears under its name when it is whole; who comes second leaves it. localedef ends
-- with 1 where it only warns, so what counts is what it has written.
local function make(name)
  local source, charset = name:match("^(.-)%.(.*)$")
  if name == locales.WIDE then source = process.file(wide_source()) end
  local fresh, copy = process.path("locale"), "locale-" .. process.unique()
  support.run(("localedef -c -i %s -f %s %s"):format(source, charset, fresh))
  assert(support.read(fresh .. "/LC_NUMERIC"), name .. " cannot be made without Debian's locales")
  support.run(("cd %s/build && mkdir -p locales && cp -r %s %s && mv -T %s locales/%s || rm -rf %s")
    :format(process.quote(root), fresh, copy, copy, name, copy))
end

-- The folder that they are in.
local function home()
  for _, name in ipairs({ locales.GERMAN, locales.TURKISH, locales.WIDE }) do
    if not support.read(("%s/%s/LC_NUMERIC"):format(folder, name)) then make(name) end
  end
  return process.quote(folder)
end

--- Runs a Lua script in a process that can set these locales by their names.
-- @string script its text; its arguments arrive in `...`
-- @param ... the arguments
-- @return its output; raises where it fails
function locales.run(script, ...)
  local words = { "LOCPATH=" .. home(), process.quote(os.getenv("FORGELOG_LUA")),
    process.file(script) }
  for i = 1, select("#", ...) do words[#words + 1] = process.quote((select(i, ...))) end
  local ok, output, errors = support.run(table.concat(words, " "))
  if not ok then error(errors .. output, 2) end
  return output
end

local COMMAND = [[
  assert(os.setlocale((...)))
  os.exit(require("forgelog.cli")({ select(2, ...) }), true)]]

--- Runs the command in a locale.
-- @string name of the locale
-- @string db conninfo
-- @param ... its arguments
-- @return its output; raises where it fails
function locales.command(name, db, ...) return locales.run(COMMAND, name, "-d", db, ...) end

return locales
