--- What goes wrong in a command, and what ends a command that has not failed. Both are raised; the
-- functions here tell them apart and put an error into one line on standard error.
-- @module forgelog.cli.lib.errors
local units = require "forgelog.units"

local errors = {
  CLOSED = {}, -- raised when nobody reads standard output any more
  INTERRUPTED = {}, -- raised after a signal
}

local as_json = false -- whether each line is JSON: see `speak_json`

-- What a user can do about an error: by its code, its SQLSTATE, or its kind, where nothing better
-- is known.
local BY_CODE = {
  no_schema = "name the log's schema by --schema",
  unlogged = "--unlogged watches it all the same",
  unknown_writers = "--settle waits for them for longer",
  other_log = "forgelog unwatch with that --schema ends it there",
  position_file = "mend or remove it, or give another --position-file",
}
local BY_SQLSTATE = {
  ["22021"] = "the command takes all text in UTF-8, and prints it so",
  ["25006"] = "connect to the primary; or where it is that, default_transaction_read_only is on, "
    .. "for the role, the database or by PGOPTIONS: set it off",
}
local OF_CONNECTING = { -- by the class of the SQLSTATE
  ["28"] = "give another role by -U, or its password by PGPASSWORD, a password file or -W",
  ["3D"] = "give another database by -d or PGDATABASE, or make it: createdb NAME",
}
local BY_KIND = {
  connect = "give -h -p -U -d or PGHOST, PGPORT, PGUSER, PGDATABASE, PGSERVICE as for psql",
  timeout = "--timeout allows for more, and connect_timeout of the connection does",
  lost = "run it again; saved positions are as they were",
  gap = "take the new position first (forgelog position), read the tables anew, "
    .. "then go on --since it",
}
local BY_OPTION = { ignore = "that is a column of --ignore", keep = "that is a column of --keep" }

-- What the command says about an error that a method of the library mends (its `remedy`): by the
-- code of the error, and for all others by the method.
local MENDED_BY_CODE = {
  no_log = "run forgelog install first, or name the schema that has the log by --schema",
  no_state = "run forgelog install to restore it",
  no_consumers = "run forgelog install",
}
local MENDED_BY_REMEDY = {
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

--- From here on each line on standard error is a JSON object: an error, or a note.
function errors.speak_json() as_json = true end

local function one_line(text) return (text:gsub("%s*\n%s*", "; ")) end

-- The message of an error, in which a command takes the place of the method that mends it, and
-- options have the names that they have here.
local function in_words(err)
  local message = err.message
  if err.remedy then
    local sentence = MENDED_BY_CODE[err.code] or MENDED_BY_REMEDY[err.remedy]
      or "run forgelog " .. err.remedy
    message = err.cause .. "; " .. sentence:format(err.table and units.word(err.table))
  end
  return err.code and message:gsub("the option (%a+)", "--%1") or message
end

--- An error, or whatever else was raised, as one line. (What the library raises about misuse
-- begins with its name, as what is reported does anyway.)
function errors.text(err)
  return one_line(type(err) == "table" and in_words(err) or tostring(err):gsub("^forgelog: ", ""))
end

--- Adds what a user can do about an error; returns the error.
function errors.advise(err, advice)
  err.advice = advice
  return err
end

--- Puts the option that is meant in the place of the function that an error begins with.
-- @param err an error such as "drain: there is no table x here"
-- @string option such as "--tables"
-- @return the error
function errors.of_option(err, option)
  for _, field in ipairs({ "message", "cause" }) do
    if err[field] then err[field] = option .. ": " .. err[field]:gsub("^[%w_.]+: ", "", 1) end
  end
  return err
end

--- What a user can do about a name that another program has.
-- @param err of code "name_taken"
-- @string how to have the name; or nil
-- @return that, and how to end the session of a program that is gone; nil where nothing is known
function errors.of_holder(err, how)
  local ends = err.pid
    and ("where its machine is gone: SELECT pg_terminate_backend(%d)"):format(err.pid)
  return how and ends and how .. "; " .. ends or how or ends
end

-- A right that the server has missed; errors of our own say which one it is.
local function of_rights(err)
  if err.sqlstate ~= "42501" or err.kind ~= "query" or err.code then return nil end
  return "forgelog doctor says which rights this role lacks"
end

--- What a user can do about an error; nil where nothing is known.
function errors.advice(err)
  local state = err.sqlstate or ""
  return err.advice or err.code == "name_taken" and errors.of_holder(err)
    or of_rights(err) or BY_OPTION[err.option] or BY_CODE[err.code]
    or err.code ~= "standby" and BY_SQLSTATE[state]
    or err.kind == "connect" and OF_CONNECTING[state:sub(1, 2)] or BY_KIND[err.kind]
end

local function write(line)
  io.stdout:flush()
  io.stderr:write(line, "\n")
end

local function write_json(object) write(require("forgelog.cli.lib.json").encode(object)) end

--- Writes a line to standard error that is no failure.
function errors.say(text)
  if as_json then return write_json({ note = one_line(text) }) end
  write("forgelog: " .. one_line(text))
end

--- Reports wrong usage on standard error.
-- @string wrong what is wrong, as the parser says it
-- @string hint which --help to read
function errors.refuse(wrong, hint)
  wrong = wrong:gsub("\nDid you", "\ndid you")
  if as_json then return write_json({ error = one_line(wrong), kind = "usage", hint = hint }) end
  write(("forgelog: %s; hint: %s"):format(one_line(wrong), hint))
end

--- Reports an error on standard error, in one line.
-- @param err the error, or whatever else was raised
-- @bool verbose whether its kind and SQLSTATE are wanted too
function errors.report(err, verbose)
  local known = type(err) == "table" and err or {}
  local text, hint = errors.text(err), errors.advice(known)
  if as_json then
    return write_json({ error = text, hint = hint, kind = known.kind, code = known.code,
      sqlstate = known.sqlstate, retryable = known.retryable })
  end
  if hint then text = text .. "; hint: " .. hint end
  if verbose and known.kind then
    text = ("%s (kind %s, SQLSTATE %s)"):format(text, known.kind, known.sqlstate or "none")
  end
  write("forgelog: " .. text)
end

return errors
