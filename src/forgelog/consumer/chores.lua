--- What a consumer does between its batches, beside its feed. Each chore is a module with
--
-- - `attend(consumer)`: finds out whether there is anything to do, when the consumer starts and
--   whenever something was asked of it from outside; true, or nil and an error;
-- - `due(consumer)`: whether there is something to do now;
-- - `work(consumer, most)`: does a little of it, with no more changes than `most` (nil: as many as
--   it likes), and returns the number of changes handled; or nil and an error;
-- - `wait(consumer)`, where it has such rests: seconds until something is due; nil: nothing is.
-- @module forgelog.consumer.chores

local CHORES = {
  (require "forgelog.consumer.retries"),
  (require "forgelog.consumer.filling"),
}

local chores = {}

--- Has each find out what there is to do.
-- @param self the consumer
-- @return true; or nil and an error
function chores.attend(self)
  for _, chore in ipairs(CHORES) do
    local ok, err = chore.attend(self)
    if not ok then return nil, err end
  end
  return true
end

--- The first one that has something to do now.
-- @param self the consumer
-- @return a chore, or nil
function chores.due(self)
  for _, chore in ipairs(CHORES) do
    if chore.due(self) then return chore end
  end
end

--- Seconds until one has something to do, so that nobody waits for the feed for longer.
-- @param self the consumer
-- @return seconds; nil: none of them knows of anything
function chores.wait(self)
  local least
  for _, chore in ipairs(CHORES) do
    local seconds = chore.wait and chore.wait(self)
    if seconds then least = math.min(least or seconds, seconds) end
  end
  return least
end

return chores
