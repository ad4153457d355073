-- Trims the log, for cron, and says what it did:
--   17 * * * *  lua5.4 /opt/shop/maintain.lua --hours 48 "service=shop"
-- A consumer that is away for longer than that finds a gap and has to resync.
-- lua5.4 examples/maintain.lua [--hours N] [--min-rows N] [--schema NAME] [--quiet] [conninfo]
-- Exit status: 0 done, 1 failed (or wrong arguments), 3 another session was trimming.
local argparse = require "argparse"
local forgelog = require "forgelog"

local BUSY = 3

-- As assert does, on Lua 5.1 too, whose assert takes no error tables.
local function must(value, ...)
  if not value then error((...), 0) end
  return value, ...
end

local function number(text)
  local value = tonumber(text)
  if value and value >= 0 then return value end
  return nil, ("'%s' is no number, zero or more"):format(text)
end

local parser = argparse("maintain", "Deletes old changes from forge_change_log.")
parser:argument("conninfo", "libpq connection string or URI (default: PG* environment)"):args("?")
parser:option("--hours", "age from which changes are deleted", "24"):convert(number)
parser:option("--min-rows", "newest changes kept whatever their age", "1000"):convert(number)
parser:option("--schema", "where the log is (default: found by the search path)")
parser:flag("--quiet", "say nothing unless something went wrong")
local options = parser:parse()

-- created_at is the server's time, so the age is measured by its clock.
local function server_time(log)
  return must(log:query("SELECT extract(epoch FROM clock_timestamp())::float8 AS now"))[1].now
end

local function remaining(log)
  local first, err = log:min_seq()
  if err then error(err, 0) end
  if not first then return "the log is empty" end
  return ("seq %d to %d remain"):format(first, must(log:max_seq()))
end

local function main()
  local log = must(forgelog.connect(options.conninfo, { schema = options.schema, timeout = 300 }))
  local started = server_time(log)
  local deleted, busy = log:trim(started - options.hours * 3600, { min_rows = options.min_rows })
  if not deleted then
    error(("%s (%d changes were deleted before)"):format(tostring(busy), busy.deleted or 0), 0)
  end
  local report = ("deleted %d changes older than %g hours in %.1f s; %s"):format(deleted,
    options.hours, server_time(log) - started, remaining(log))
  log:close()
  return report, busy
end

local ok, report, busy = pcall(main)
if not ok then
  io.stderr:write("maintain: ", tostring(report), "\n")
  os.exit(1)
end
if busy then report = report .. "; another session is trimming" end
if busy or not options.quiet then print(report) end
os.exit(busy and BUSY or 0)
