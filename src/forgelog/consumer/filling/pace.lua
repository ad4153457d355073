--- How many rows a consumer reads at once, and how long it rests between, so that neither the live
-- feed nor those who write wait for a table that is read beside them.
-- @module forgelog.consumer.filling.pace

local Pace = {}
Pace.__index = Pace

-- Seconds that reading a chunk, handling and saving it should take.
local AIM = 0.05
-- Rows of the first chunk, and of the largest, unless it is told another number.
local FIRST, MOST = 50, 1000
-- It rests so many times as long after a chunk while others write, so that they keep their rate;
-- and seconds for which they count as writing after they did.
local REST, LATELY = 2, 1

--- Rows to read next.
function Pace:rows() return self._rows end

--- Notes how far the log has come, as the feed has seen it.
-- @number seq the highest that was given
-- @number now
function Pace:see(seq, now)
  if self._seq and seq > self._seq then self._wrote_at = now end
  self._seq = math.max(seq, self._seq or 0)
end

--- Notes what a chunk took.
-- @number took seconds
-- @int count rows that were read
-- @number now
function Pace:took(took, count, now)
  local wanted = math.floor(math.max(count, 1) * AIM / math.max(took, 0.0001))
  if took <= AIM and count < self._rows then wanted = self._rows end
  self._rows = math.max(1, math.min(wanted, 2 * self._rows, self._most))
  local writes = self._wrote_at and now - self._wrote_at < LATELY
  self._due = writes and now + took * REST or now
end

--- Has the next chunk be half as large: a handler has failed with this one.
function Pace:halve() self._rows = math.max(1, math.floor(self._rows / 2)) end

--- When the next chunk is due.
function Pace:due() return self._due end

--- Makes one.
-- @int[opt] most rows at once
-- @return the pace
return function(most)
  most = most or MOST
  return setmetatable({ _rows = math.min(FIRST, most), _most = most, _due = 0, _wrote_at = nil,
    _seq = nil }, Pace)
end
