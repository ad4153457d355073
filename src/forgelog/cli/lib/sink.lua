--- Where batches of changes go: standard output, or the standard input of a shell command, which is
-- run once for each batch.
-- @module forgelog.cli.lib.sink
local core = require "forgelog.core"
local make_line = require "forgelog.cli.lib.format"
local run = require "forgelog.cli.lib.shell"

local SIGINT = 2 -- Ctrl-C goes to the shell command as it goes to forgelog

local function print_batch(context, text)
  context.out(text)
  context.flush()
end

local function run_command(context, command, text)
  context.flush()
  local ok, wrong, signal = run(command, text)
  if signal == SIGINT then context.interrupt() end
  if not ok then error(core.error("query", wrong), 0) end
end

--- Makes a function that takes a list of changes and returns when they are where they should be;
-- else it raises.
-- @param context of the command
-- @param options its `format`, `json` and `exec`
return function(context, options)
  local kind = options.format or (options.json or options.exec) and "json" or "text"
  local line = make_line(kind, context.color)
  return function(changes)
    local lines = {}
    for i, change in ipairs(changes) do lines[i] = line(change) end
    local text = table.concat(lines)
    if options.exec then
      run_command(context, options.exec, text)
    else
      print_batch(context, text)
    end
  end
end
