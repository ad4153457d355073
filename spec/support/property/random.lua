--- Random numbers that are the same for one seed on every Lua.
-- @module support.property.random

local random = {}
random.__index = random

--- A source of numbers. (Park and Miller's, which a double holds exactly.)
-- @int seed
function random.new(seed)
  local self = setmetatable({ state = seed % 2147483646 + 1 }, random)
  for _ = 1, 10 do self:next() end
  return self
end

--- The next number, between 1 and 2^31 - 2.
function random:next()
  self.state = self.state * 16807 % 2147483647
  return self.state
end

--- A whole number between two, these included.
function random:int(from, to) return from + math.floor(self:next() / 7) % (to - from + 1) end

--- Whether something happens that does so in so many of a hundred cases.
function random:chance(percent) return self:int(1, 100) <= percent end

--- One element of a list.
function random:pick(list) return list[self:int(1, #list)] end

--- One key of a table of weights, given as a list of pairs.
function random:weighed(pairs_)
  local total = 0
  for _, pair in ipairs(pairs_) do total = total + pair[2] end
  local at = self:int(1, math.max(total, 1))
  for _, pair in ipairs(pairs_) do
    at = at - pair[2]
    if at <= 0 then return pair[1] end
  end
end

--- The elements of a list in another order, at most so many.
function random:some(list, count)
  local rest, taken = {}, {}
  for i, value in ipairs(list) do rest[i] = value end
  for i = 1, math.min(count or #list, #list) do
    taken[i] = table.remove(rest, self:int(1, #rest))
  end
  return taken
end

return random
