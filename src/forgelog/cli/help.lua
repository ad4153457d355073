--- forgelog help: what --help prints, or COMMAND --help.
-- @module forgelog.cli.help
local errors = require "forgelog.cli.lib.errors"
local make_parser = require "forgelog.cli.lib.parser"

local USAGE = 2 -- exit status

--- Prints it.
-- @param _ context of `forgelog.cli.lib.context`
-- @param options `topic` (a command; default: none)
-- @return the exit status of wrong usage; else the parser ends the program
return function(_, options)
  local words = { "--help" }
  if options.topic then table.insert(words, 1, options.topic) end
  local _, wrong = make_parser(function() end):pparse(words)
  errors.refuse(wrong, "forgelog --help")
  return USAGE
end
