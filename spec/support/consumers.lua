--- Consumers that note what they were handed, for the specs of the consumer and of its stores.
-- @module support.consumers
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local logs = require "support.logs"
local support = require "support"

local consumers = {}
consumers.__index = consumers

--- A database with our log, the watched table item, and a table effect, for handlers to write to.
-- @string[opt] server conninfo of another server than that of the suite
-- @return an object with the fields `db` and `log`
function consumers.start(server)
  local self = setmetatable({ made = {}, names = {} }, consumers)
  self.db, self.log = logs.installed(server)
  logs.must(self.log, "CREATE TABLE effect (seq bigint)")
  return self
end

--- Closes all that were made, and drops the database.
function consumers:close()
  for _, each in ipairs(self.made) do each:close() end
  self.log:close()
  support.drop(self.db)
end

--- Makes a consumer. Unless `options` say otherwise it tries again soon, and notes what it is
-- handed; false leaves out what it would have.
-- @return the consumer; what it was handed and told: `seqs`, `batches` (their sizes), `errors`
-- (each with `err` and `attempt`), `resyncs` (for a handler to note reasons)
function consumers:make(options)
  local seen = { seqs = {}, batches = {}, errors = {}, resyncs = {} }
  local name = "consumer" .. #self.made + 1
  local all = { conninfo = self.db .. " application_name=" .. name, backoff = 0.01,
    backoff_max = 0.1, poll = 0.3,
    on_error = function(err, attempt)
      seen.errors[#seen.errors + 1] = { err = err, attempt = attempt }
    end,
    on_changes = function(changes)
      seen.batches[#seen.batches + 1] = #changes
      for _, change in ipairs(changes) do seen.seqs[#seen.seqs + 1] = change.seq end
    end }
  for option, value in pairs(options or {}) do all[option] = value or nil end
  local made = consumer.new(all)
  self.made[#self.made + 1], self.names[made] = made, name
  return made, seen
end

--- Ends the server's side of a consumer's connection, and waits until it has gone.
function consumers:terminate(one)
  local where = " FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
    .. "$1"
  logs.must(self.log, "SELECT pg_terminate_backend(pid)" .. where, self.names[one])
  support.wait_until(function()
    return #logs.must(self.log, "SELECT" .. where, self.names[one]) == 0
  end, "the backend's end")
end

--- Writes changes to the log, one when no number is given.
function consumers:add(count) logs.fill(self.log, count or 1) end

--- A handler that writes each change to the table effect.
function consumers.write(changes, log)
  for _, change in ipairs(changes) do
    logs.must(log, "INSERT INTO effect VALUES ($1)", change.seq)
  end
end

--- Makes a consumer named "one", unless `options` say otherwise, whose handler writes to the table
-- effect, in batches of at most 10.
function consumers:writer(options)
  local all = { name = "one", batch = 10, on_changes = consumers.write }
  for name, value in pairs(options or {}) do all[name] = value end
  return self:make(all)
end

--- How many rows are in the table effect, and of how many changes: `n`, `different`.
function consumers:effects()
  return logs.must(self.log, [[SELECT count(*) AS n, count(DISTINCT seq) AS different
    FROM effect]])[1]
end

--- Steps a consumer until it has looked since the call, and has handled all that was there; returns
-- the number of changes handled.
function consumers.settle(one)
  local began, sum = core.now(), 0
  while core.now() < began + 20 do
    local count, err = one:step(0.3)
    local caught_up = one:stats().caught_up
    local rests = not count and err.code == "no_change"
    if rests and caught_up and caught_up <= core.now() - began then return sum end
    sum = sum + (count or 0)
  end
  error("the consumer did not come to rest", 2)
end

--- The code of the error that a step returns, or its text where it has none; false where the step
-- has handled changes. One that has no answer yet, since this machine is busy, is gone on with.
-- @number seconds of each step
function consumers.code(one, seconds)
  local done, err
  repeat done, err = one:step(seconds) until done or err.code ~= "unfinished"
  return not done and (err.code or tostring(err))
end

--- Steps a consumer until a number of changes has been handled in all, or raises.
function consumers.handle(one, count)
  local deadline = core.now() + 20
  while count > 0 do
    count = count - (one:step(0.3) or 0)
    if core.now() > deadline then error("the changes were not handled", 2) end
  end
end

return consumers
