--- forgelog man: the man page, made of the same table as --help.
-- @module forgelog.cli.man
local commands = require "forgelog.cli.commands"
local forgelog = require "forgelog"

local ENVIRONMENT = {
  { "PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGPASSFILE, PGSERVICE ...",
    "as for psql: see libpq's documentation" },
  { "PGAPPNAME", "the name under which the connection is shown; default: forgelog" },
  { "NO_COLOR", "if set, nothing is coloured unless --color always" },
}

local VALUES = {
  { "<duration>", "90s, 5m, 1h30m, 2d, 250ms, 1w; or as it is printed, such as 1 h 30 min; a "
    .. "number without a unit means seconds: 7 is 7 seconds, and 7 days are 7d" },
  { "<n>", "a whole number; its thousands may be parted by commas, as in 10,000" },
  { "<key>", "the primary key as row_id has it: of one column its text, of several a JSON array of "
    .. "texts; one that begins with a hyphen as --key=-1" },
  { "a time", "2026-11-24, 2026-11-24T10:00 or 2026-11-24 10:00:05.5, with Z or +02:00 behind it, "
    .. "or else by the local clock" },
}

local FILES = {
  { "FILE.lock", "beside the FILE of --position-file: locked by the one program that works with "
    .. "it, as long as that lives" },
}

-- Text that roff takes literally.
local function plain(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("^([.'])", "\\&%1"))
end

local function tagged(page, name, text)
  page[#page + 1] = ".TP\n\\fB" .. plain(name) .. "\\fR\n" .. plain(text)
end

local function option(page, entry)
  local name = entry[1]:gsub(" ", ", ") .. (entry.arg and " " .. entry.arg or "")
  local text = entry[2]
  if entry.choices then text = text .. " (" .. table.concat(entry.choices, ", ") .. ")" end
  if entry.default then text = text .. "; default: " .. tostring(entry.default) end
  if entry.many then text = text .. " (repeatable)" end
  tagged(page, name, text)
end

local function synopsis(entry)
  local words = { "forgelog", entry[1] }
  for _, element in ipairs(entry[3]) do
    local many = element.args == "+" and "..." or ""
    if not element[1]:find("^%-") then
      local name = element[1]:upper() .. many
      words[#words + 1] = element.args == "?" and "[" .. name .. "]" or name
    else
      local long = element[1]:match("%-%-%S+") .. (element.arg and " " .. element.arg .. many or "")
      words[#words + 1] = element.required and long or "[" .. long .. "]"
    end
  end
  return table.concat(words, " ")
end

local function command(page, entry)
  page[#page + 1] = ".SS " .. plain(entry[1]) .. "\n.B " .. plain(synopsis(entry))
  page[#page + 1] = ".PP\n" .. plain(entry[2]:sub(1, 1):upper() .. entry[2]:sub(2)) .. "."
  for _, element in ipairs(entry[3]) do option(page, element) end
  if entry.json then page[#page + 1] = ".PP\nWith \\-\\-json: " .. plain(entry.json) .. "." end
  for _, example in ipairs(entry.examples or {}) do
    page[#page + 1] = ".PP\nExample:\n.PP\n.nf\n.RS\n" .. plain(example) .. "\n.RE\n.fi"
  end
end

local function head()
  return {
    ('.TH FORGELOG 1 "" "forgelog %s"'):format(forgelog._VERSION),
    ".SH NAME",
    "forgelog \\- " .. plain(commands.summary),
    ".SH SYNOPSIS",
    ".B forgelog",
    "[\\fIoptions\\fR] [\\fIcommand\\fR ...]",
    ".SH DESCRIPTION",
    plain(commands.description),
    ".PP\nWith \\-\\-json: " .. plain(commands.json) .. ".",
    ".SH OPTIONS",
    "Before or after the command.",
  }
end

--- Prints it, as roff.
-- @param context of `forgelog.cli.lib.context`
return function(context)
  local page = head()
  for _, entry in ipairs(commands.options) do option(page, entry) end
  page[#page + 1] = ".SH COMMANDS"
  for _, entry in ipairs(commands) do command(page, entry) end
  page[#page + 1] = ".SH VALUES"
  for _, pair in ipairs(VALUES) do tagged(page, pair[1], pair[2]) end
  page[#page + 1] = ".SH ERRORS"
  page[#page + 1] = "One line each on standard error. With \\-\\-json: "
    .. plain(commands.errors_as_json) .. "."
  page[#page + 1] = ".SH EXIT STATUS"
  for _, pair in ipairs(commands.status) do tagged(page, pair[1], pair[2]) end
  page[#page + 1] = ".SH ENVIRONMENT"
  for _, pair in ipairs(ENVIRONMENT) do tagged(page, pair[1], pair[2]) end
  page[#page + 1] = ".SH FILES"
  for _, pair in ipairs(FILES) do tagged(page, pair[1], pair[2]) end
  page[#page + 1] = ".SH SEE ALSO\n.BR psql (1)"
  context.out(table.concat(page, "\n"), "\n")
end
