--- The log that one of several workers has for its handlers: on a connection of its own, which is
-- made when a handler first uses it, and again where it was lost between two changes.
-- @module forgelog.consumer.slot
local calls = require "forgelog.consumer.calls"
local forgelog = require "forgelog"

-- Public field: `lost` (whether the connection was lost in the work for the last change).
local Slot = {}
Slot.__index = Slot

-- Where a handler has left something on the connection, or has closed it, the next one gets
-- another.
local function clear(self)
  local conn = self._log.connection
  if conn:busy() or conn:in_transaction() or conn:closed() then return self:close() end
  conn:may_connect()
end

--- Does the work for a change.
-- @func work called with the further arguments, and the log behind them; raises where it fails
-- @param change its argument
-- @return true; or nil, what it has raised, and true
function Slot:work(work, change)
  self._log = self._log or forgelog.unconnected(self._conninfo, self._options, self._silence)
  local log = self._log
  local conn = log.connection:limited(self._silence)
  local before = conn:lost() -- that it was never made, or is gone since, is not this work's affair
  local ok, raised = calls.work(conn, work, change, log)
  self.lost = conn:lost() ~= nil and conn:lost() ~= before
  if self._log == log then clear(self) end -- it was not closed meanwhile
  if ok then return true end
  return nil, raised, true
end

--- Closes the connection, where there is one. A later change has one made again.
function Slot:close()
  if self._log then self._log:close() end
  self._log = nil
end

--- Makes one.
-- @param conninfo as of `forgelog.connect`
-- @tparam table options those of `forgelog.connect`
-- @number silence seconds after which a server that does not answer counts as gone
-- @return a slot
return function(conninfo, options, silence)
  return setmetatable({ _conninfo = conninfo, _options = options, _silence = silence, _log = nil },
    Slot)
end
