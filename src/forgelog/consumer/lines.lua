--- The order in which changes may be handled at the same time: those of one key one after another,
-- and a change of a whole table alone, between all before it and all behind it.
--
-- Changes wait in lines, one for each key; the first of a line is handled, or is to be tried again.
-- A line whose first change can be handled stands in the queue of those that are ready. What comes
-- behind a barrier (a change of a whole table) is held outside of the lines until the barrier is
-- done. Whatever happens to a change takes a time that does not grow with the number of the others.
-- @module forgelog.consumer.lines
local order = require "forgelog.consumer.order"

local lines = {}

local Lines = {}
Lines.__index = Lines

-- A queue has the fields `first` and `last`, and its items `following`. An item is in one queue at
-- a time.
local function push(queue, item)
  if queue.first then queue.last.following = item else queue.first = item end
  queue.last = item
end

local function pop(queue)
  local item = queue.first
  if item then queue.first, item.following = item.following, nil end
  return item
end

-- Puts an entry behind the others of its key.
local function line_up(self, entry)
  local line = entry.key and self._lines[entry.key]
  if line then return push(line, entry) end
  line = { key = entry.key }
  push(line, entry)
  if entry.key then self._lines[entry.key] = line end
  push(self._ready, line)
  self._made_ready = self._made_ready + 1
end

-- Lets go what no barrier holds back. Returns how many lines have become ready by that.
local function let_go(self)
  local held = self._held
  self._made_ready = 0
  while held.first and not self._alone and not (held.first.barrier and self._loose > 0) do
    local entry = pop(held)
    self._loose, self._alone = self._loose + 1, entry.barrier
    line_up(self, entry)
  end
  return self._made_ready
end

local function entry_of(self, change)
  if order.is_whole(change) then return { change = change, barrier = true, failures = 0 } end
  return { change = change, key = order.key(change, self._key), barrier = false, failures = 0 }
end

--- Takes in changes: all, or, where the function `key` raises, none.
-- @tparam table changes each with a `seq`, but those of a backfill
-- @treturn int how many lines have become ready
function Lines:add(changes)
  local entries = {}
  for i, change in ipairs(changes) do entries[i] = entry_of(self, change) end
  for _, entry in ipairs(entries) do
    self._entries[entry] = true
    push(self._held, entry)
  end
  self._inside = self._inside + #entries
  return let_go(self)
end

--- Takes a line out of the queue of those that are ready; its owner says later that its first
-- change is `done`, or puts it back.
-- @return the line, whose `first` has the fields `change` and `failures` (a number for its owner to
-- count); nil: none is ready
function Lines:take() return pop(self._ready) end

--- Whether a line is ready.
function Lines:any_ready() return self._ready.first ~= nil end

--- Puts back a line.
function Lines:put_back(line) push(self._ready, line) end

--- The first change of a line that was taken is done.
-- @param line not the taker's any longer
-- @treturn int how many lines have become ready, besides this one
function Lines:done(line)
  local entry = pop(line)
  self._entries[entry] = nil
  self._inside, self._loose = self._inside - 1, self._loose - 1
  if entry.barrier then self._alone = false end
  if line.first then
    push(self._ready, line)
  elseif line.key then
    self._lines[line.key] = nil
  end
  return let_go(self)
end

--- How many changes are in it.
function Lines:inside() return self._inside end

--- The seqs of the changes in it, in no order.
-- @treturn table list
function Lines:seqs()
  local list = {}
  for entry in pairs(self._entries) do list[#list + 1] = entry.change.seq end
  return list
end

--- When the oldest change in it was committed, in Unix seconds; nil: there is none, or it is not
-- known.
function Lines:since()
  local since
  for entry in pairs(self._entries) do
    since = math.min(since or math.huge, entry.change.created_at or math.huge)
  end
  return since ~= math.huge and since or nil
end

--- Makes empty ones.
-- @func[opt] key as of forgelog.consumer.order
function lines.new(key)
  return setmetatable({
    _key = key,
    _entries = {}, -- a set; after a failover two may be of one seq
    _held = {}, -- a queue of entries: what waits for a barrier, the barrier among them
    _lines = {}, -- by key, a queue of entries
    _ready = {}, -- a queue of lines
    _inside = 0,
    _loose = 0, -- how many of those are not held
    _alone = false, -- whether it is a barrier that is not held
    _made_ready = 0,
  }, Lines)
end

return lines
