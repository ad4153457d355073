--- Where batches of changes go: standard output, or the standard input of a command, one run of it for each batch.
-- @module forgelog.cli.sink
local core = require "forgelog.core"
local format = require "forgelog.cli.format"

local SIGINT = 2

local function quote(word) return "'" .. word:gsub("'", [['\'']]) .. "'" end

-- How a shell command ended: its exit status, and the signal that ended it (that of a shell told by its status, too).
local function execute(command)
  local first, how, code = os.execute(command)
  if type(first) == "number" then -- as Lua 5.1 has it
    how, code = first % 128 == 0 and "exit" or "signal", first % 128 == 0 and math.floor(first / 256) or first % 128
  end
  if how == "signal" then return nil, code end
  return code, code > 128 and code - 128 or nil
end

-- By way of a file: a command that does not read all of its input is no error.
local function run(command, text)
  local name = os.tmpname()
  local file = assert(io.open(name, "w"))
  local ok, why = file:write(text)
  if ok then ok, why = file:close() else file:close() end
  local status, signal
  if ok then status, signal = execute("sh -c " .. quote(command) .. " <" .. quote(name)) end
  os.remove(name)
  if not ok then return "the batch could not be written to " .. name .. ": " .. why end
  if status == 0 then return nil end
  return ("the command %s: %s"):format(status and "failed with status " .. status or "was killed by signal " .. signal, command),
    signal == SIGINT
end

--- A function that takes a list of changes and returns when they are where they should be; else it raises.
-- @param context of the command
-- @param options its `format` and `exec`
return function(context, options)
  local line = format(options.format or options.exec and "json" or "text", context.color)
  return function(changes)
    local lines = {}
    for i, change in ipairs(changes) do lines[i] = line(change) end
    if not options.exec then
      context.out(table.concat(lines))
      return context.flush()
    end
    context.flush()
    local wrong, interrupted = run(options.exec, table.concat(lines))
    if interrupted then context.interrupt() end
    if wrong then error(core.error("query", wrong), 0) end
  end
end
