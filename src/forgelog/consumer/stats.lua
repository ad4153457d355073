--- How a consumer stands: see `Consumer:stats`.
-- @module forgelog.consumer.stats
local filling = require "forgelog.consumer.filling"

-- When the oldest change that is not acknowledged was committed, as far as is known; math.huge: it
-- is not known of any that is here. nil: none is here.
local function since_of(self)
  local since = self._crew and self._crew.workers:since()
  if not self._changes then return since end
  since = since or math.huge
  for _, change in ipairs(self._changes) do since = math.min(since, change.created_at or since) end
  return since
end

-- Seconds since that. A change that is not here yet is younger than the last one that was, and than
-- the last look that found none.
local function lag_of(self, feed)
  local here = since_of(self)
  local since = here
  if not here and self._resyncing then
    since = self._resyncing
  elseif not here and (feed.behind or 0) > 0 and self._last then
    since = self._last.created_at
  end
  local lag = since and since < math.huge and math.max(0, os.time() - since) or 0
  return here and lag or math.min(lag, feed.caught_up or math.huge)
end

-- Seconds since the last moment of which it is known that all committed by then has been handled:
-- when a look began that found nothing, or after which nothing of what it found is left to do.
local function caught_up_of(self, feed, left)
  local looked = left == 0 and feed.looked or nil
  if self._crew then return looked end -- it looks while it works
  local found_none = feed.caught_up
  return found_none and looked and math.min(found_none, looked) or found_none or looked
end

-- How many changes are here that are not acknowledged.
local function open_of(self)
  local at_work = self._crew and self._crew.workers:stats().inside or 0
  return at_work + (self._changes and #self._changes or 0)
end

return function(self)
  local feed = self._feed and self._feed:stats() or {}
  local log, left = self._log, (feed.behind or 0) + open_of(self)
  return {
    handed_out = self._delivered,
    position = self._checkpoint and self._checkpoint:saved() or self._last_saved,
    lag_changes = left,
    lag_seconds = lag_of(self, feed),
    caught_up = caught_up_of(self, feed, left),
    reconnects = self._reconnects + (feed.reconnects or 0),
    resyncs = self._resyncs,
    connected = log ~= nil and not log.connection:lost(),
    last_error = self._last_error,
    backfill = filling.stats(self),
  }
end
