--- The parser of command lines, which argparse makes of the table of commands.
-- @module forgelog.cli.lib.parser
local commands = require "forgelog.cli.commands"
local core = require "forgelog.core"
local lanes = require "forgelog.consumer.lanes"
local times = require "forgelog.times"
local units = require "forgelog.units"

local unpack = table.unpack or unpack -- luacheck: ignore 143

local function whole(least, most)
  local range = most and ("from %d to %d"):format(least, most) or ("%d or more"):format(least)
  return function(text)
    local number = core.parse_number(text)
    local is_whole = number and number == math.floor(number)
    local fits = is_whole and number >= least and number <= (most or number)
    if fits then return math.floor(number) end
    return nil, ("'%s' is no whole number, %s"):format(text, range)
  end
end

local function duration(text)
  local seconds = units.seconds(text)
  if seconds then return seconds end
  return nil, ("'%s' is no duration such as 90s, 15m, 1h or 7d"):format(text)
end

local function interval(text)
  local seconds, wrong = duration(text)
  if seconds and seconds <= 0 then return nil, ("'%s' is too short"):format(text) end
  return seconds, wrong
end

-- A duration with its text, which is printed again.
local function age(text)
  local seconds, wrong = duration(text)
  if not seconds then return nil, wrong end
  return { seconds = seconds, text = text }
end

local function list(text)
  local words = {}
  for word in text:gmatch("[^,]+") do words[#words + 1] = word end
  return words
end

local OPS = { INSERT = true, UPDATE = true, DELETE = true, TRUNCATE = true, RELOAD = true }

-- Not by string.upper, which makes other letters of these in a Turkish locale.
local function in_capitals(text)
  return (text:gsub("[a-z]", function(letter) return string.char(letter:byte() - 32) end))
end

local function ops(text)
  local names = list(in_capitals(text))
  for _, name in ipairs(names) do
    if not OPS[name] then
      return nil, ("--op: '%s' is none of insert, update, delete, truncate, reload"):format(text)
    end
  end
  return names
end

-- A position's text, or a table of the text and the time that it means: `at` (Unix seconds) or
-- `ago` (seconds). A number without a unit is a seq, never an age.
local function place(text)
  if text == "beginning" or text == "now" then return text end
  local timeline, wrong = core.parse_position(text)
  if timeline then return text end
  if times.resembles(text) then
    local at, why = times.parse(text)
    if at then return { text = text, at = at } end
    return nil, ("'%s': %s"):format(text, why)
  end
  local ago = text:find("%a") and units.seconds(text)
  if ago then return { text = text, ago = ago } end
  return nil, ("'%s' is no position: %s; nor is it a time such as 2026-11-24T10:00, "
    .. "or an age such as 2h"):format(text, wrong)
end

local function since(text)
  local found, wrong = place(text)
  return found, wrong and "--since: " .. wrong
end

-- The seq of a parked change, as text; r17 of one that a backfill has read, which has none: what
-- begins with a hyphen is an option.
local function parked(text)
  local read = text:match("^r(%d+)$")
  if read or text:find("^%-?%d+$") then return read and "-" .. read or text end
  return nil, ("'%s' is no seq such as 4711 or r17"):format(text)
end

-- What an argument may be. Each function returns the value of a text; or nil and what is wrong
-- with it.
local types = {
  count = whole(0), positive = whole(1), duration = duration, interval = interval, age = age,
  list = list, since = since, place = place, ops = ops, lanes = whole(1, lanes.MOST),
  parked = parked,
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
  if entry.many then element:count("*") end
  if entry.type then element:convert(types[entry.type]) end
  return element
end

local function examples(lines)
  if not lines then return "" end
  return "\n\nExamples:\n   " .. table.concat(lines, "\n   ")
end

local EPILOG = "forgelog COMMAND --help tells more. Connections are made as psql does: "
  .. "PG* environment, service, password file."
local COMMAND_EPILOG = "Options of every command, such as -h -p -U -d: see forgelog --help."

-- The name under which the result has the value of an option.
local function target_of(element) return (element[1]:match("%-%-([%w-]+)"):gsub("-", "_")) end

-- Has the result say by `refusal` which option was given without the one that it goes with.
local function refuse_lonely(command, elements)
  command:action(function(result)
    for _, element in ipairs(elements) do
      local value = element.with and result[target_of(element)]
      local given = value and not (type(value) == "table" and element.many and not value[1])
      if given and not result[element.with] then
        result.refusal = ("--%s goes with --%s"):format(target_of(element), element.with)
      end
    end
  end)
end

local function add_command(parser, entry)
  local command = parser:command(entry[1], entry[2]):summary(entry[2]):add_help("--help")
    :epilog(COMMAND_EPILOG .. examples(entry.examples))
  local alone = {} -- of these, one at most may be given
  for _, element in ipairs(entry[3]) do
    local added = add(command, element)
    if element.alone then alone[#alone + 1] = added end
  end
  if #alone > 1 then command:mutex(unpack(alone)) end
  refuse_lonely(command, entry[3])
end

--- Makes the parser.
-- @func version called to print the version
-- @return argparse's parser; its result has `command`, and `refusal` where options do not go
-- together
return function(version)
  local found, argparse = pcall(require, "argparse")
  if not found then
    error("the command needs the Lua module argparse: "
      .. "luarocks install argparse (Debian: apt install lua-argparse)", 0)
  end
  local parser = argparse(commands.name, commands.description):add_help("--help")
    :command_target("command"):help_max_width(100):epilog(EPILOG)
  local everywhere = {}
  for i, entry in ipairs(commands.options) do everywhere[i] = add(parser, entry) end
  everywhere[#everywhere + 1] = parser:flag("--version", "print the version"):action(version)
  parser:group("Options, before or after the command", unpack(everywhere))
  for _, entry in ipairs(commands) do add_command(parser, entry) end
  return parser
end
