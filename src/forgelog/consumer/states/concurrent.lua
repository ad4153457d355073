--- What the state `take` is for a consumer that handles several changes at a time: its crew works
-- beside the feed, for as long as the step has time. Before anything else is done, the crew comes
-- to rest. A private part of forgelog.consumer.states.
-- @module forgelog.consumer.states.concurrent
local chores = require "forgelog.consumer.chores"
local crew = require "forgelog.consumer.crew"
local lanes = require "forgelog.consumer.lanes"
local narrowing = require "forgelog.consumer.narrowing"
local opening = require "forgelog.consumer.states.opening"
local order = require "forgelog.consumer.order"
local start = require "forgelog.consumer.filling.start"

local concurrent = {}

local SLICE = 0.25 -- seconds after which a wait for changes looks whether there is else to do

-- Tells the user of an error in a coroutine of the crew; what that raises, the next step raises.
local function tell(self, err, attempt)
  self._last_error = err
  if not self._options.on_error then return end
  local ok, raised = pcall(self._options.on_error, err, attempt)
  if not ok then self._raised = { raised } end
end

local function begin(self)
  self._crew, self._reported = crew.new {
    options = self._options, waiter = self._waiter, checkpoint = self._checkpoint,
    position = self._feed:position(), silence = opening.silence(self._options),
    on_error = function(err, attempt) tell(self, err, attempt) end,
    key_of = function(change)
      return order.parked_under(change, self._options.key, self._lane)
    end,
    on_parked = function() self._parked = true end,
    on_reload = self._options.resync and function(conn, change)
      start.reload(self, conn, { change }, 1)
    end,
  }, 0
  return self._crew
end

--- Ends the crew, which begins nothing more; what is done is saved.
-- @param self the consumer
-- @number[opt] seconds for all that; nil: as long as it takes
-- @treturn bool whether all that was being handled has ended by then
function concurrent.finish(self, seconds)
  return not self._crew or self._crew:finish(seconds)
end

-- Counts what a step returns, or what nobody asks for any longer.
local function report(self)
  local done = self._crew.workers:acknowledged()
  self._delivered = self._delivered + done - self._reported
  self._reported = done
end

--- Closes what the crew has open.
-- @param self the consumer
function concurrent.drop(self)
  if self._crew then
    report(self)
    self._crew:close()
  end
  self._crew, self._leaving = nil, nil
end

-- What takes the crew's place, each a function of the consumer and seconds: true when all has come
-- to rest for that; else it is called again.
local ways = {}

-- It goes on afterwards: `attend` and `chore` use the checkpoint.
function ways.attend(self, seconds) return self._crew.keeper:stop(seconds) end

-- The same; and what is done beside the feed comes between changes, not at the same time. It is
-- saved with a position that has nothing behind it which is to be tried again later.
function ways.chore(self, seconds)
  if not self._crew.workers:settle(seconds) then return false end
  self._batches = nil
  return self._crew.keeper:stop(seconds)
end

-- What is not done comes again.
function ways.open(self, seconds)
  if not concurrent.finish(self, seconds) then return false end
  concurrent.drop(self)
  return true
end

-- The same; what it comes to then, the state `pause` finds out from the crew.
function ways.pause(self, seconds)
  local own = self._crew
  if not own.workers:stop(seconds) or not own.keeper:stop(seconds) then return false end
  own.keeper:save()
  return true
end

-- What can be done is done before everything is read anew.
function ways.resync(self, seconds)
  if not self._crew.workers:settle(seconds) or not ways.open(self, seconds) then return false end
  self._changes = false
  opening.close_feed(self)
  return true
end

local function leave(self, seconds)
  local to = self._leaving
  if not ways[to](self, seconds) then return nil end
  self._leaving = nil
  return to
end

-- Where the consumer is to go; nil: it goes on.
local function wanted(self)
  local checkpoint = self._checkpoint
  if checkpoint:superseded() then return "open" end
  if checkpoint:paused() then return "pause" end
  if checkpoint:asked() ~= self._attended then return "attend" end
end

-- Looks for changes, which are then at hand. An error of kind "timeout": there are none.
local function look(self, most, seconds)
  local own, feed, chore = self._crew, self._feed, chores.due(self)
  if chore and self._batches then -- after a batch it has its turn, whatever the feed has
    self._leaving = "chore"
    return nil
  end
  seconds = math.min(seconds, chores.wait(self) or seconds)
  self._unshared = self._lane ~= nil
  local changes, err = feed:batch(math.min(most or math.huge, own.workers:room()),
    chore and 0 or seconds)
  if self._feed ~= feed then return err end -- it was closed meanwhile
  if changes then
    self._changes, self._blocked = changes, nil -- first of all: see states.take
    self._position = feed:position()
    return nil
  end
  if err.code == "no_change" then
    own.keeper:move(feed:position(), own:is_empty() and feed:position(true) or nil)
  end
  if chore and err.kind == "timeout" then self._leaving = "chore" end
  if err.kind ~= "gap" or not (self._options.on_resync or self._options.resync) then return err end
  self._reason, self._last_error, self._leaving = err.reason, err, "resync"
end

-- The keys of the changes at hand of which others are parked; or nil and an error. It is asked by
-- the connection of the feed, which makes it again where it was lost.
local function blocked(self, seconds)
  if self._parked then
    local ok, err = self._feed:connected(seconds)
    if not ok then return nil, err end
  end
  return narrowing.blocked(self, self._changes)
end

-- One turn: the state that follows, where it is another; and an error, of kind "timeout" where
-- nothing has come.
local function turn(self, most, seconds)
  local own = self._crew
  self._leaving = self._leaving or wanted(self)
  if self._leaving then return leave(self, seconds) end
  own.keeper:start()
  local err = own.keeper:failure()
  if err then return nil, err end
  if not self._changes then
    if not own:wait_for_room(seconds) then return nil end
    err = look(self, most, seconds)
  end
  if not self._changes or self._crew ~= own or wanted(self) then return nil, err end
  local ok, why = lanes.share(self)
  if not ok then return nil, why end
  if not self._blocked then
    self._blocked, err = blocked(self, seconds)
    if not self._blocked then return nil, err end
  end
  if own.keeper:stir(seconds, self._position) and self._crew == own then
    own:add(self._changes, self._position, self._blocked)
    self._last = self._changes[#self._changes] or self._last
    self._changes, self._batches = false, true
  end
  return nil, err
end

-- What the user's `on_error` has raised in a coroutine of the crew.
local function raise(self)
  local raised = self._raised
  self._raised = nil
  if raised then error(raised[1], 0) end
end

--- The state `take`.
-- @param self the consumer
-- @number[opt] timeout seconds; nil: until a change was done
-- @int[opt] most most changes to ask for at once
-- @return as of a state
function concurrent.take(self, timeout, most)
  local own, now = self._crew or begin(self), self._waiter.now
  local deadline = timeout and now() + timeout
  local over, done, quiet
  repeat
    local left = deadline and math.max(deadline - now(), 0) or SLICE
    local state, err = turn(self, most or self._options.batch, math.min(left, SLICE))
    raise(self)
    if state then return state end
    if self._crew ~= own or err and err.kind ~= "timeout" then return nil, err end
    quiet, done = err, own.workers:acknowledged() - self._reported
    over = deadline and now() >= deadline or not deadline and done > 0
  until over or self._closing
  report(self)
  if done > 0 or not quiet then return "take", done end
  return nil, quiet
end

return concurrent
