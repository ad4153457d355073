-- Reads a whole log into Lua tables in a fresh process, by one of five ways.
-- lua reader.lua forgelog|window|luasql|dbi|limit COLLECTOR CONNINFO SINCE UPTO
-- COLLECTOR is "incremental" or "generational"; a Lua that has but one of its own ignores it.
-- Prints the number of changes, the seconds from the connected process to the last table, those of
-- processor time among them, and the KiB that were resident before and at the peak.
local core = require "forgelog.core"

local way, collector, conninfo, since, upto = arg[1], arg[2], arg[3], tonumber(arg[4]),
  tonumber(arg[5])
if _VERSION == "Lua 5.4" then collectgarbage(collector) end
local query = ("SELECT * FROM forge_change_log"
  .. " WHERE seq > %d AND seq <= %d ORDER BY seq"):format(since, upto)

local function memory(field)
  local file = assert(io.open("/proc/self/status"))
  local text = file:read("*a")
  file:close()
  return tonumber(text:match(field .. ":%s*(%d+) kB"))
end

-- Each way connects, and returns the function that reads and counts.
local ways = {}

function ways.forgelog()
  local log = assert(require("forgelog").connect(conninfo))
  return function()
    local count, last = 0, nil
    for change in log:drain(since) do
      count, last = count + 1, change.seq
    end
    assert(last == upto)
    return count
  end
end

-- What a collector for young garbage is not made for: each change is kept for a while.
function ways.window()
  local log = assert(require("forgelog").connect(conninfo))
  return function()
    local count, kept = 0, {}
    for change in log:drain(since) do
      count = count + 1
      kept[count % 20000] = change
    end
    return count, kept
  end
end

function ways.luasql()
  local connection = assert(require("luasql.postgres").postgres():connect(conninfo))
  return function()
    local count, cursor = 0, assert(connection:execute(query))
    local change = cursor:fetch({}, "a")
    while change do
      count = count + 1
      change = cursor:fetch({}, "a")
    end
    return count
  end
end

function ways.dbi()
  local connection = assert(require("DBI").Connect("PostgreSQL", conninfo))
  return function()
    local count, statement = 0, assert(connection:prepare(query))
    assert(statement:execute())
    for _ in statement:rows(true) do count = count + 1 end
    return count
  end
end

-- Connected too, so that a collector finds the same at work as in a drain.
function ways.limit()
  local log = assert(require("forgelog").connect(conninfo))
  local changes = require("limit")(upto - since)
  return function()
    local count, last = 0, nil
    for change in changes do
      count, last = count + 1, change.seq
    end
    assert(last == upto - since and log)
    return count
  end
end

local read = ways[way]()
collectgarbage()
local idle, started, processor = memory("VmRSS"), core.now(), os.clock()
local count = read()
print(count, core.now() - started, os.clock() - processor, idle, memory("VmHWM"))
