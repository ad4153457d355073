--- forgelog completion: a shell's completion script, made of the table of commands.
-- @module forgelog.cli.completion
local make_parser = require "forgelog.cli.lib.parser"

--- Prints it.
-- @param context of `forgelog.cli.lib.context`
-- @param options `shell` ("bash" or "zsh")
return function(context, options)
  local parser = make_parser(function() end)
  local script = options.shell == "bash" and parser:get_bash_complete() or parser:get_zsh_complete()
  context.out(script)
end
