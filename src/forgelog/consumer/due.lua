--- What is due at a time to come, the earliest first: a binary heap.
-- @module forgelog.consumer.due

local Due = {}
Due.__index = Due

--- The time of the earliest item; nil: there is none.
function Due:earliest() return self[1] and self[1].time end

--- Adds an item.
-- @number time when it is due
-- @param item any value
function Due:add(time, item)
  local place = #self + 1
  while place > 1 do
    local above = math.floor(place / 2)
    if self[above].time <= time then break end
    self[place] = self[above]
    place = above
  end
  self[place] = { time = time, item = item }
end

--- Takes the earliest item.
-- @return the item; nil: there is none
function Due:take()
  local first, last = self[1], table.remove(self)
  if not first then return nil end
  local count, place = #self, 1
  while count > 0 do
    local below = place * 2
    if below < count and self[below + 1].time < self[below].time then below = below + 1 end
    if below > count or last.time <= self[below].time then
      self[place] = last
      break
    end
    self[place] = self[below]
    place = below
  end
  return first.item
end

--- Makes an empty one.
return function() return setmetatable({}, Due) end
