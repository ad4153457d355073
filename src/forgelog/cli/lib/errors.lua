--- What goes wrong in a command, and what ends a command that has not failed. Both are raised; the
-- functions here tell them apart and put an error into one line on standard error.
-- @module forgelog.cli.lib.errors
local units = require "forgelog.units"

local errors = {
  CLOSED = {}, -- raised when nobody reads standard output any more
  INTERRUPTED = {}, -- raised after a signal
}

-- What a user can do about an error of each kind, where nothing better is known.
local HINTS = {
  connect = "give -h -p -U -d or PGHOST, PGPORT, PGUSER, PGDATABASE, PGSERVICE as for psql",
  lost = "run it again; saved positions are as they were",
  gap = "take the new position first (forgelog position), read the tables anew, "
    .. "then go on --since it",
}

-- What the command says about an error that a method of the library mends (its `remedy`): by the
-- code of the error, and for all others by the method.
local BY_CODE = {
  no_state = "run forgelog install to restore it",
  no_consumers = "run forgelog install",
}
local BY_REMEDY = {
  install = "run forgelog install first",
  horizon = "forgelog status tells which",
  watch = "run forgelog watch %s first",
}

--- Raises the error that a function has returned in place of a value; returns everything else.
-- @param value what the function returned first: nil where it failed
-- @param ... the error, or further values
function errors.must(value, ...)
  local err = ...
  if value == nil and err ~= nil then error(err, 0) end
  return value, ...
end

--- Whether what was raised ends a command that has not failed.
function errors.ends(err) return err == errors.INTERRUPTED or err == errors.CLOSED end

local function one_line(text) return (text:gsub("%s*\n%s*", "; ")) end

-- The message of an error, in which a command takes the place of the method that mends it.
local function in_words(err)
  if not err.remedy then return err.message end
  local sentence = BY_CODE[err.code] or BY_REMEDY[err.remedy] or "run forgelog " .. err.remedy
  return err.cause .. "; " .. sentence:format(err.table and units.word(err.table))
end

--- An error, or whatever else was raised, as one line.
function errors.text(err)
  return one_line(type(err) == "table" and in_words(err) or tostring(err))
end

--- Adds what a user can do about an error; returns the error.
function errors.advise(err, advice)
  err.advice = advice
  return err
end

--- Writes a line to standard error.
function errors.say(text)
  io.stdout:flush()
  io.stderr:write("forgelog: ", one_line(text), "\n")
end

--- Reports an error on standard error, in one line.
-- @param err the error, or whatever else was raised
-- @bool verbose whether its kind and SQLSTATE are wanted too
function errors.report(err, verbose)
  local parts = { errors.text(err) }
  if type(err) == "table" then
    local hint = err.advice or HINTS[err.kind]
    parts[#parts + 1] = hint and "; hint: " .. hint
    if verbose then
      parts[#parts + 1] = (" (kind %s, SQLSTATE %s)"):format(err.kind, err.sqlstate or "none")
    end
  end
  errors.say(table.concat(parts))
end

return errors
