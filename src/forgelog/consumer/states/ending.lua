--- How a consumer ends: what is done is saved, and what it has open is closed. A private part of
-- forgelog.consumer.states.
-- @module forgelog.consumer.states.ending
local concurrent = require "forgelog.consumer.states.concurrent"
local opening = require "forgelog.consumer.states.opening"

local FAREWELL = 0.05 -- seconds for its answer when the consumer ends, whose session ends anyway

local ending = {}

--- The position of a feed that rests. Where it commits with the work, it rests on that.
-- @param self the consumer
-- @treturn string
function ending.place(self) return self._feed:position(not self._options.transaction) end

-- Whether all work is done, and saved, behind where the feed is.
local function rests(self)
  local crew = self._crew
  return not self._changes and not self._options.transaction and not self._checkpoint:unsaved()
    and not (crew and not crew:is_empty())
end

--- Before it closes in order, or pauses: saves that all its work is done, so that it can go on from
-- there on a server that has all of it.
-- @param self the consumer
-- @number[opt] seconds to wait for the server's answers
-- @treturn bool whether that is known, as `place` then says
function ending.rest(self, seconds)
  local feed, state = self._feed, self._state
  if state ~= "take" and state ~= "pause" or not feed or not rests(self) then return false end
  seconds = seconds or FAREWELL
  if not feed:rest(seconds) or self._checkpoint:superseded() then return false end
  self._checkpoint:step_until(self._waiter.now() + seconds)
  self._checkpoint:heartbeat(ending.place(self), true)
  return true
end

--- Closes what the consumer has open.
-- @param self the consumer
function ending.drop(self)
  concurrent.drop(self)
  opening.close_feed(self, FAREWELL)
  if self._checkpoint then
    self._checkpoint:release()
    self._last_saved = self._checkpoint:saved()
  end
  for _, log in ipairs({ self._log, self._own }) do log:close() end
  self._log, self._own, self._changes, self._checkpoint = nil, nil, false, nil
  self._connecting, self._resyncing, self._attended, self._left = nil, nil, nil, nil
  self._batch, self._chore, self._filling = nil, nil, nil
end

return ending
