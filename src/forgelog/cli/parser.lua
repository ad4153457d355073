--- The parser, made of the table of commands by argparse.
-- @module forgelog.cli.parser
local check = require "forgelog.check"
local commands = require "forgelog.cli.commands"
local units = require "forgelog.cli.units"

local function whole(least)
  return function(text)
    local number = tonumber(text)
    if number and number >= least and number == math.floor(number) then return number end
    return nil, ("'%s' is no whole number, %d or more"):format(text, least)
  end
end

local function duration(text)
  local seconds = units.seconds(text)
  if not seconds then return nil, ("'%s' is no duration such as 90s, 15m, 1h or 7d"):format(text) end
  return seconds
end

-- What an argument may be: text to value; or nil and what is wrong.
local types = {
  count = whole(0),
  positive = whole(1),
  duration = duration,
  age = function(text) -- with the text, to be told again
    local seconds, wrong = duration(text)
    return seconds and { seconds, text }, wrong
  end,
  interval = function(text)
    local seconds, wrong = duration(text)
    if seconds and seconds <= 0 then return nil, ("'%s' is too short"):format(text) end
    return seconds, wrong
  end,
  list = function(text)
    local words = {}
    for word in text:gmatch("[^,]+") do words[#words + 1] = word end
    return words
  end,
  since = function(text)
    if text == "beginning" or text == "now" then return text end
    local fine, wrong = pcall(check.position, "--since", text)
    if fine then return text end
    return nil, (tostring(wrong):gsub("^.-forgelog: ", ""))
  end,
}

local function add(parser, entry)
  local first, help = entry[1], entry[2]
  local element
  if not first:find("^%-") then
    element = parser:argument(first, help)
  elseif entry.arg then
    element = parser:option(first, help):argname(entry.arg)
  else
    element = parser:flag(first, help)
  end
  if entry.args then element:args(entry.args) end
  if entry.choices then element:choices(entry.choices) end
  if entry.default then element:default(tostring(entry.default)) end
  if entry.required then element:count(1) end
  if entry.type then element:convert(types[entry.type]) end
  return element
end

local function examples(list)
  if not list then return "" end
  return "\n\nExamples:\n   " .. table.concat(list, "\n   ")
end

--- Makes it.
-- @func version called to print the version
-- @return argparse's parser; its result has `command`
return function(version)
  local found, argparse = pcall(require, "argparse")
  if not found then
    error("the command needs the Lua module argparse: luarocks install argparse (Debian: apt install lua-argparse)", 0)
  end
  local parser = argparse(commands.name, commands.description):add_help("--help"):command_target("command")
    :help_max_width(100):epilog("forgelog COMMAND --help tells more. Connections are made as psql does: PG* environment, "
      .. "service, password file.")
  local connection = {}
  for i, entry in ipairs(commands.options) do connection[i] = add(parser, entry) end
  connection[#connection + 1] = parser:flag("--version", "print the version"):action(version)
  parser:group("Options, before or after the command", (table.unpack or unpack)(connection))
  for _, entry in ipairs(commands) do
    local command = parser:command(entry[1], entry[2]):summary(entry[2]):add_help("--help")
      :epilog("Options of every command, such as -h -p -U -d: see forgelog --help." .. examples(entry.examples))
    local alone = {}
    for _, element in ipairs(entry[3]) do
      local added = add(command, element)
      if element.alone then alone[#alone + 1] = added end
    end
    if #alone > 1 then command:mutex((table.unpack or unpack)(alone)) end
  end
  return parser
end
