--- The command line: finds the command, runs it, and turns what happens into messages and an exit
-- status. Each command is a module `forgelog.cli.NAME`: a function of the context and the options
-- that returns the exit status (nil: 0) and raises whatever goes wrong. Without a command it is
-- `forgelog.cli.next`.
-- @module forgelog.cli
local connect = require "forgelog.cli.lib.connect"
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local forgelog = require "forgelog"
local make_context = require "forgelog.cli.lib.context"

local FAILED, USAGE, SIGNAL = 1, 2, 128 -- exit statuses: see `status` in forgelog.cli.commands
local SIGINT = 2

local function version()
  print("forgelog " .. forgelog._VERSION)
  os.exit(0)
end

local NEGATIVE = ": a value that begins with a hyphen follows an equals sign, as in --key=-1"
local UNNUMBERED = ": a change without a seq is given as parked prints it, such as r17"

-- Says what is wrong with a command line, and which --help to read.
local function refuse(words, wrong)
  local negative = wrong:match("^unknown option '%-%d'")
  if negative then
    wrong = negative .. ((words[1] == "retry" or words[1] == "skip") and UNNUMBERED or NEGATIVE)
  end
  local command = not wrong:find("^unknown command") and words[1] and words[1]:match("^%a+$")
  errors.refuse(wrong, ("forgelog%s --help"):format(command and " " .. command or ""))
end

-- Whether JSON is wanted, as far as words tell that may be no command line.
local function wants_json(words)
  for _, word in ipairs(words) do
    if word == "--json" then return true end
  end
end

-- The options that the words of a command line amount to; or nil and the exit status.
local function parse(words)
  if wants_json(words) then errors.speak_json() end
  local made, parser = pcall(require "forgelog.cli.lib.parser", version)
  if not made then
    errors.report(parser)
    return nil, FAILED
  end
  local fine, options = parser:pparse(words)
  local wrong = not fine and options or options.refusal or connect.refusal(options.dbname)
  if not wrong then return options end
  refuse(words, wrong)
  return nil, USAGE
end

local function run(context)
  local command = require("forgelog.cli." .. (context.options.command or "next"))
  local status = command(context, context.options)
  context.flush()
  return status
end

-- The exit status of a command that raised something, which is reported where it is a failure.
local function conclude(context, err)
  if err == errors.CLOSED then return 0 end
  if err == errors.INTERRUPTED then
    errors.say("interrupted")
    return SIGNAL + (core.caught() or SIGINT)
  end
  context:report(err)
  return type(err) == "table" and err.code == "usage" and USAGE or FAILED
end

--- Runs a command line.
-- @param words the arguments
-- @return the exit status
return function(words)
  local options, status = parse(words)
  if not options then return status end
  core.catch_signals()
  io.stdout:setvbuf("full")
  local context = make_context(options)
  local ok, result = pcall(run, context)
  context:disconnect()
  if ok then return result or 0 end
  return conclude(context, result)
end
