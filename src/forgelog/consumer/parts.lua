--- The parts that a batch falls into when its handler fails, in their order. A part that fails is
-- halved, down to the one change that fails; that one is tried again when the others have had their
-- turn, and holds back what is of its key. A change of a whole table is never handled before what
-- came before it, and nothing that came after it before it.
-- @module forgelog.consumer.parts
local order = require "forgelog.consumer.order"

local Parts = {}
Parts.__index = Parts

-- A part is a table of `changes`, and `behind` (changes that it holds back). One change that has
-- failed by itself has `failures` (how often) and `due` (when it is tried again). What is parked
-- next has `parks` (true).

local function slice(changes, first, last)
  local some = {}
  for i = first, last do some[#some + 1] = changes[i] end
  return some
end

-- Has a part end with its nth change, and another one begin behind it.
local function split(self, at, n)
  local changes = self[at].changes
  table.insert(self, at + 1, { changes = slice(changes, n + 1, #changes) })
  self[at] = { changes = slice(changes, 1, n) }
end

local function first_whole(changes)
  for i, change in ipairs(changes) do
    if order.is_whole(change) then return i end
  end
end

--- The part whose turn it is: the first one that is to be parked or has not failed, and then what
-- is due again.
-- @number now
-- @return its place and the part; or nil and the time at which there is one
function Parts:next(now)
  local failed, again, earliest
  for at, part in ipairs(self) do
    if part.failures and not part.parks then
      failed = true
      if part.due <= now then
        again = again or at
      else
        earliest = math.min(earliest or part.due, part.due)
      end
      if order.is_whole(part.changes[1]) then break end
    else
      local whole = failed and first_whole(part.changes)
      if whole == 1 then break end
      if whole then split(self, at, whole - 1) end
      return at, self[at]
    end
  end
  if again then return again, self[again] end
  return nil, earliest
end

--- Halves a part that has failed.
-- @int at its place
function Parts:halve(at) split(self, at, math.floor(#self[at].changes / 2)) end

--- Has a change of a part stand alone.
-- @int at the place of the part
-- @int n the place of the change in it
-- @treturn int the place of that part
function Parts:isolate(at, n)
  if n > 1 then
    split(self, at, n - 1)
    at = at + 1
  end
  if #self[at].changes > 1 then split(self, at, 1) end
  return at
end

-- Moves what is of a key from a part into a list, up to a change of a whole table where `all` is
-- false. Returns whether there is none.
local function move(part, into, of, all)
  local others, open = {}, true
  for _, change in ipairs(part.changes) do
    open = open and (all or not order.is_whole(change))
    local list = open and of(change) and into or others
    list[#list + 1] = change
  end
  part.changes = others
  return open
end

--- Takes what is of one key out of the parts behind a change, which holds it back from then on.
-- What is behind a change of a whole table waits for all before it anyhow, until the one that
-- failed is parked.
-- @int at the place of that change
-- @func of whether another change is of its key
function Parts:hold_back(at, of)
  local part, next_one = self[at], at + 1
  part.behind = part.behind or {}
  local open = true
  while open and self[next_one] do
    open = move(self[next_one], part.behind, of, part.parks)
    if self[next_one].changes[1] then next_one = next_one + 1 else table.remove(self, next_one) end
  end
end

--- Takes out a part that was handled; what it has held back is another part then.
-- @int at its place
function Parts:done(at)
  local behind = self[at].behind
  if behind and behind[1] then
    self[at] = { changes = behind }
  else
    table.remove(self, at)
  end
end

--- Takes out the changes of a part before one that has failed, which is a part of its own then.
-- @int at the place of the part
-- @int n the place of that change in it
function Parts:done_before(at, n)
  local part = self[at]
  part.changes = slice(part.changes, n, #part.changes)
  if #part.changes > 1 then split(self, at, 1) end
end

--- Takes out a part that was parked, with what it has held back.
-- @int at its place
function Parts:parked(at) table.remove(self, at) end

--- The changes that are in the parts.
-- @int[opt] without the place of a part whose changes are left out; those that it holds back are
-- left out only where they are parked with it
-- @treturn table
function Parts:rest(without)
  local rest = {}
  local function add(changes)
    for _, change in ipairs(changes or {}) do rest[#rest + 1] = change end
  end
  for at, part in ipairs(self) do
    if at ~= without then add(part.changes) end
    if at ~= without or not part.parks then add(part.behind) end
  end
  return rest
end

--- Makes the parts of a batch: one of all its changes.
-- @tparam table changes
-- @return the parts
return function(changes) return setmetatable({ { changes = changes } }, Parts) end
