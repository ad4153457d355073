--- What forgelog.metrics exposes of a log: read by the strict reader of spec/support/exposition,
-- and compared with the status it was made from.
-- @module support.exposed
local assert = require "luassert"
local exposition = require "support.exposition"
local metrics = require "forgelog.metrics"

local exposed = {}

-- The numbers of the log itself: the family (after `forgelog_`), and its name in the status.
local NUMBERS = {
  changes = "rows", seq_min = "min_seq", seq_max = "max_seq", trimmed_to_seq = "trimmed_to",
  write_rate = "write_rate", oldest_change_age_seconds = "oldest_age",
  retention_seconds = "retention", log_bytes = "bytes", log_dead_rows = "dead_rows",
  horizon_seq = "horizon", above_horizon = "above_horizon",
}
local CONSUMER = { position_seq = "seq", lag_changes = "lag_changes", lag_seconds = "lag_seconds" }

--- A condition as a gauge has it.
function exposed.flag(value) return value and 1 or 0 end

local flag = exposed.flag

local function check_consumers(shown, status)
  for _, one in ipairs(status.consumers or {}) do
    local labels = { consumer = one.name }
    for family, field in pairs(CONSUMER) do
      assert.equal(one[field], shown:value("forgelog_consumer_" .. family, labels), family)
    end
    if one.running ~= nil then
      assert.equal(flag(one.running), shown:value("forgelog_consumer_running", labels))
    end
    for _, reason in ipairs({ "trimmed", "reset", "failover" }) do
      labels = { consumer = one.name, reason = reason }
      assert.equal(flag(one.gap == reason), shown:value("forgelog_consumer_gap", labels))
    end
  end
end

local function check(shown, status)
  for family, field in pairs(NUMBERS) do
    assert.equal(status[field], shown:value("forgelog_" .. family), family)
  end
  assert.equal(flag(status.installed), shown:value("forgelog_installed"))
  assert.equal(flag(status.standby), shown:value("forgelog_standby"))
  assert.equal(flag(status.horizon), shown:value("forgelog_horizon_known"))
  assert.equal(#status.tables, shown:value("forgelog_watched_tables"))
  for _, watched in ipairs(status.tables) do
    local labels = { table = watched.name }
    assert.equal(flag(watched.healthy), shown:value("forgelog_table_healthy", labels))
  end
  check_consumers(shown, status)
  for _, name in ipairs(shown.names) do
    assert.matches("^forgelog_[a-z_]+$", name)
    for _, sample in ipairs(shown.families[name].samples) do
      assert.equal(status.schema, sample.labels.schema)
      assert.equal(status.database, sample.labels.database)
    end
  end
end

--- The metrics of a log, each number compared with its status.
-- @param log the log
-- @number[opt=1] settle as of log:status
-- @return what `exposition.parse` returns, and the status
function exposed.look(log, settle)
  local status = assert(log:status({ settle = settle or 1 }))
  local shown = exposition.parse(metrics(status))
  check(shown, status)
  return shown, status
end

--- Asserts that none of these families (without `forgelog_`) is there.
function exposed.lacks(shown, families)
  for _, name in ipairs(families) do assert.is_nil(shown.families["forgelog_" .. name], name) end
end

return exposed
