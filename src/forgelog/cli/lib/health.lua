--- forgelog status --check: whether the log and its consumers are well, for Kubernetes, Nagios and
-- their like. It does not ask for the horizon, so it waits for no writer.
-- @module forgelog.cli.lib.health
local errors = require "forgelog.cli.lib.errors"
local inspect = require "forgelog.tables.inspect"
local remembered = require "forgelog.tables.remembered"
local rows = require "forgelog.consumer.rows"
local status = require "forgelog.status"
local terminal = require "forgelog.cli.lib.terminal"
local uncompiled = require "forgelog.connection.uncompiled"
local units = require "forgelog.units"

local NO_RIGHT = "42501" -- SQLSTATE
local FAULTY = 1 -- exit status

local function add(faults, format, ...)
  faults[#faults + 1] = terminal.safe(format:format(...))
end

-- What is wrong with one row of the table of consumers.
local function judge(faults, one, most)
  if one.gap == "unreadable" then
    add(faults, "consumer %s: what it has saved is no position", one.name)
  elseif one.gap then
    add(faults, "consumer %s must resync: %s", one.name, one.gap)
  elseif most and one.lag_seconds > most then
    add(faults, "consumer %s is %s behind (%s), more than %s", one.name,
      units.duration(one.lag_seconds), units.many(one.lag_changes, "change"), units.duration(most))
  end
end

-- The rows that belong to each consumer, and the lanes that it has: `rows`, `count` (nil: it has
-- none) and `there` (which ones). A row is found under its own name too.
local function group(list)
  local groups = {}
  local function into(name, one, lane, count)
    local own = groups[name] or { rows = {}, there = {} }
    groups[name] = own
    own.rows[#own.rows + 1] = one
    if lane then own.count, own.there[lane] = math.max(own.count or 0, count), true end
  end
  for _, one in ipairs(list) do
    local name, lane, count = rows.split(one.name)
    into(name, one, lane, count)
    if lane then into(one.name, one) end
  end
  return groups
end

-- What is wrong with one consumer, all its lanes.
local function judge_consumer(faults, name, own, most)
  for lane = 1, own.count or 0 do
    if not own.there[lane] then
      add(faults, "consumer %s: lane %d of %d has saved no position", name, lane, own.count)
    end
  end
  for _, one in ipairs(own.rows) do judge(faults, one, most) end
end

-- The names to look at: those that were asked for; or of all consumers.
local function chosen(options, list)
  if options.name[1] then return options.name end
  local names, seen = {}, {}
  for _, one in ipairs(list) do
    local name = rows.split(one.name)
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  return names
end

-- Whether changes of a watched table are missed. Of partitions that came later only a TRUNCATE is.
local function misses(about)
  return #about.altered > 0 or #about.missing > (about.uncovered and 1 or 0)
end

-- Codes of `forgelog.tables.remembered` under which a table is captured no longer, although there
-- is one of its name.
local UNCAPTURED = { recreated = true, swapped = true, detached = true }

local function judge_tables(faults, conn)
  for _, about in ipairs(errors.must(inspect.list(conn))) do
    if misses(about) then add(faults, "changes of %s are missed: %s", about.name, about.wrong) end
  end
  for _, one in ipairs(errors.must(remembered.lost(conn))) do
    if UNCAPTURED[one.code] then add(faults, "%s", one.wrong) end
  end
end

local function look(log, options)
  local conn, faults = uncompiled(log.connection), {}
  local ok, err = conn:locate()
  if not ok and err.remedy == "install" then return { errors.text(err) } end
  errors.must(ok, err)
  if not conn:fact("has_state") then
    return { "the log was not installed, only its table is there; run forgelog install" }
  end
  local list, why = status.standing(conn)
  if not list and why.sqlstate == NO_RIGHT then
    return { "the consumers are not to be seen: " .. errors.text(why) }
  end
  errors.must(list, why)
  judge_tables(faults, conn)
  local groups = group(list)
  for _, name in ipairs(chosen(options, list)) do
    if groups[name] then
      judge_consumer(faults, name, groups[name], options.lag)
    else
      add(faults, "there is no consumer %s with a position here", name)
    end
  end
  return faults
end

--- Looks, and prints what is wrong, a line for each thing.
-- @param context of `forgelog.cli.lib.context`
-- @param options `lag` (seconds), `name` (list of names)
-- @return the exit status
return function(context, options)
  local faults = look(context:connect(), options)
  local ok = not faults[1]
  if not context:tell({ ok = ok, wrong = faults }) then
    context.out(ok and "ok" or table.concat(faults, "\n"), "\n")
  end
  return ok and 0 or FAULTY
end
