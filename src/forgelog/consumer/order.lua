--- What the changes that a consumer handles are in order by, and which lane handles them.
-- @module forgelog.consumer.order
local core = require "forgelog.core"

local order = {}

-- Ops of a whole table. With lanes, each lane is told.
local WHOLE = { TRUNCATE = true, RELOAD = true }

--- Whether a change is one of a whole table, so that all before it is to be done before, and
-- nothing after it at the same time.
-- @param change
-- @treturn bool
function order.is_whole(change)
  return WHOLE[change.op] or change.op == "READ" and change.row_id == nil or false
end

--- What a change is in order by: those of one key are handled one after another.
-- @param change
-- @func[opt] key the consumer's option
-- @return text; nil: it is in order with nothing
function order.key(change, key)
  if key then
    local own = key(change)
    return own ~= nil and tostring(own) or nil
  end
  return change.table_name .. "\0" .. (change.row_id or "")
end

--- What a change is parked under, and what blocks later ones. In lanes one of a whole table is of
-- the lane; one that is in order with nothing blocks nothing.
-- @param change
-- @func[opt] key the consumer's option
-- @tparam ?table lane of the consumer
-- @return text
function order.parked_under(change, key, lane)
  if lane and order.is_whole(change) then
    return ("\0%d\0%s"):format(lane.own, change.table_name)
  end
  local own = order.key(change, key)
  return own or "\0" .. tostring(change.seq or change.row_id)
end

--- Which lane does a change.
-- @param change
-- @func[opt] key the consumer's option
-- @int count how many lanes there are
-- @treturn int 1 to count; nil: each of them
function order.lane(change, key, count)
  if order.is_whole(change) then return nil end
  local own = order.key(change, key)
  return core.hash(own or tostring(change.seq or change.row_id)) % count + 1
end

return order
