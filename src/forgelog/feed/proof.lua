--- How far the log has come, looked at in the middle of a scan that hands out more than a position
-- can name: see src/core/proof.h.
-- @module forgelog.feed.proof
local BETWEEN = 0.05 -- seconds between two looks in one scan

local proof = {}

--- Looks where that is worth its time.
-- @param self the feed
-- @return true; or nil and an error
function proof.look(self)
  local conn, reader = self._conn, self._reader
  if reader:pending() or not reader:crowded() or conn:now() < self._proves_at then return true end
  local ok, err = conn:sight()
  if not ok then return nil, err end
  reader:prove()
  self._proves_at = conn:now() + BETWEEN
  return true
end

return proof
