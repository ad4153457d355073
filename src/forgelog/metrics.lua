--- The state of a log for Prometheus, in its text exposition format 0.0.4: for an HTTP endpoint, or
-- for a file that node_exporter's textfile collector reads.
-- @module forgelog.metrics
local core = require "forgelog.core"
local status_of = require "forgelog.status"
local units = require "forgelog.units"
local utf8 = require "forgelog.utf8"

-- Why a consumer must resync: each reason is a series of its own that is always there, 0 or 1, so
-- that an alert neither begins nor ends with a series that comes or goes.
local REASONS = { "trimmed", "reset", "failover" }

-- One value of a thing, by the name of its field or by a function.
local function pick(thing, get)
  if type(get) == "function" then return get(thing) end
  return thing[get]
end

-- A family's samples are a function of the status that calls add(value, label, text, label, text
-- ...); nil adds nothing.
local function of_log(get)
  return function(status, add) add(pick(status, get)) end
end

local function of_each(list, label, get)
  return function(status, add)
    for _, thing in ipairs(status[list] or {}) do add(pick(thing, get), label, thing.name) end
  end
end

local function of_consumers(get) return of_each("consumers", "consumer", get) end

-- A table is healthy once its triggers are, and nothing of it was missed since it was watched.
local function healthy_tables(status, add)
  local lost, named = {}, {}
  for _, table in ipairs(status.lost or {}) do lost[table.name] = true end
  for _, table in ipairs(status.tables) do
    named[table.name] = true
    add(table.healthy and not lost[table.name], "table", table.name)
  end
  for _, table in ipairs(status.lost or {}) do
    if not named[table.name] then add(false, "table", table.name) end
  end
end

local function gaps(status, add)
  for _, consumer in ipairs(status.consumers or {}) do
    for _, reason in ipairs(REASONS) do
      add(consumer.gap == reason, "consumer", consumer.name, "reason", reason)
    end
  end
end

-- What is parked stands under the name of a consumer, whatever the lane; 0 where nothing is.
local function parked_changes(status, add)
  local found, names = {}, {}
  for _, one in ipairs(not status.parked_error and status.consumers or {}) do
    local name = one.name:gsub("#%d+/%d+$", "")
    if not found[name] then names[#names + 1] = name end
    found[name] = math.max(found[name] or 0, one.parked or 0)
  end
  for _, name in ipairs(names) do add(found[name], "consumer", name) end
end

-- Of the tables that consumers read from end to end, a number of each.
local function of_backfills(field)
  return function(status, add)
    for _, one in ipairs(status.consumers or {}) do
      for _, backfill in ipairs(one.backfills or {}) do
        add(backfill[field], "consumer", one.name, "table", backfill.table)
      end
    end
  end
end

-- Without a horizon, an empty list of writers may be one that could not be read; a standby shows
-- none.
local function knows_writers(status)
  return not status.standby and (status.horizon or status.writers[1])
end

local function open_writers(status) return knows_writers(status) and #status.writers or nil end

local function oldest_writer_age(status)
  if not knows_writers(status) then return nil end
  local age = #status.writers == 0 and 0 or nil
  for _, writer in ipairs(status.writers) do
    if writer.since then age = math.max(age or 0, status.at - writer.since) end
  end
  return age
end

-- How far a standby is behind.
local function of_replay(field)
  return of_log(function(status) return status.replay and status.replay[field] end)
end

local function has_horizon(status) return status.horizon ~= nil end

local function can_read_consumers(status) return status.consumers_error == nil end

local function is_running(consumer) return consumer.running end

local function number_of_tables(status) return #status.tables end

-- Each: the name without "forgelog_", the help, the samples.
local FAMILIES = {
  { "changes",
    ("Changes in the log (an estimate where these are more than %s)."):format(
      units.count(status_of.COUNTED_ROWS)),
    of_log("rows") },
  { "seq_min", "Smallest seq in the log.", of_log("min_seq") },
  { "seq_max", "Largest seq in the log.", of_log("max_seq") },
  { "trimmed_to_seq", "Highest seq ever deleted from the log.", of_log("trimmed_to") },
  { "oldest_change_age_seconds", "Age of the oldest change in the log.", of_log("oldest_age") },
  { "write_rate", "Changes written per second, over the last minute.", of_log("write_rate") },
  { "retention_seconds", "Time that the changes in the log last at that rate.",
    of_log("retention") },
  { "log_bytes", "Size of the log on disk, with its indexes.", of_log("bytes") },
  { "log_dead_rows",
    "Rows of the log that are deleted but not yet vacuumed, as estimated by the server.",
    of_log("dead_rows") },
  { "installed",
    "Whether forgelog is installed (1), or this is a plain log (0) without exact gap test and "
    .. "consumers.",
    of_log("installed") },
  { "standby", "Whether the server is a standby.", of_log("standby") },
  { "standby_paused", "Whether the standby has paused replaying.", of_replay("paused") },
  { "standby_connected", "Whether the standby is connected to a server that it follows.",
    of_replay("connected") },
  { "standby_behind_bytes", "WAL that the standby has received and not replayed yet.",
    of_replay("bytes") },
  { "standby_replayed_age_seconds",
    "Time since the last transaction that the standby has replayed was committed.",
    of_replay("seconds") },
  { "horizon_known",
    "Whether the horizon could be found in time; 0 while a writer stays open that was not seen to "
    .. "begin.",
    of_log(has_horizon) },
  { "horizon_seq", "Highest seq at or below which nothing can still appear.", of_log("horizon") },
  { "above_horizon", "Changes that a drain does not hand out yet (an upper bound).",
    of_log("above_horizon") },
  { "open_writers", "Open transactions, prepared ones too, that have written to the log.",
    of_log(open_writers) },
  { "oldest_writer_age_seconds",
    "Age of the oldest of these (of those whose age this role may know).",
    of_log(oldest_writer_age) },
  { "consumers_readable", "Whether this role may read the positions of the consumers.",
    of_log(can_read_consumers) },
  { "consumer_position_seq", "Seq that the consumer goes on after.", of_consumers("seq") },
  { "consumer_lag_changes",
    ("Changes that the consumer has not been handed (an upper bound beyond %s)."):format(
      units.count(status_of.COUNTED_LAG)),
    of_consumers("lag_changes") },
  { "consumer_lag_seconds", "Age of the oldest change that the consumer has not done and saved.",
    of_consumers("lag_seconds") },
  { "consumer_gap", "Whether the consumer must resync for this reason.", gaps },
  { "consumer_running",
    "Whether somebody has the consumer's lease; on a standby only where that is seen.",
    of_consumers(is_running) },
  { "parked_changes",
    "Changes that the consumer could not handle, and those that wait behind them.",
    parked_changes },
  { "backfill_rows", "Rows of a table that the consumer has read of it from its beginning.",
    of_backfills("rows") },
  { "backfill_rows_estimate", "Rows that this table has, as the planner estimates them.",
    of_backfills("estimate") },
  { "watched_tables", "Tables whose changes are logged.", of_log(number_of_tables) },
  { "table_healthy",
    "Whether all triggers of the table that is, or was, watched are as they should be.",
    healthy_tables },
}

local kind_of = math.type or function() end -- luacheck: ignore 143

-- A value as text: whole numbers exact, true 1, false 0; nil for what is no finite number. Numbers
-- that this Lua cannot hold come as text already.
local function number(value)
  if type(value) == "boolean" then return value and "1" or "0" end
  if type(value) == "string" then return value:match("^%-?%d+$") end
  if type(value) ~= "number" or value ~= value or math.abs(value) == math.huge then return nil end
  if kind_of(value) == "integer" then return ("%d"):format(value) end
  return core.number_text(value)
end

-- Names in a database of another encoding: each byte that is no UTF-8 as \xHH, since one such byte
-- spoils a whole scrape.
local function hex(byte) return ("\\x%02X"):format(byte) end

local ESCAPES = { ["\\"] = "\\\\", ["\n"] = "\\n", ['"'] = '\\"' }

local function label(name, text)
  return ('%s="%s"'):format(name, (utf8.mend(text, hex):gsub('[\\\n"]', ESCAPES)))
end

-- The labels of a sample in braces: whose log it is, and what the family adds.
local function labels(status, ...)
  local parts = {}
  for _, name in ipairs({ "database", "schema" }) do
    if status[name] then parts[#parts + 1] = label(name, status[name]) end
  end
  for i = 1, select("#", ...), 2 do
    parts[#parts + 1] = label((select(i, ...)), (select(i + 1, ...)))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- The lines of a family, added to `lines`; none where it has no sample.
local function write(family, status, lines)
  local name, help, samples = "forgelog_" .. family[1], family[2]:gsub("[\\\n]", ESCAPES), family[3]
  local is_declared = false
  samples(status, function(value, ...)
    local text = number(value)
    if not text then return end
    if not is_declared then
      lines[#lines + 1] = ("# HELP %s %s\n# TYPE %s gauge\n"):format(name, help, name)
      is_declared = true
    end
    lines[#lines + 1] = ("%s%s %s\n"):format(name, labels(status, ...), text)
  end)
end

--- The status of a log as Prometheus reads it. Every metric is a gauge named forgelog_..., in
-- seconds, bytes or changes, with the label `schema` (and `database` where the status tells it);
-- numbers that are not known are left out, and metrics without any number are too.
-- @function metrics
-- @tparam forgelog.status.Status status what `Log:status` returned
-- @treturn string the text, each line of it ended
return function(status)
  local lines = {}
  for _, family in ipairs(FAMILIES) do write(family, status, lines) end
  return table.concat(lines)
end
