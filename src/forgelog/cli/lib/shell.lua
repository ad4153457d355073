--- Running a shell command with a text on its standard input.
-- @module forgelog.cli.lib.shell
local core = require "forgelog.core"
local units = require "forgelog.units"

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
-- input is no error. A signal that comes meanwhile is noted; the command goes on to its end.
-- @string command
-- @string text
-- @return true where it ended with status 0; else nil, what went wrong, and the signal that ended
-- it or what it ran, if there was one
return function(command, text)
  local name = os.tmpname()
  local why = write(name, text)
  local status, signal
  if not why then
    status, signal, why = core.run(("sh -c %s <%s"):format(units.word(command), units.word(name)))
  end
  os.remove(name)
  if why then return nil, ("the batch could not be given to --exec by %s: %s"):format(name, why) end
  if status == 0 then return true end
  -- A shell tells by a status above 128 that a signal ended what it ran.
  if status and status > 128 then signal = status - 128 end
  local ended = status and "failed with status " .. status or "was killed by signal " .. signal
  return nil, ("the --exec command %s: %s"):format(ended, command), signal
end
