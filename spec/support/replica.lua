--- A primary with a log, and a hot standby of it that is read: what specs do with the two.
-- @module support.replica
local logs = require "support.logs"
local support = require "support"

local must = logs.must

local replica = {}
replica.__index = replica

--- Several servers in one conninfo, in this order.
-- @param ... conninfos of one database
function replica.any(...)
  local hosts, ports, rest = {}, {}, nil
  for i, conninfo in ipairs({ ... }) do
    hosts[i], ports[i] = conninfo:match("host=(%S+)"), conninfo:match("port=(%S+)")
    rest = conninfo:match("user=.*")
  end
  return ("host=%s port=%s %s"):format(table.concat(hosts, ","), table.concat(ports, ","), rest)
end

-- The same database on another server.
local function at(db, server)
  local host, port = server.conninfo:match("host=(%S+)"), server.conninfo:match("port=(%S+)")
  return (db:gsub("host=%S+", function() return "host=" .. host end)
    :gsub("port=%S+", function() return "port=" .. port end))
end

--- Starts them. `db` and `log` are of the primary, `there` is the conninfo of the standby.
-- @tparam[opt] table settings of the primary, as of `support.server`
-- @tparam[opt] table tables as of `logs.installed`
-- @string[opt] xid the number of the primary's first transaction
local function start(settings, tables, xid)
  local self = setmetatable({ primary = support.server(settings), open = {} }, replica)
  if xid then self.primary:next_xid(xid) end
  self.db, self.log = logs.installed(self.primary.conninfo, tables)
  self.standby = self.primary:standby()
  self.there = at(self.db, self.standby)
  return self
end

--- Another standby, of the primary or of a standby.
-- @param[opt] of the server that it follows; the primary when left out
-- @return the server, its conninfo
function replica:another(of)
  local server = (of or self.primary):standby()
  self.open[#self.open + 1] = { close = function() server:stop() end }
  return server, at(self.db, server)
end

--- A log of the standby, which is closed with the servers.
-- @string[opt] conninfo of another one
-- @tparam[opt] table opts of `connect`
function replica:read(conninfo, opts)
  local log = logs.connect(conninfo or self.there, opts)
  self.open[#self.open + 1] = log
  return log
end

--- Runs SQL as the superuser of a standby.
-- @string sql
-- @param[opt] server the standby when left out
function replica:admin(sql, server)
  return support.psql(sql, at(self.db, server or self.standby))
end

--- Waits until a standby has replayed all that the primary has committed by now.
-- @param[opt] server the standby when left out
function replica:catch_up(server)
  local lsn = must(self.log, "SELECT pg_current_wal_flush_lsn() AS lsn")[1].lsn
  local conninfo = at(self.db, server or self.standby)
  support.wait_until(function()
    return support.psql(("SELECT pg_last_wal_replay_lsn() >= '%s'"):format(lsn), conninfo) == "t"
  end, "the standby to have all", 10)
end

--- From now on a standby gets nothing.
-- @param[opt] server the standby when left out
function replica:cut(server)
  self:admin("ALTER SYSTEM SET primary_conninfo = ''", server)
  self:admin("SELECT pg_reload_conf()", server)
  support.wait_until(function()
    return self:admin("SELECT count(*) FROM pg_stat_wal_receiver", server) == "0"
  end, "the end of replication")
end

--- Has the standby take over from a primary that is shut down in order ("stop"), or dies ("kill");
-- `log` and `db` are of the new primary then.
function replica:switch(how)
  self.log:close()
  self.primary[how](self.primary)
  self.standby:promote()
  self.db = self.there
  self.log = logs.connect(self.db)
end

--- Ends both.
function replica:stop()
  for i = #self.open, 1, -1 do self.open[i]:close() end
  self.log:close()
  self.standby:stop()
  self.primary:stop()
end

return start
