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

-- A conninfo that finds whichever of some servers is a primary.
local function any_of(servers, db)
  local function each(name)
    local list = {}
    for i, server in ipairs(servers) do list[i] = server.conninfo:match(name .. "=(%S+)") end
    return name .. "=" .. table.concat(list, ",")
  end
  return ("%s %s target_session_attrs=read-write %s"):format(each("host"), each("port"),
    db:match("user=.*"))
end

--- Starts them.
-- @param[opt] options `third`: another standby, which is found too, follows the first, or with
-- "beside" the primary; `settings` of the primary
local function start(options)
  options = options or {}
  local self = setmetatable({ primary = support.server(options.settings), open = {} }, pair)
  self.db, self.log = logs.installed(self.primary.conninfo)
  must(self.log, "CREATE TABLE effect (seq bigint)")
  self.standby = self.primary:standby()
  if options.third then self.third = self.primary:standby() end
  if options.third == true then
    support.psql(("ALTER SYSTEM SET primary_conninfo = '%s'; SELECT pg_reload_conf()")
      :format(self.standby.conninfo), self.third.conninfo)
  end
  self.both = any_of({ self.primary, self.standby, self.third }, self.db)
  return self
end

--- The conninfo of this database on one server.
function pair:on(server) return server.conninfo:match("^(.*) user=") .. " "
  .. self.db:match("user=.*") end

--- From now on whoever commits on the primary waits for its standby.
function pair:wait_for_standby()
  self.primary:set("synchronous_standby_names=*")
  support.wait_until(function()
    return support.psql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'",
      self.primary.conninfo) == "1"
  end, "the synchronous standby")
end

--- Waits until the standby, or another one, has replayed all that the primary has written.
function pair:catch_up(server)
  -- What nobody waits for is flushed, and so sent, within some 15 seconds: a commit takes it along.
  support.psql("SELECT pg_logical_emit_message(true, '', '')", self.primary.conninfo)
  local lsn = support.psql("SELECT pg_current_wal_insert_lsn()", self.primary.conninfo)
  support.wait_until(function()
    return support.psql(("SELECT pg_last_wal_replay_lsn() >= '%s'"):format(lsn),
      (server or self.standby).conninfo) == "t"
  end, "the standby", 60)
end

--- Waits until the standby has promoted itself.
function pair:catch_up_to_promotion()
  support.wait_until(function()
    return support.psql("SELECT pg_is_in_recovery()", self.standby.conninfo) == "f"
  end, "the end of recovery")
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

--- After a switch: what was promoted is the primary from now on, and the third server its standby.
function pair:rotate()
  self.primary, self.standby, self.third = self.standby, self.third, self.primary
end

function pair:stop()
  for _, each in ipairs(self.open) do each:close() end
  self.log:close()
  for _, server in ipairs { self.standby, self.primary, self.third } do server:stop() end
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

--- One that keeps a copy of the table item, row by row, by reading it itself. `before`: what the
-- program of before had seen, which is started again.
function pair:copier(name, options, before)
  local copy = before and before.copy or {}
  local function read(log, where, ...)
    for _, row in ipairs(must(log, "SELECT id::text, n FROM item " .. where, ...)) do
      copy[row.id] = row.n
    end
  end
  local made, seen -- what it was handed and told; `dies`: it ends at its work
  local function on_changes(changes, log)
    if seen.dies then error("as if the program ended here") end
    for _, change in ipairs(changes) do
      seen.seqs[#seen.seqs + 1] = change.seq
      if change.row_id then
        copy[change.row_id] = nil
        read(log, "WHERE id = $1::int", change.row_id)
      end
    end
  end
  local all = { on_changes = on_changes, on_resync = function(reason, log)
    seen.resyncs[#seen.resyncs + 1] = reason
    for id in pairs(copy) do copy[id] = nil end
    read(log, "")
  end }
  for option, value in pairs(options or {}) do all[option] = value end
  made, seen = self:make(name, all)
  seen.copy = copy
  if before then seen.seqs, seen.resyncs = before.seqs, before.resyncs end
  return made, seen
end

--- How a copy differs from the table, of the present primary or of another log: how many rows.
function pair:wrong(copy, log)
  local rows, wrong, count = must(log or self.log, "SELECT id::text, n FROM item"), 0, 0
  for _, row in ipairs(rows) do
    wrong = wrong + (copy[row.id] ~= row.n and 1 or 0)
  end
  for _ in pairs(copy) do count = count + 1 end
  return wrong + math.max(0, count - #rows)
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
