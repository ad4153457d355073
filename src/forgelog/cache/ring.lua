--- A ring of numbered events in a lua_shared_dict, by which the worker that follows the log tells
-- all the others, and the moment up to which it has told them everything. A private part of
-- forgelog.cache.
--
-- A writer takes a number, writes the event in the place of the one that is a whole ring older, and
-- proves a moment only after that. A reader that finds no event under a number has lost it: it was
-- overwritten, dropped for want of room, or flushed. Several writers do no harm, since no number is
-- given twice.
--
-- A ring has an identity, which stands beside its highest number (in the flags of one value, so
-- that readers get both at once). Who finds another one cannot know what it has missed.
-- @module forgelog.cache.ring
local core = require "forgelog.core"

local PAGE = 4096 -- bytes: nginx hands out whole ones, and pieces of half of one and less
local SLOT = 1024 -- the piece that a full event takes
local NODE = 68 -- bytes of it for what nginx keeps beside a key and its value
local MARKS = 32 -- bytes of it for the number of an event, and its ring
local LEAST = 256 -- bytes of a full event, however long the key
local MOST = 16384 -- bytes of any event
local SHARE = 4 -- the part of its dictionary that a ring takes
local FEWEST, LARGEST = 8, 4096 -- events that a ring holds
local KEPT = 60 -- seconds, so that nothing stays of rings that nobody writes any more
local UNKNOWN_CAPACITY = 2 ^ 20 -- bytes, where a dictionary does not tell

local Ring = {}
Ring.__index = Ring

local ring = {}

--- The error that there is no room.
-- @string why as the dictionary says
function ring.no_room(why)
  return core.error("query", ("no room in the lua_shared_dict of a cache: %s"):format(why))
end

local made = 0

--- Names a ring; it need not be there yet. It tells its `size` in events, and how many bytes make
-- an event `full`: one that holds more than one change is not longer.
-- @param dict a lua_shared_dict
-- @string name
-- @bool evicts whether what was used least recently is dropped where there is no room: in a
-- dictionary that holds the values of a cache, which is full as a rule
function ring.new(dict, name, evicts)
  local prefix = "forgelog:ring:" .. name .. ":"
  local capacity = dict.capacity and dict:capacity() or UNKNOWN_CAPACITY
  local size = math.floor(capacity / SHARE / SLOT)
  if not evicts then dict:flush_expired() end
  local beside = NODE + #(prefix .. LARGEST) -- bytes that an event takes beside itself
  return setmetatable({
    size = math.max(FEWEST, math.min(LARGEST, size)),
    full = math.max(LEAST, SLOT - MARKS - beside), _beside = beside,
    _dict = dict, _prefix = prefix, _set = evicts and dict.set or dict.safe_set,
    _oldest = 0, _bytes = 0, _sizes = {}, _share = capacity / SHARE,
    _head = prefix .. "head", _proof = prefix .. "proof", _why = prefix .. "why",
    _least = prefix .. "least",
  }, Ring)
end

--- The number of the latest event, and the ring's identity; nil where there is no ring.
function Ring:head() return self._dict:get(self._head) end

-- Numbers of a later ring are higher, as a rule; its identity is another one in any case.
local function identity(number)
  made = made + 1
  return ngx.crc32_short(("%d:%d:%d"):format(ngx.worker.pid(), number, made)) % (2 ^ 31 - 1) + 1
end

--- Begins a new ring, so that each reader forgets what it holds.
-- @string why told to them
-- @return its number and identity; or nil and an error
function Ring:restart(why)
  local number = math.floor(core.now() * 1e6)
  local id = identity(number)
  self._set(self._dict, self._why, why)
  self._set(self._dict, self._least, number)
  local ok, err = self._set(self._dict, self._head, number, 0, id)
  if ok then return number, id end
  return nil, ring.no_room(err)
end

--- The number of an event before which all were dropped, to make room for later ones.
function Ring:least() return self._dict:get(self._least) or 0 end

--- Why the present ring was begun.
function Ring:why() return self._dict:get(self._why) or "behind" end

local function place(self, number) return self._prefix .. number % self.size end

-- The bytes that nginx hands out for an event.
local function bytes_for(self, event)
  local bytes, piece = self._beside + #event, SLOT
  if bytes > PAGE / 2 then return math.ceil(bytes / PAGE) * PAGE end
  while piece < bytes do piece = piece * 2 end
  return piece
end

-- Counts what this worker has written: an event takes the place of the one that is a whole ring
-- older.
local function count(self, number, bytes)
  local at = number % self.size
  self._bytes = self._bytes + bytes - (self._sizes[at] or 0)
  self._sizes[at] = bytes
end

-- Drops the oldest event that may be there: who has not taken it fell behind. False where none is.
local function drop(self, number)
  local oldest = math.max(self._oldest, number - self.size + 1)
  if oldest >= number then return false end
  self._oldest = oldest + 1
  self._set(self._dict, self._least, self._oldest)
  self._dict:delete(place(self, oldest))
  count(self, oldest, 0)
  return true
end

-- Writes what is not too large. Where it is more than the ring's share, or there is no room, older
-- events make it: the rest of the dictionary is for others.
local function put(self, number, event)
  if #event > MOST then
    return nil, core.error("query", ("%d bytes of a change are more than the ring of a cache takes "
      .. "(%d), so all is purged; keep fewer or shorter columns"):format(#event, MOST))
  end
  count(self, number, bytes_for(self, event))
  while self._bytes > self._share and drop(self, number) do end
  local ok, why
  repeat
    ok, why = self._set(self._dict, place(self, number), event, KEPT)
    if ok then return true end
  until not drop(self, number)
  return nil, ring.no_room(why)
end

--- Writes an event. Where there is no room for it, no reader finds what follows.
-- @string text
-- @return its number, and in that case an error; or nil, where there is no ring
function Ring:append(text)
  local dict = self._dict
  local number = dict:incr(self._head, 1)
  local id = number and select(2, dict:get(self._head))
  if not id then return nil end
  local event = ("%d %d "):format(number, id) .. text
  local ok, err = put(self, number, event)
  if ok then return number end
  return dict:incr(self._head, self.size + 1), err
end

--- An event.
-- @int number
-- @int id of the ring
-- @return its text and where that begins in it; or nil, where it is not there
function Ring:read(number, id)
  local event = self._dict:get(place(self, number))
  if type(event) ~= "string" then return nil end
  local is, of, at = event:match("^(%d+) (%d+) ()")
  if tonumber(is) == number and tonumber(of) == id then return event, at end
end

--- Says that all which was committed by a moment stands in this ring up to a number, or in one
-- before it.
-- @int id of the ring
-- @number moment by `forgelog.core.now`
-- @int number
-- @return true; or nil and an error
function Ring:prove(id, moment, number)
  -- All proofs are of one length, so that a later one has the room of the one before.
  local proof = ("%010d %016d %016d"):format(id, math.floor(moment * 1e6), number)
  local ok, err = self._set(self._dict, self._proof, proof)
  if ok then return true end
  return nil, ring.no_room(err)
end

--- What was proven last, where it is of this ring: the moment and the number.
-- @int id
function Ring:proof(id)
  local proof = self._dict:get(self._proof)
  if type(proof) ~= "string" then return nil end
  local of, moment, number = proof:match("^(%d+) (%d+) (%d+)$")
  if tonumber(of) == id then return tonumber(moment) / 1e6, tonumber(number) end
end

return ring
