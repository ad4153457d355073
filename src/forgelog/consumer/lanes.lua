--- The lanes of a consumer: any number of programs of one name, each of which handles the changes
-- of its own keys from a position of its own. How many there are is written down, so that two
-- programs never go by different numbers.
-- @module forgelog.consumer.lanes
local check = require "forgelog.connection.options"
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"
local order = require "forgelog.consumer.order"
local row_names = require "forgelog.consumer.rows"

local Lane = {}
Lane.__index = Lane

local lanes = {
  MOST = row_names.MOST, -- how many a consumer may have
}

--- The lane of an option `share`; raises where that is none.
-- @string[opt] share such as "2/4"; nil or "1/1": no lanes
-- @string[opt] name of the consumer
-- @return the lane; nil where there are none
function lanes.parse(share, name)
  if share == nil then return nil end
  local own, count = share:match("^(%d+)/(%d+)$")
  own, count = tonumber(own), tonumber(count)
  if not own or own < 1 or own > count or count > lanes.MOST then
    local message = "share must be a lane and how many there are, such as \"2/4\", got %q"
    check.misuse("consumer.new", message:format(share))
  end
  if not name then check.misuse("consumer.new", "share needs a name") end
  if count == 1 then return nil end
  return setmetatable({ own = own, count = count, of = name,
    name = row_names.of_lane(name, own, count) }, Lane)
end

-- Refuses another number of lanes than is written down.
local function refuse(name, has, count)
  local words = has == 1 and "no lanes" or ("%d lanes"):format(has)
  local message = ("consumer %s has %s, and not %d; stop all its programs, then: "
    .. "forgelog lanes %s %d"):format(name, words, count, name, count)
  return core.error("schema", message, nil, { code = "lanes", lanes = has })
end

--- Sees to it that as many lanes are written down as this program goes by.
-- @param conn the connection
-- @string name of the consumer
-- @tparam ?table lane of `parse`
-- @return true; or nil and an error, code "lanes" where there is another number of them
function lanes.enter(conn, name, lane)
  local count = lane and lane.count or 1
  local rows, err = conn:run("lanes.count", name)
  if rows and lane and (not rows[1] or rows[1].lanes == 1) then
    rows, err = conn:run("lanes.enter", name, count)
    if rows then rows, err = conn:run("lanes.count", name) end
  end
  if not rows then return nil, err end
  local has = rows[1] and rows[1].lanes or count
  if has == count then return true end
  return nil, refuse(name, has, count)
end

--- Whether this lane does a change.
-- @param change
-- @func[opt] key the consumer's option
-- @treturn bool
function Lane:owns(change, key)
  local lane = order.lane(change, key, self.count)
  return lane == nil or lane == self.own
end

local function own_of(lane, changes, key)
  local own = {}
  for _, change in ipairs(changes) do
    if lane:owns(change, key) then own[#own + 1] = change end
  end
  return own
end

--- Of a list of changes those that this lane does.
-- @tparam table changes
-- @func[opt] key the consumer's option
-- @return a list; or nil and an error, code "handler_failed", where that raises
function Lane:own_of(changes, key)
  local ok, own = pcall(own_of, self, changes, key)
  if ok then return own end
  return nil, failure.raised("key", own)
end

--- Leaves of the changes at hand those that the consumer's lane does, unless that was done. Where
-- its function `key` raises, all of them stay at hand.
-- @param self the consumer
-- @return true; or nil and an error, code "handler_failed"
function lanes.share(self)
  if not self._unshared then return true end
  local own, err = self._lane:own_of(self._changes, self._options.key)
  if not own then return nil, err end
  self._changes, self._unshared = own, false
  return true
end

--- Has all lanes begin from one position that have none yet: a lane that is started later must not
-- begin later.
-- @param conn the connection
-- @string position text
-- @return true; or nil and an error
function Lane:begin(conn, position)
  local rows, err = conn:run("lanes.begin", self.of, self.count, position)
  if not rows then return nil, err end
  return true
end

return lanes
