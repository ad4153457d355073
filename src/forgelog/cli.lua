--- The command line: finds the command, runs it, and turns what happens into messages and an exit status.
-- Each command is a module `forgelog.cli.NAME`: a function of the context and the options that returns the exit status
-- (nil: 0) and raises whatever goes wrong.
-- @module forgelog.cli
local connect = require "forgelog.cli.connect"
local core = require "forgelog.core"
local forgelog = require "forgelog"
local json = require "forgelog.cli.json"
local terminal = require "forgelog.cli.terminal"

-- Commands that share a module with others.
local MODULES = { install = "tables", watch = "tables", unwatch = "tables", watched = "tables", drain = "stream",
  follow = "stream", position = "consumers", forget = "consumers", completion = "manual", man = "manual" }
local CLOSED, INTERRUPTED = {}, {} -- raised when nobody reads standard output any more, and after a signal
local EPIPE, GRACE = 32, 2 -- seconds that what must not be broken off may go on after a signal

local function one_line(text) return (text:gsub("%s*\n%s*", "; ")) end

local HINTS = {
  connect = "give -h -p -U -d or PGHOST, PGPORT, PGUSER, PGDATABASE, PGSERVICE as for psql",
  lost = "run it again; saved positions are as they were",
  gap = "take the new position first (forgelog position), read the tables anew, then go on --since it",
}

-- What the library calls by its Lua name, the command has too.
local function in_words(message)
  return (one_line(message):gsub("log:(%a+)%(%)", "forgelog %1"):gsub("forgelog horizon", "forgelog status"))
end

local Context = {}
Context.__index = Context

-- What became of writing to standard output; raises where it failed.
local function written(ok, why, code)
  if ok then return end
  if code == EPIPE then error(CLOSED, 0) end
  if core.caught() then error(INTERRUPTED, 0) end
  error("standard output: " .. tostring(why), 0)
end

--- Writes to standard output; raises where nobody reads it.
function Context.out(...) written(io.stdout:write(...)) end

--- Has all that was written reach its reader; raises likewise.
function Context.flush() written(io.stdout:flush()) end

--- Raises once standard output is a pipe that nobody reads any more, also where nothing is written to it.
function Context.check_reader()
  if core.poll(1, "", 0) then error(CLOSED, 0) end
end

--- A line on standard error.
function Context.note(format, ...)
  io.stdout:flush()
  io.stderr:write("forgelog: ", one_line(format:format(...)), "\n")
end

Context.json = json.encode
Context.caught = core.caught

--- Connects, or raises.
function Context:connect()
  local log, info = connect.open(self.options, self.waiter)
  if not log then error(info, 0) end
  self.conninfo = info
  self.log = log
  return log
end

--- Runs what a signal should not break off halfway; it then has two seconds left.
function Context:unbroken(work, ...)
  self.grace = true
  local results = { pcall(work, ...) }
  self.grace = false
  if not results[1] then error(results[2], 0) end
  return (table.unpack or unpack)(results, 2, 4)
end

--- Raises once a signal was caught.
function Context.check_signal()
  if core.caught() then error(INTERRUPTED, 0) end
end

--- Sleeps; a signal ends it.
function Context:sleep(seconds)
  self.waiter.wait(nil, "", seconds)
end

-- As the waiter of a plain script, but that a signal ends the command wherever it waits.
local function make_waiter(context)
  local since
  return {
    name = "command",
    now = core.now,
    wait = function(fd, events, seconds)
      local caught = core.caught()
      if caught and context.grace then
        since = since or core.now()
        if core.now() - since < GRACE then caught, seconds = nil, math.min(seconds or GRACE, GRACE) end
      end
      if caught then error(INTERRUPTED, 0) end
      local ready = core.poll(fd, events, seconds)
      if core.caught() and not context.grace then error(INTERRUPTED, 0) end
      return ready
    end,
  }
end

local function new_context(options)
  local self = setmetatable({ options = options, color = terminal.painter(options.color) }, Context)
  self.waiter = make_waiter(self)
  return self
end

--- Raises the end that a signal brings, as where a signal was caught.
function Context.interrupt() error(INTERRUPTED, 0) end

--- Whether something raised is that end; or any end that is no failure.
function Context.interrupted(err) return err == INTERRUPTED end
function Context.ends(err) return err == INTERRUPTED or err == CLOSED end

--- Tells an error on standard error, in one line; returns the exit status 1.
local function report(err, options)
  io.stdout:flush()
  if type(err) ~= "table" then
    io.stderr:write("forgelog: ", one_line(tostring(err)), "\n")
    return 1
  end
  local hint = err.advice or HINTS[err.kind]
  io.stderr:write("forgelog: ", in_words(err.message), hint and "; hint: " .. hint or "",
    options.verbose and (" (kind %s, SQLSTATE %s)"):format(err.kind, err.sqlstate or "none") or "", "\n")
  return 1
end

--- Tells an error that does not end the command; returns the exit status 1.
function Context:failed(err) return report(err, self.options) end

-- What a command ended with as an exit status.
local function conclude(ok, result, options)
  if ok then return result or 0 end
  if result == CLOSED then return 0 end
  if result ~= INTERRUPTED then return report(result, options) end
  io.stderr:write("forgelog: interrupted\n")
  return 128 + (core.caught() or 2)
end

local function run(context, name)
  local status = require("forgelog.cli." .. (MODULES[name] or name))(context, context.options)
  context.flush()
  return status
end

local function version()
  print("forgelog " .. forgelog._VERSION)
  os.exit(0)
end

-- The options that the words of a command line amount to; or nil and the exit status.
local function parse(words)
  local made, parser = pcall(require "forgelog.cli.parser", version)
  if not made then return nil, report(parser, {}) end
  local fine, options = parser:pparse(words)
  local wrong = not fine and options or connect.refusal(options.dbname)
  if not wrong then return options end
  local command = words[1] and words[1]:match("^%a+$") or ""
  io.stderr:write(("forgelog: %s; hint: forgelog%s --help\n"):format(one_line(wrong), command == "" and "" or " " .. command))
  return nil, 2
end

--- Runs a command line.
-- @param words the arguments
-- @return the exit status
return function(words)
  local options, status = parse(words)
  if not options then return status end
  core.catch_signals()
  io.stdout:setvbuf("full")
  local context = new_context(options)
  local ok, result = pcall(run, context, options.command)
  if context.log then context.log:close() end
  return conclude(ok, result, options)
end
