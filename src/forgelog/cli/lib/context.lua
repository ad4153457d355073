--- What a command works with: its options, a connection, standard output, and the signals it may
-- get.
-- @module forgelog.cli.lib.context
local connect = require "forgelog.cli.lib.connect"
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local json = require "forgelog.cli.lib.json"
local make_waiter = require "forgelog.cli.lib.waiter"
local terminal = require "forgelog.cli.lib.terminal"

local unpack = table.unpack or unpack -- luacheck: ignore 143
local EPIPE = 32

local Context = {}
Context.__index = Context

--- Connects, or raises.
-- @return a log; the context keeps it, and the `conninfo` that led to it
function Context:connect()
  local log, err, conninfo = connect.open(self.options, self.waiter)
  if not log then error(err, 0) end
  self.log, self.conninfo = log, conninfo
  return log
end

--- Closes the connection, if there is one. A statement that a signal has broken off is cancelled
-- first: one that waits for a lock would go on waiting, and take effect later.
function Context:disconnect()
  local log = self.log
  self.log = nil
  if not log then return end
  if core.caught() then
    self.waiter.shield(true, true)
    pcall(log.connection.cancel, log.connection)
    self:unshield()
  end
  log:close()
end

-- Passes over what a write returned when it succeeded; raises where it failed.
local function written(ok, why, code)
  if ok then return end
  if code == EPIPE then error(errors.CLOSED, 0) end
  Context.check_signal()
  error("standard output: " .. tostring(why), 0)
end

--- Writes to standard output; raises where nobody reads it.
function Context.out(...) written(io.stdout:write(...)) end

--- Prints a value as a line of JSON where --json was given.
-- @param value for `forgelog.cli.lib.json`
-- @return whether it was
function Context:tell(value)
  if not self.options.json then return false end
  self.out(json.encode(value), "\n")
  return true
end

--- Hands all that was written to its reader; raises likewise.
function Context.flush() written(io.stdout:flush()) end

--- Raises once standard output is a pipe that nobody reads any more, even if nothing is written to
-- it.
function Context.check_reader()
  if core.poll(1, "", 0) then error(errors.CLOSED, 0) end
end

--- Writes a line to standard error.
-- @string format as of `string.format`
function Context.note(format, ...) errors.say(format:format(...)) end

--- Reports an error that does not end the command.
function Context:report(err) errors.report(err, self.options.verbose) end

--- Whether a signal was caught.
function Context.caught() return core.caught() ~= nil end

--- Raises once a signal was caught.
function Context.check_signal()
  if core.caught() then Context.interrupt() end
end

--- Raises the end that a signal brings.
function Context.interrupt() error(errors.INTERRUPTED, 0) end

--- Whether what was raised is the end that a signal brings.
function Context.interrupted(err) return err == errors.INTERRUPTED end

--- From here on, until `unshield`, a signal leaves the work two seconds to come to its end.
function Context:shield() self.waiter.shield(true) end

--- From here on a signal ends the command wherever it waits.
function Context:unshield() self.waiter.shield(false) end

--- Calls a function that a signal should not break off halfway.
-- @return what it returns, three values at most
function Context:unbroken(work, ...)
  self:shield()
  local results = { pcall(work, ...) }
  self:unshield()
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, 4)
end

--- Runs a command that only a signal ends, so that the signal is its success.
function Context.until_signal(work, ...)
  local ok, err = pcall(work, ...)
  if not ok and not Context.interrupted(err) then error(err, 0) end
end

--- Sleeps; a signal ends it.
function Context:sleep(seconds) self.waiter.wait(nil, "", seconds) end

--- Makes the context of one run of the command.
-- @param options of the command line
return function(options)
  return setmetatable({
    options = options,
    color = terminal.painter(options.color),
    waiter = make_waiter(),
  }, Context)
end
