--- forgelog completion: a shell's completion script, made of the table of commands.
-- @module forgelog.cli.completion
local make_parser = require "forgelog.cli.lib.parser"

-- As argparse ends it, the script is right only in a file of zsh's fpath, and an error elsewhere.
local ENDS, BOTH_WAYS = "\n_forgelog\n$", [[

if [ "$funcstack[1]" = _forgelog ]; then
  _forgelog "$@"
else
  compdef _forgelog forgelog
fi
]]

--- Prints it.
-- @param context of `forgelog.cli.lib.context`
-- @param options `shell` ("bash" or "zsh")
return function(context, options)
  local parser = make_parser(function() end, true)
  if options.shell == "bash" then return context.out((parser:get_bash_complete())) end
  context.out((parser:get_zsh_complete():gsub(ENDS, BOTH_WAYS)))
end
