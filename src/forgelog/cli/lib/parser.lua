--- The parser of command lines, which argparse makes of the table of commands.
-- @module forgelog.cli.lib.parser
local commands = require "forgelog.cli.commands"
local core = require "forgelog.core"
local lanes = require "forgelog.consumer.lanes"
local rows = require "forgelog.consumer.rows"
local times = require "forgelog.times"
local units = require "forgelog.units"

local unpack = table.unpack or unpack -- luacheck: ignore 143

local function whole(least, most)
  local range = most and ("from %d to %d"):format(least, most) or ("%d or more"):format(least)
  return function(text)
    local number = units.number(text)
    local is_whole = number and number == math.floor(number)
    local fits = is_whole and number >= least and number <= (most or number)
    if fits then return math.floor(number) end
    return nil, ("'%s' is no whole number, %s"):format(text, range)
  end
end

local function duration(text)
  local seconds = units.seconds(text)
  if seconds then return seconds end
  return nil, ("'%s' is no duration such as 90s, 15m, 1h30m or 7d"):format(text)
end

local function interval(text)
  local seconds, wrong = duration(text)
  if seconds and seconds <= 0 then return nil, ("'%s' is too short"):format(text) end
  return seconds, wrong
end

-- Names with commas between; one with a comma in it stands in double quotes, as in changed_cols.
local function list(text)
  local words = {}
  for _, part in ipairs(units.parts(text, true)) do
    local word = part:match("^%s*(.-)%s*$")
    local inner = word:match('^"(.+)"$')
    words[#words + 1] = inner and inner:gsub('""', '"') or word
  end
  return words
end

-- Not by string.upper, which makes other letters of these in a Turkish locale.
local function in_capitals(text)
  return (text:gsub("[a-z]", function(letter) return string.char(letter:byte() - 32) end))
end

local OPS = {}
for _, name in ipairs(commands.ops) do OPS[in_capitals(name)] = true end

local function ops(text)
  local names = list(in_capitals(text))
  for _, name in ipairs(names) do
    if not OPS[name] then
      return nil, ("'%s' is none of %s"):format(text, table.concat(commands.ops, ", "))
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
    .. "or an age such as 2h, nor `beginning` or `now`"):format(text, wrong)
end

-- The seq of a parked change, as text; r17 of one that a backfill has read, which has none: what
-- begins with a hyphen is an option.
local function parked(text)
  local read = text:match("^r(%d+)$")
  if read or text:find("^%-?%d+$") then return read and "-" .. read or text end
  return nil, ("'%s' is no seq such as 4711 or r17"):format(text)
end

-- The name of a consumer. Each lane has one made of it, which stands for no consumer.
local function consumer(text)
  local name, lane = rows.split(text)
  if not lane then return text end
  return nil, ("'%s' is the name of a lane, and the consumer's is %s"):format(text, name)
end

local function text_itself(text) return text end

-- What an argument may be. Each function returns the value of a text; or nil and what is wrong
-- with it.
local types = {
  count = whole(0), positive = whole(1), duration = duration, interval = interval, list = list,
  place = place, ops = ops, lanes = whole(1, lanes.MOST), parked = parked,
  consumer = consumer,
}

-- The name by which people know an option or an argument.
local function name_of(entry) return entry[1]:match("%-%-%S+") or entry[1] end

-- The same as a converter of the parser, whose errors name what they are about. A shell gives an
-- empty text for a variable that is not set: that must not mean all tables, or no command.
local function converter(entry)
  local convert, name = types[entry.type] or text_itself, name_of(entry)
  return function(text)
    if text == "" and not entry.empty then
      return nil, name .. ": it is empty; is a variable not set?"
    end
    local value, wrong = convert(text)
    return value, wrong and ("%s: %s"):format(name, wrong)
  end
end

-- What completion offers for an argument; nil: files.
local function values_of(entry)
  return entry.choices or entry.values or not entry.file and (entry.arg or entry.args) and {} or nil
end

-- Adds an option or an argument; `completes` where the parser is made for completion alone.
local function add(parser, entry, completes)
  local first, help = entry[1], entry[2] .. (entry.many and " (repeatable)" or "")
  local choices = completes and values_of(entry) or entry.choices
  local is_flag = first:find("^%-") and not entry.arg
  local element
  if not first:find("^%-") then
    element = parser:argument(first, help)
  elseif is_flag then
    element = parser:flag(first, help)
  else
    element = parser:option(first, help):argname(entry.arg)
  end
  if entry.args then element:args(entry.args) end
  if choices then element:choices(choices) end
  if entry.default then element:default(tostring(entry.default)) end
  if entry.required then element:count(1) end
  if entry.many then element:count("*") end
  if not is_flag then element:convert(converter(entry)) end
  return element
end

local function examples(lines)
  if not lines then return "" end
  return "\n\nExamples:\n   " .. table.concat(lines, "\n   ")
end

local EPILOG = "forgelog COMMAND --help tells more; forgelog alone, what to do next. It connects "
  .. "as psql does: by the PG* environment, a service, a password file."
local COMMAND_EPILOG = "Options of every command, such as -h -p -U -d: see forgelog --help."

-- The name under which the result has the value of an option.
local function target_of(element) return (element[1]:match("%-%-([%w-]+)"):gsub("-", "_")) end

-- Whether an option was given that may be given several times, or once.
local function is_given(value, element)
  return value and not (type(value) == "table" and element.many and not value[1])
end

-- What is wrong with the options that were given together; nil where nothing is.
local function mismatch(result, entry)
  if result.json and not entry.json then return "--json: this command prints no data" end
  for _, element in ipairs(entry[3]) do
    local given = element[1]:find("^%-") and is_given(result[target_of(element)], element)
    if given and element.with and not result[element.with] then
      return ("%s goes with --%s"):format(name_of(element), element.with)
    elseif given and element.no_json and result.json then
      return ("%s and --json can not be used together"):format(name_of(element))
    end
  end
end

-- What is typed: the arguments, and the options that must be given.
local function usage_of(entry)
  local words = { "Usage: forgelog", entry[1] }
  for _, element in ipairs(entry[3]) do
    local is_option = element[1]:find("^%-")
    local word = is_option and element.required and ("%s %s"):format(element[1], element.arg)
      or not is_option and ("<%s>%s"):format(element[1], element.args == "+" and "..." or "")
    words[#words + 1] = word and (element.args == "?" and "[" .. word .. "]" or word) or nil
  end
  return table.concat(words, " ") .. " [options]"
end

-- With a capital, and a full stop.
local function sentence(text) return text:sub(1, 1):upper() .. text:sub(2) .. "." end

local function add_command(parser, entry, completes)
  local command = parser:command(entry[1], sentence(entry[2])):summary(entry[2])
    :add_help("--help"):usage(usage_of(entry))
    :epilog(COMMAND_EPILOG .. examples(entry.examples))
  local alone = {} -- of these, one at most may be given
  for _, element in ipairs(entry[3]) do
    local added = add(command, element, completes)
    if element.alone then alone[#alone + 1] = added end
  end
  if #alone > 1 then command:mutex(unpack(alone)) end
  command:action(function(result) result.refusal = mismatch(result, entry) end)
end

--- Makes the parser.
-- @func version called to print the version
-- @bool completes whether it is made for completion scripts, which offer values of options too
-- @return argparse's parser; its result has `command` (nil: none was given), and `refusal` where
-- options do not go together
return function(version, completes)
  local found, argparse = pcall(require, "argparse")
  if not found then
    error("the command needs the Lua module argparse: "
      .. "luarocks install argparse (Debian: apt install lua-argparse)", 0)
  end
  local parser = argparse(commands.name, commands.description):add_help("--help")
    :usage("Usage: forgelog [options] [command] ..."):command_target("command")
    :require_command(false):help_max_width(100):epilog(EPILOG)
  local everywhere = {}
  for i, entry in ipairs(commands.options) do everywhere[i] = add(parser, entry, completes) end
  everywhere[#everywhere + 1] = parser:flag("-V --version", "print the version"):action(version)
  parser:group("Options, before or after the command", unpack(everywhere))
  for _, entry in ipairs(commands) do add_command(parser, entry, completes) end
  return parser
end
