--- What drains and feeds do by a connection, as methods of it: readers of the log, the looks at its
-- writers, and the one that follows. A private part of forgelog.connection.
-- @module forgelog.connection.reading
local demand = require "forgelog.connection.demand"
local pump = require "forgelog.connection.pump"

local reading = {}

local function perform(self, what, begin, ...)
  return demand.perform(self._state, self._limits, what, begin, ...)
end

local function begin(handle, operation) return handle:begin(operation) end
local function call(_, reader, method, ...) return reader[method](reader, ...) end

--- A reader of the log after a position, for one drain or feed; any number may read side by side.
-- Its methods are those of src/core/lua_reader.c; only `fetch` and `prefetch` have it read.
-- @string position as text
-- @tparam ?table filter which changes: `tables`, `ops`, `columns` and `keys`, each a list, or nil
-- for all
-- @param live whether it also delivers changes above the horizon; "settled": follows without these
-- @return the reader; or nil and an error, where a text of the filter cannot be asked for; or nil
-- and a text that says what is wrong with the position
function reading:reader(position, filter, live)
  return self._state.handle:reader(position, filter, live or false)
end

--- Fetches the next chunk of a reader, or finishes the one that was asked for ahead.
-- @param reader of this connection
-- @int most rows; 0: as many as are good
-- @return true; or nil and an error
function reading:fetch(reader, most)
  local state = self._state
  if reader:pending() and state.unfinished ~= reader then
    state.unfinished, state.ends = reader, nil
  end
  return perform(self, reader, call, reader, "fetch", most)
end

--- Asks whether the server has the rows that a reader's position names, unless that is known.
-- @return true, whatever was found (the reader's `verdict`); or nil and an error
function reading:verify(reader)
  if not reader:doubtful() then return true end
  return perform(self, "verify", call, reader, "verify")
end

--- Asks for the next chunk of a reader without waiting for it, where that costs nobody anything.
function reading:prefetch(reader) if reader:can_prefetch() then reader:fetch() end end

--- Makes a feed the one that follows by this connection, since LISTEN and the bell belong to the
-- session. false while another one does.
function reading:begin_following(feed)
  if self._state.follower then return false end
  self._state.follower = feed
  return true
end

--- Ends that.
function reading:end_following() self._state.follower = nil end

--- What the proof of a reader needs in the middle of a scan: see its methods `crowded` and `prove`.
-- @return true; or nil and an error
function reading:sight() return perform(self, "sight", begin, "sight") end

--- How many writers first seen since a tick (its number) may still commit a seq at or below `upto`.
function reading:pending_writers(tick, upto)
  return self._state.handle:pending_writers(tick, upto)
end

--- Whether there is a gap after a position (text), by what `seqs` has found: false; or the reason,
-- and the seq up to which changes are gone.
function reading:gap(position) return self._state.handle:gap(position) end

--- Waits until the socket can be read, or for that many seconds.
function reading:wait_readable(seconds)
  self._state.waiter.wait(self._state.handle:pollfd(), "r", seconds)
end

--- Takes in what has arrived while nothing was under way.
-- @return whether there was a notification; or nil and the error, when the connection was lost
function reading:notified()
  local seen = self._state.handle:notified()
  if seen == nil then return nil, pump.failure(self._state) end
  return seen
end

return reading
