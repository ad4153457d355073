--- What a consumer does next, by its state. Each state is a function of the consumer, the seconds
-- left and the most changes wanted. It returns the next state, and the number of changes handled
-- where there is one; or nil and the error, after which the same state is tried again.
--
--     open    connects, claims the name, loads the position    -> take, resync
--     resync  reads everything again, or sets the position     -> take
--     take    waits for changes                -> handle, resync, attend, chore, pause, open
--     handle  the handler works, and the position is saved     -> take, open; with attempts handle
--     attend  finds out what was asked of it from outside      -> take, open
--     chore   does a little of what there is beside the feed   -> take, open
--     pause   saves that all work is done, where it is             -> paused
--     paused  waits until whoever has paused it resumes it     -> take, open
--
-- A connection that is gone is replaced in each state, and what was done before stays done.
-- @module forgelog.consumer.states
local calls = require "forgelog.consumer.calls"
local chores = require "forgelog.consumer.chores"
local concurrent = require "forgelog.consumer.states.concurrent"
local core = require "forgelog.core"
local each = require "forgelog.consumer.each"
local ending = require "forgelog.consumer.states.ending"
local failure = require "forgelog.consumer.failure"
local forgelog = require "forgelog"
local lanes = require "forgelog.consumer.lanes"
local narrowing = require "forgelog.consumer.narrowing"
local opening = require "forgelog.consumer.states.opening"
local start = require "forgelog.consumer.filling.start"

-- Where all that came is for other lanes.
local OTHERS, NO_CHANGE = "no change of this lane within the time given", { code = "no_change" }
local PAUSED = 1 -- seconds of a wait while the consumer is paused

local states = {
  -- The options that go to the feed as they are; `on_error` is wrapped.
  FOLLOWS = {
    tables = "names", channels = "names", ops = "ops", columns = "names", keys = "names",
    poll = "seconds", linger = "seconds", listen = "boolean", settled = "boolean",
    silence = "seconds", backoff = "seconds", backoff_max = "seconds", failover = "failover",
  },
}

local close_feed = opening.close_feed

-- Has a connection that stands, and by which the name is claimed: before a handler is called, or
-- what it has done is saved.
local function connected(self, timeout)
  local checkpoint, conn = self._checkpoint, (self._own or self._log).connection
  checkpoint:step_until(timeout and self._waiter.now() + timeout + opening.ANSWER)
  if not conn:lost() then
    local ok, err = checkpoint:prove()
    if not ok and not conn:lost() then return nil, err end
  end
  if self._own then return opening.connected(self, timeout) end
  if self._feed then return self._feed:connected(timeout) end
  local lost = conn:lost()
  local ok, err = checkpoint:reconnect()
  if lost and not conn:lost() then self._reconnects = self._reconnects + 1 end
  return ok, err
end

local function nothing() end

local function follow(self, position)
  local options, chosen = self._options, {}
  close_feed(self)
  for name in pairs(states.FOLLOWS) do chosen[name] = options[name] end
  function chosen.on_error(err, attempt) narrowing.tell(self, err, attempt) end
  self._checkpoint:rest()
  self._feed = self._log:follow(position, chosen)
  self._position, self._batches = self._feed:position(), nil -- a chore saves it with its work
  self._feed:share_names(self._names)
  if self._of_one_cluster then self._feed:commit_work() end
  if self._concurrent then
    self._feed:work_beside(function() return self._crew and self._crew.workers:outstanding() end)
  elseif not self._own then
    self._feed:on_reconnect(function() return self._checkpoint:resume() end)
  end
  return "take"
end

--- Where work is done whose position could not be saved yet, tries that once more.
-- @number seconds that all which is still asked takes at most
function states.finish(self, seconds)
  local checkpoint = self._checkpoint
  if not checkpoint then return end
  checkpoint:end_by(self._waiter.now() + seconds)
  concurrent.finish(self, seconds)
  if checkpoint:unsaved() and not self._concurrent then states[self._state](self, seconds) end
end

-- The first connection, the claim, and the position to begin from.
function states.open(self, timeout)
  local options = self._options
  if not self._connecting then
    local known, why = opening.compare(self, timeout)
    if not known then return nil, why end
    ending.drop(self)
    local about = { schema = options.schema, wait = self._waiter }
    self._log = forgelog.unconnected(options.conninfo, about)
    local elsewhere = self._store.conninfo
    self._own = (self._concurrent or elsewhere)
      and forgelog.unconnected(elsewhere or options.conninfo, about) or nil
  end
  local ok, err = opening.connect(self, timeout)
  self._connecting = not ok and err.code == "unfinished"
  if not ok then return nil, err end
  if self._lost then return opening.resync(self) end
  local saved = self._checkpoint:saved()
  if saved or self._start == "beginning" then
    local position, why = (saved and opening.saved or opening.beginning)(self)
    if not position then return nil, why end
    return follow(self, position)
  end
  self._reason = self._start == "resync" and "start" or nil
  return "resync"
end

-- The new position is taken first: what commits while the tables are read comes again rather than
-- never.
function states.resync(self, timeout)
  local options, checkpoint = self._options, self._checkpoint
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  if checkpoint:superseded() then return "open" end
  local log, position, raised = self._log:limited(opening.silence(options)), nil, nil
  if not checkpoint:unsaved() then
    position, err = log:position({ settle = options.settle })
    if not position then return nil, err end
  end
  if self._lane and not self._reason and not checkpoint:saved() then
    ok, err = opening.lanes(self, log.connection, position)
    if not ok then return nil, err end
  end
  self._resyncing = self._resyncing or os.time()
  if self._reason and options.resync then
    ok, err = checkpoint:commit(position, start.all, self, self._reason)
  else
    local work = self._reason and options.on_resync or nothing
    ok, err, raised = checkpoint:commit(position, calls.user, self, work, self._reason,
      opening.log(self))
  end
  if raised then err = failure.raised(("the resync (%s)"):format(self._reason), err) end
  if not ok then return nil, err end
  if self._reason then self._resyncs = self._resyncs + 1 end
  self._resyncing = nil
  if self._checkpoint ~= checkpoint then return "open", 0 end -- it was closed meanwhile
  return follow(self, checkpoint:saved()), 0
end

-- A feed that nobody asks for changes would have writers notify it. What waits for the consumer to
-- go on may outlast the server, so what is saved is that of one that was closed in order.
function states.pause(self)
  local place = self._crew and self._crew.keeper:place() or self._feed:position()
  self._paused_at = ending.rest(self, PAUSED) and ending.place(self) or place
  concurrent.drop(self)
  close_feed(self)
  self._changes = false
  return "paused"
end

function states.paused(self, timeout)
  local checkpoint = self._checkpoint
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  if checkpoint:superseded() then return "open" end
  if not checkpoint:paused() then return follow(self, self._paused_at) end
  self._waiter.wait(nil, "", math.min(timeout or PAUSED, PAUSED))
  return nil, core.error("timeout", "the consumer is paused", nil, { code = "paused" })
end

function states.attend(self, timeout)
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  local asked = self._checkpoint:asked()
  if not self._checkpoint:superseded() then ok, err = chores.attend(self) end
  if not ok then return nil, err end
  self._attended = asked
  return self._checkpoint:superseded() and "open" or "take"
end

function states.chore(self, timeout, most)
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  -- It may be that what has failed again and again is not wanted any more, or that what was done is
  -- to be done again, on another server.
  if not self._checkpoint:unsaved() and self._checkpoint:asked() ~= self._attended then
    self._chore = nil
    return "take"
  end
  local chore = self._chore or chores.due(self)
  if not chore or self._checkpoint:superseded() then return chore and "open" or "take" end
  self._chore = chore -- its work may be done and not be saved yet
  local handled
  handled, err = chore.work(self, most)
  if not handled then return nil, err end
  self._chore = nil
  -- It may have been closed meanwhile.
  return self._checkpoint and "take" or "open", (handled > 0 or timeout == 0) and handled or nil
end

-- Goes on with a batch. What the feed has handed out is behind its position, so a batch is kept
-- before anything else is done that memory may not suffice for.
local function at_hand(self)
  self._position = self._feed:position()
  if self._checkpoint:superseded() then return "open" end
  self._batches = true
  return "handle"
end

function states.take(self, timeout, most)
  if self._crew then return concurrent.take(self, timeout, most) end
  if self._changes then return at_hand(self) end
  if self._checkpoint:paused() then return "pause" end
  if self._checkpoint:asked() ~= self._attended then return "attend" end
  if self._concurrent then return concurrent.take(self, timeout, most) end
  local stands, lost = opening.own_stands(self, timeout)
  if not stands or self._checkpoint:superseded() then return stands and "open", lost end
  local options, feed, chore = self._options, self._feed, chores.due(self)
  if chore and self._batches then -- after a batch it has its turn, whatever the feed has
    self._batches = nil
    return "chore"
  end
  self._checkpoint:step_until(timeout and self._waiter.now() + timeout + opening.ANSWER)
  local rest = chore and 0 or chores.wait(self)
  local waits = rest and math.min(rest, timeout or rest) or timeout
  self._unshared = self._lane ~= nil
  local changes, err = feed:batch(most or options.batch, waits)
  if self._feed ~= feed then return nil, err end -- it was closed meanwhile
  self._changes = changes or false
  if changes then return at_hand(self) end
  self._position, self._batches = feed:position(), nil
  if self._checkpoint:superseded() then return "open" end
  if chore and err.kind == "timeout" then return "chore" end
  if err.code == "no_change" and not self._log.connection:lost() then
    local ok, why = self._checkpoint:heartbeat(ending.place(self))
    if ok and waits ~= timeout then return "take" end
    return nil, ok and err or why
  end
  -- What has committed with its position is, like that, as this server has it.
  if err.reason == "failover" and opening.as_one(self) then return "open" end
  if err.kind ~= "gap" or not (options.on_resync or options.resync) then return nil, err end
  self._reason, self._last_error = err.reason, err
  close_feed(self)
  return "resync"
end

-- Nothing of the batch is for this lane. Its position is saved now and then, however many such
-- batches come.
local function pass_over(self, timeout)
  self._changes, self._state = false, "take"
  local ok, err = self._checkpoint:heartbeat(self._position)
  if not ok then return nil, err end
  if (timeout or 1) > 0 then return "take" end
  return nil, core.error("timeout", OTHERS, nil, NO_CHANGE)
end

-- A batch stays until its handler has returned and its position is saved.
function states.handle(self, timeout)
  local checkpoint = self._checkpoint
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  if checkpoint:superseded() then return "open" end
  ok, err = lanes.share(self)
  if not ok then return nil, err end
  local changes = self._changes
  if not changes[1] then return pass_over(self, timeout) end
  if narrowing.is_wanted(self) then return narrowing.handle(self, timeout) end
  local raised
  ok, err, raised = checkpoint:commit(self._position, start.hand_out, self, changes)
  if raised then err = each.failure(self, err, changes) end
  if not ok then return nil, err end
  local rest, why = each.rest(self)
  local done = #changes - #(rest or {})
  self._delivered, self._last = self._delivered + done, changes[done]
  if self._checkpoint ~= checkpoint then return "open", done end -- it was closed meanwhile
  self._changes = rest or false
  if not rest then return "take", done end
  self._attempt = 0
  return nil, why
end

return states
