-- A worker that does something for each change, and trims the log on a schedule beside its feed.
-- lua5.4 examples/worker.lua [--every SECONDS] [--hours N] [--min-rows N] [conninfo]
-- It runs until it is killed. The trim keeps changes that are younger than --hours: a consumer that
-- is away for longer has to resync. Of many workers one trims at a time, so each may have its own
-- schedule.
local argparse = require "argparse"
local consumer = require "forgelog.consumer"
local forgelog = require "forgelog"

local parser = argparse("worker", "Prints the changes of a log, and trims it.")
parser:argument("conninfo", "libpq connection string or URI (default: PG* environment)"):args("?")
parser:option("--every", "seconds between two trims", "60"):convert(tonumber)
parser:option("--hours", "age from which changes are deleted", "24"):convert(tonumber)
parser:option("--min-rows", "newest changes kept whatever their age", "1000"):convert(tonumber)
local options = parser:parse()

local worker = consumer.new {
  conninfo = options.conninfo,
  name = "worker",
  position = consumer.table(),
  on_changes = function(changes)
    for _, change in ipairs(changes) do
      local columns = change.changed_cols or ""
      print(change.seq, change.table_name, change.op, change.row_id or "", columns)
    end
    assert(io.flush())
  end,
  on_resync = function(reason)
    io.stderr:write("worker: ", reason, ": nothing to catch up with here\n")
  end,
  on_error = function(err) io.stderr:write("worker: ", tostring(err), "\n") end,
}

-- On a connection of its own, so that an error of the trim leaves the feed alone. The feed waits
-- while it runs.
local function trim()
  local log, err = forgelog.connect(options.conninfo, { timeout = 60 })
  local deleted, busy
  if log then
    local sql = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"
    local now = assert(log:query(sql))[1].now
    deleted, busy = log:trim(now - options.hours * 3600, { min_rows = options.min_rows })
    log:close()
  end
  if not deleted then return io.stderr:write("worker: trim: ", tostring(err or busy), "\n") end
  if deleted > 0 then io.stderr:write(("worker: %d changes trimmed\n"):format(deleted)) end
end

local due = os.time() + options.every
while true do
  local done, err = worker:step(math.max(0.05, math.min(1, due - os.time())))
  if not done and not worker:passes(err) then error(tostring(err), 0) end
  if os.time() >= due then
    trim()
    due = os.time() + options.every
  end
end
