--- A primary with a log, and a standby that follows it and takes over. `both` is a conninfo that
-- finds whichever is the primary.
-- @module support.pair
local consumer = require "forgelog.consumer"
local consumers = require "support.consumers"
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local pair = {}
pair.__index = pair

--- Starts them.
local function start()
  local self = setmetatable({ primary = support.server(), open = {} }, pair)
  self.db, self.log = logs.installed(self.primary.conninfo)
  must(self.log, "CREATE TABLE effect (seq bigint)")
  self.standby = self.primary:standby()
  local function each(name)
    return ("%s=%s,%s"):format(name, self.primary.conninfo:match(name .. "=(%S+)"),
      self.standby.conninfo:match(name .. "=(%S+)"))
  end
  self.both = ("%s %s target_session_attrs=read-write %s"):format(each("host"), each("port"),
    self.db:match("user=.*"))
  return self
end

-- From now on the standby gets nothing.
function pair:cut()
  support.psql("ALTER SYSTEM SET primary_conninfo = ''; SELECT pg_reload_conf()",
    self.standby.conninfo)
  support.wait_until(function()
    return support.psql("SELECT count(*) FROM pg_stat_replication", self.primary.conninfo) == "0"
  end, "the end of replication")
end

-- The standby takes over from a primary that was shut down in order ("stop"), or died ("kill").
function pair:switch(how)
  self.log:close()
  self.primary[how](self.primary)
  self.standby:promote()
  self.log = logs.connect(self.both)
end

function pair:add(n) logs.fill(self.log, n) end

function pair:stop()
  for _, each in ipairs(self.open) do each:close() end
  self.log:close()
  self.standby:stop()
  self.primary:stop()
end

function pair:follow(opts)
  local options = { backoff = 0.02, backoff_max = 0.2, poll = 0.2 }
  for name, value in pairs(opts or {}) do options[name] = value end
  local log = logs.connect(self.both)
  self.open[#self.open + 1] = log
  return log:follow(0, options), log
end

-- A consumer, and what it was handed and told.
function pair:make(name, options)
  local seen = { seqs = {}, resyncs = {} }
  local all = { conninfo = self.both, name = name, backoff = 0.02, backoff_max = 0.2, poll = 0.2,
    start = "beginning", batch = 10, position = consumer.table(),
    on_changes = function(changes)
      for _, change in ipairs(changes) do seen.seqs[#seen.seqs + 1] = change.seq end
    end,
    on_resync = function(reason) seen.resyncs[#seen.resyncs + 1] = reason end }
  for option, value in pairs(options or {}) do all[option] = value or nil end
  local made = consumer.new(all)
  self.open[#self.open + 1] = made
  return made, seen
end

-- One whose effects commit with its position.
function pair:writer(name, write)
  return self:make(name, { transaction = true, on_changes = write or consumers.write })
end

function pair:saved(name)
  local sql = "SELECT position FROM forge_change_log_consumers WHERE name = $1"
  return must(self.log, sql, name)[1].position
end

function pair:effects()
  local seqs = {}
  for i, row in ipairs(must(self.log, "SELECT seq FROM effect ORDER BY seq")) do
    seqs[i] = row.seq
  end
  return seqs
end

return start
