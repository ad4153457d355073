--- Arguments and options of the public functions: misuse raises a message that names the function,
-- at the line that calls it.
-- @module forgelog.connection.options
local core = require "forgelog.core"

local options = {}

local library = debug.getinfo(1, "S").source:match("^(@.*[/\\])connection[/\\][^/\\]*$")

-- The level, as `error` counts, of the function outside of this library that called into it.
local function level_of_caller()
  local level = 3
  while true do
    local about = debug.getinfo(level, "S")
    if not about then return 0 end
    local inside = library and about.source:sub(1, #library) == library
    if not inside and about.what ~= "tail" then return level - 1 end
    level = level + 1
  end
end

--- Raises "forgelog: WHERE: MESSAGE" at the line that called into the library.
-- @string where name of the public function
-- @string message what is wrong and what to do
function options.misuse(where, message)
  error("forgelog: " .. where .. ": " .. message, level_of_caller())
end

local function is_whole(value)
  return type(value) == "number" and value == math.floor(value) and value >= 0 and value < 2 ^ 63
end

local function is_positive(value) return is_whole(value) and value > 0 end

-- A set, such as { orders = true }, or a list with a hole would be another list than is meant.
local function is_names(value)
  if type(value) ~= "table" then return false end
  local count = 0
  for place, name in pairs(value) do
    if type(place) ~= "number" or type(name) ~= "string" then return false end
    count = count + 1
  end
  return count == #value
end

local function is_seconds(value)
  return type(value) == "number" and value >= 0
end

-- Before the year 10,000: what is beyond was meant as milliseconds.
local function is_time(value)
  return type(value) == "number" and value > -2 ^ 37 and value < 253402300800
end

-- BROADCAST is of programs that talk to each other through the log: see `forgelog.cache.ipc`.
local OPS = { INSERT = true, UPDATE = true, DELETE = true, TRUNCATE = true, RELOAD = true,
  BROADCAST = true }

-- The first name of a list that is no op; nil where all are, or it is no list.
local function unknown_op(value)
  for _, name in ipairs(type(value) == "table" and value or {}) do
    if not OPS[name] then return name end
  end
end

local function is_ops(value) return is_names(value) and unknown_op(value) == nil end

-- A row_id, or a list of texts such as `forgelog.key` gives.
local function is_key(value)
  local list = type(value) == "string" and { value } or value
  return is_names(list) and #list > 0
end

-- What an option or argument can be: a test, what the error calls it, and of the value what the
-- error shows, where that is not the whole.
local kinds = {
  count = { is_whole, "a whole number, zero or more" },
  positive = { is_positive, "a whole number above zero" },
  seconds = { is_seconds, "a number of seconds, zero or more" },
  time = { is_time, "Unix seconds" },
  names = { is_names, "a list of names" },
  ops = { is_ops, "a list of INSERT, UPDATE, DELETE, TRUNCATE or RELOAD, in capitals", unknown_op },
  key = { is_key, "a row_id, or the list of texts that forgelog.key gives" },
  table = { function(value) return type(value) == "table" end, "a table" },
  string = { function(value) return type(value) == "string" end, "a string" },
  failover = { function(value) return value == "continue" or value == "gap" end,
    '"continue" or "gap"' },
  boolean = { function(value) return type(value) == "boolean" end, "true or false" },
  ["function"] = { function(value) return type(value) == "function" end, "a function" },
  any = { function() return true end, "anything" },
}

-- What the database would take only up to there.
local function has_zero_byte(value)
  if type(value) == "string" then return value:find("\0", 1, true) ~= nil end
  return is_names(value) and table.concat(value):find("\0", 1, true) ~= nil
end

--- Checks one argument.
-- @string where name of the public function
-- @string name of the argument
-- @param value of the argument
-- @string kind one of `kinds`
-- @return the value
function options.argument(where, name, value, kind)
  local test = kinds[kind]
  if test[1](value) then
    if kind ~= "any" and has_zero_byte(value) then
      options.misuse(where, name .. " has a zero byte in it")
    end
    return value
  end
  local shown = test[3] and test[3](value)
  if shown == nil then shown = value end
  local text = ("%s must be %s, got %s (%s)"):format(name, test[2], tostring(shown), type(shown))
  options.misuse(where, text)
end

--- Checks a table of options against the kinds that each may have.
-- @string where name of the public function
-- @tparam ?table given by the caller
-- @tparam table known kind by name
-- @return what was given; an empty table for nil
function options.options(where, given, known)
  if given == nil then return {} end
  if type(given) ~= "table" then
    options.misuse(where, "options must be a table, got " .. type(given))
  end
  for name, value in pairs(given) do
    local kind = known[name]
    if not kind then options.misuse(where, "there is no option " .. tostring(name)) end
    options.argument(where, name, value, kind)
  end
  return given
end

--- Checks that options of a reader want something: two empty lists would be silence for ever.
-- @string where name of the public function
-- @tparam table given with `tables` and `channels`, each a list of names or nil
-- @return what was given
function options.wanted(where, given)
  local tables, channels = given.tables, given.channels
  if not (tables or channels) or #(tables or {}) + #(channels or {}) > 0 then return given end
  local name = tables and "tables" or "channels"
  options.misuse(where, name .. " must name one at least; leave it out for all tables")
end

local carried = { ["nil"] = true, boolean = true, number = true, string = true }

-- What to pass in place of a value that is no parameter, by its type.
local INSTEAD = {
  table = "; an array is passed as text, such as '{1,2}', and cast: $%d::int[]",
  cdata = "; a 64-bit integer is passed as text: (\"%%d\"):format(n)",
}

--- The SQL and the parameters of a statement.
function options.statement(where, sql, ...)
  if type(sql) ~= "string" then options.misuse(where, "sql must be a string, got " .. type(sql)) end
  if sql:find("\0", 1, true) then options.misuse(where, "sql has a zero byte in it") end
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if not carried[type(value)] then
      local message = "parameter $%d must be nil, a boolean, a number or a string, got %s"
      local instead = (INSTEAD[type(value)] or ""):format(i)
      options.misuse(where, message:format(i, type(value)) .. instead)
    end
    if type(value) == "string" and value:find("\0", 1, true) then
      local message = "parameter $%d has a zero byte, which PostgreSQL's text cannot hold"
      options.misuse(where, message:format(i))
    end
  end
end

--- The text of a position, from nil (the beginning), an integer seq, or a position as text.
function options.position(where, since)
  if since == nil then return "0" end
  if is_whole(since) then
    if since > core.max_integer then
      options.misuse(where, "a seq above 2^53 must be given as text to a Lua without integers")
    end
    return ("%.0f"):format(since) == tostring(since) and tostring(since) or ("%d"):format(since)
  end
  if type(since) ~= "string" then
    local message = "since must be a seq or a position, got %s (%s)"
    options.misuse(where, message:format(tostring(since), type(since)))
  end
  options.argument(where, "since", since, "string")
  local timeline, wrong = core.parse_position(since)
  if not timeline then
    options.misuse(where, ("since is no position: %q: %s"):format(since, wrong))
  end
  return since
end

return options
