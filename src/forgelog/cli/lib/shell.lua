--- Running a shell command with a text on its standard input.
-- @module forgelog.cli.lib.shell
local units = require "forgelog.units"

-- Runs a shell command. Returns its exit status, or nil where a signal ended it; and the signal
-- that ended it or what it ran (a shell reports the latter by a status above 128).
local function execute(command)
  local first, how, code = os.execute(command)
  if type(first) == "number" then -- Lua 5.1 returns what wait(2) has reported
    local exited = first % 128 == 0
    how, code = exited and "exit" or "signal", exited and math.floor(first / 256) or first % 128
  end
  if how == "signal" then return nil, code end
  return code, code > 128 and code - 128 or nil
end

-- Writes a file; returns nil, or why that failed.
local function write(name, text)
  local file, why = io.open(name, "w")
  if not file then return why end
  local ok
  ok, why = file:write(text)
  local closed, late = file:close() -- which writes what is still buffered
  return not ok and why or not closed and late or nil
end

--- Runs a shell command. The text goes through a file: a command that does not read all of its
-- input is no error.
-- @string command
-- @string text
-- @return true where it ended with status 0; else nil, what went wrong, and the signal that ended
-- it or what it ran, if there was one
return function(command, text)
  local name = os.tmpname()
  local why = write(name, text)
  local status, signal
  if not why then
    status, signal = execute(("sh -c %s <%s"):format(units.word(command), units.word(name)))
  end
  os.remove(name)
  if why then return nil, ("the batch could not be written to %s: %s"):format(name, why) end
  if status == 0 then return true end
  local ended = status and "failed with status " .. status or "was killed by signal " .. signal
  return nil, ("the command %s: %s"):format(ended, command), signal
end
