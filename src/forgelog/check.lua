--- Arguments of the public functions: misuse is told by name, at the line that calls.
-- @module forgelog.check
local core = require "forgelog.core"

local check = {}

--- Raises "forgelog: WHERE: MESSAGE" at the place where the public function was called.
-- @string where the public function's name
-- @string message what is wrong and what to do
-- @int[opt] level as of `error`; 4, for a check that the public function has called
function check.misuse(where, message, level)
  error("forgelog: " .. where .. ": " .. message, level or 4)
end

local function is_whole(value)
  return type(value) == "number" and value == math.floor(value) and value >= 0 and value < 2 ^ 63
end

local function is_names(value)
  if type(value) ~= "table" then return false end
  for _, name in ipairs(value) do
    if type(name) ~= "string" then return false end
  end
  return true
end

local function is_seconds(value)
  return type(value) == "number" and value >= 0
end

-- What an option or argument may be: a test, and how the error calls it.
local kinds = {
  count = { is_whole, "a whole number, zero or more" },
  positive = { function(value) return is_whole(value) and value > 0 end, "a whole number above zero" },
  seconds = { is_seconds, "a number of seconds, zero or more" },
  names = { is_names, "a list of names" },
  string = { function(value) return type(value) == "string" end, "a string" },
  boolean = { function(value) return type(value) == "boolean" end, "true or false" },
  ["function"] = { function(value) return type(value) == "function" end, "a function" },
  any = { function() return true end, "anything" },
}

-- One level below the checks that public functions call, hence 5.
local function must_be(where, name, value, kind)
  local test = kinds[kind]
  if test[1](value) then return value end
  check.misuse(where, ("%s must be %s, got %s (%s)"):format(name, test[2], tostring(value), type(value)), 5)
end

--- Checks one argument.
function check.argument(where, name, value, kind)
  local checked = must_be(where, name, value, kind) -- no tail call: it would take a level away
  return checked
end

--- Checks a table of options against the kinds it may have; returns it, or an empty one for nil.
function check.options(where, options, known)
  if options == nil then return {} end
  if type(options) ~= "table" then check.misuse(where, "options must be a table, got " .. type(options)) end
  for name, value in pairs(options) do
    local kind = known[name]
    if not kind then check.misuse(where, "there is no option " .. tostring(name)) end
    must_be(where, name, value, kind)
  end
  return options
end

local carried = { ["nil"] = true, boolean = true, number = true, string = true }

--- The SQL and the parameters of a statement.
function check.statement(where, sql, ...)
  if type(sql) ~= "string" then check.misuse(where, "sql must be a string, got " .. type(sql)) end
  if sql:find("\0", 1, true) then check.misuse(where, "sql has a zero byte in it") end
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if not carried[type(value)] then
      check.misuse(where, ("parameter $%d must be nil, a boolean, a number or a string, got %s"):format(i, type(value)))
    end
    if type(value) == "string" and value:find("\0", 1, true) then
      check.misuse(where, ("parameter $%d has a zero byte, which PostgreSQL's text cannot hold"):format(i))
    end
  end
end

--- A position's text from nil (the beginning), an integer seq, or a position as text.
function check.position(where, since)
  if since == nil then return "0" end
  if is_whole(since) then
    if since > core.exact then check.misuse(where, "a seq above 2^53 must be given as text to a Lua without integers") end
    return ("%.0f"):format(since) == tostring(since) and tostring(since) or ("%d"):format(since)
  end
  if type(since) ~= "string" then
    check.misuse(where, ("since must be a seq or a position, got %s (%s)"):format(tostring(since), type(since)))
  end
  local wrong = core.position(since)
  if wrong then check.misuse(where, ("since is no position: %q: %s"):format(since, wrong)) end
  return since
end

return check
