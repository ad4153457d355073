--- What a consumer does next, by its state. Each state is a function of the consumer, the seconds
-- left and the most changes wanted. It returns the next state, and the number of changes handled
-- where there is one; or nil and the error, after which the same state is tried again.
--
--     open    connects, claims the name, loads the position    -> take, resync
--     resync  reads everything again, or sets the position     -> take
--     take    waits for changes                                -> handle, resync, paused, open
--     handle  the handler works, and the position is saved     -> take, open
--     paused  waits until whoever has paused it resumes it     -> take, open
--
-- A connection that is gone is replaced in each state, and what was done before stays done.
-- @module forgelog.consumer.states
local claim = require "forgelog.consumer.claim"
local core = require "forgelog.core"
local failure = require "forgelog.consumer.failure"
local forgelog = require "forgelog"
local make_checkpoint = require "forgelog.consumer.checkpoint"
local names = require "forgelog.tables.names"

local SILENCE = 15 -- seconds after which a server that does not answer counts as gone
local PAUSED = 1 -- seconds of a wait while the consumer is paused
local ANSWER = 0.08 -- seconds beyond its time that a step waits for a connection
local FAREWELL = 0.05 -- seconds for its answer when the consumer ends, whose session ends anyway

local states = {
  -- The options that go to the feed as they are; `on_error` is wrapped.
  FOLLOWS = {
    tables = "names", channels = "names", ops = "ops", columns = "names", poll = "seconds",
    linger = "seconds", listen = "boolean", silence = "seconds", backoff = "seconds",
    backoff_max = "seconds",
    failover = "failover",
  },
}

local function close_feed(self, seconds)
  if not self._feed then return end
  self._reconnects = self._reconnects + self._feed:stats().reconnects
  self._feed:close(seconds)
  self._feed = nil
end

local function silence(options) return options.silence or options.timeout or SILENCE end

-- Has a connection that stands, and by which the name is claimed: before a handler is called, or
-- what it has done is saved.
local function connected(self, timeout)
  local checkpoint, conn = self._checkpoint, self._log.connection
  checkpoint:step_until(timeout and self._waiter.now() + timeout + ANSWER)
  if not conn:lost() then
    local ok, err = checkpoint:prove()
    if not ok and not conn:lost() then return nil, err end
  end
  if self._feed then return self._feed:connected(timeout) end
  local lost = conn:lost()
  local ok, err = checkpoint:reconnect()
  if lost and not conn:lost() then self._reconnects = self._reconnects + 1 end
  return ok, err
end

local function follow(self, position)
  local options, chosen = self._options, {}
  close_feed(self)
  for name in pairs(states.FOLLOWS) do chosen[name] = options[name] end
  function chosen.on_error(err, attempt)
    self._last_error = err
    if options.on_error then options.on_error(err, attempt) end
  end
  self._checkpoint:rest()
  self._feed = self._log:follow(position, chosen)
  self._feed:share_names(self._names)
  self._feed:on_reconnect(function() return self._checkpoint:resume() end)
  return "take"
end

-- The position of a feed that rests. Where it commits with the work, it rests on that.
local function place(self) return self._feed:position(not self._options.transaction) end

--- Before it closes in order: saves that all its work is done, so that it can go on from there on
-- a server that has all of it.
function states.rest(self)
  local feed = self._feed
  if self._state ~= "take" or self._changes or not feed or self._options.transaction then return end
  if feed:rest(FAREWELL) and not self._checkpoint:superseded() then
    self._checkpoint:heartbeat(place(self), true)
  end
end

--- Where work is done whose position could not be saved yet, tries that once more.
-- @number seconds that all which is still asked takes at most
function states.finish(self, seconds)
  local checkpoint = self._checkpoint
  if not checkpoint then return end
  checkpoint:end_by(self._waiter.now() + seconds)
  if checkpoint:unsaved() then states[self._state](self, seconds) end
end

--- Closes what the consumer has open.
function states.drop(self)
  close_feed(self, FAREWELL)
  if self._checkpoint then
    self._checkpoint:release()
    self._last_saved = self._checkpoint:saved()
  end
  if self._log then self._log:close() end
  self._log, self._changes, self._checkpoint = nil, nil, nil
  self._connecting, self._resyncing = nil, nil
end

-- Connects, or goes on with that, for as long as somebody waits now.
local function connect(self, timeout)
  local options, log = self._options, self._log
  local conn = log.connection:limited(options.timeout or silence(options))
  conn:wait_until(timeout and self._waiter.now() + timeout + ANSWER)
  local ok, err = conn:reconnect()
  if not ok then return nil, err end
  -- A name that means nothing is told before anything is read or saved.
  local filter
  filter, err = names.resolve(log:limited(silence(options)).connection, "consumer", options,
    self._names)
  if not filter then return nil, err end
  self._log = log:limited(options.timeout) -- the handlers' own statements take as long as they take
  local own = log:limited(silence(options))
  if not self._claim then
    self._claim, err = claim.new(own.connection, options.name, options)
    if not self._claim then return nil, err end
  end
  self._checkpoint = make_checkpoint {
    log = own,
    store = self._store,
    name = options.name,
    claim = self._claim,
    refuse = self._refuse,
    transaction = options.transaction,
  }
  return self._checkpoint:open()
end

-- The first connection, the claim, and the position to begin from.
function states.open(self, timeout)
  local options = self._options
  if not self._connecting then
    states.drop(self)
    self._log = forgelog.unconnected(options.conninfo,
      { schema = options.schema, wait = self._waiter })
  end
  local ok, err = connect(self, timeout)
  self._connecting = not ok and err.code == "unfinished"
  if not ok then return nil, err end
  if self._checkpoint:saved() then
    local position, why = self._checkpoint:place()
    if not position then return nil, why end
    return follow(self, position)
  end
  if self._start == "beginning" then return follow(self, "0") end
  self._reason = self._start == "resync" and "start" or nil
  return "resync"
end

local function nothing() end

-- Calls a function of the user's, to which it is told when that closes the consumer: see `close`.
local function call(self, f, ...)
  self._calling = coroutine.running() or "main"
  local ok, raised = pcall(f, ...)
  self._calling = nil
  if not ok then error(raised, 0) end
end

-- The new position is taken first: what commits while the tables are read comes again rather than
-- never.
function states.resync(self, timeout)
  local options, checkpoint = self._options, self._checkpoint
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  if checkpoint:superseded() then return "open" end
  local position, raised
  if not checkpoint:unsaved() then
    position, err = self._log:limited(silence(options)):position({ settle = options.settle })
    if not position then return nil, err end
  end
  self._resyncing = self._resyncing or os.time()
  local work = self._reason and options.on_resync or nothing
  ok, err, raised = checkpoint:commit(position, call, self, work, self._reason, self._log)
  if raised then err = failure.raised(("the resync (%s)"):format(self._reason), err) end
  if not ok then return nil, err end
  if self._reason then self._resyncs = self._resyncs + 1 end
  self._resyncing = nil
  if self._checkpoint ~= checkpoint then return "open", 0 end -- it was closed meanwhile
  return follow(self, checkpoint:saved()), 0
end

-- A feed that nobody asks for changes would have writers notify it.
local function pause(self)
  self._paused_at = self._feed:position()
  close_feed(self)
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

function states.take(self, timeout, most)
  if self._checkpoint:paused() then return pause(self) end
  local options, feed = self._options, self._feed
  local changes, err = feed:batch(most or options.batch, timeout)
  if self._feed ~= feed then return nil, err end -- it was closed meanwhile
  self._changes, self._position = changes, feed:position()
  if self._checkpoint:superseded() then return "open" end
  if changes then return "handle" end
  if err.code == "no_change" and not self._log.connection:lost() then
    local ok, why = self._checkpoint:heartbeat(place(self))
    return nil, ok and err or why
  end
  -- What has committed with its position is, like that, as this server has it.
  if err.reason == "failover" and options.transaction then return "open" end
  if err.kind ~= "gap" or not options.on_resync then return nil, err end
  self._reason, self._last_error = err.reason, err
  close_feed(self)
  return "resync"
end

-- A batch stays until its handler has returned and its position is saved.
function states.handle(self, timeout)
  local checkpoint, changes = self._checkpoint, self._changes
  local ok, err = connected(self, timeout)
  if not ok then return nil, err end
  if checkpoint:superseded() then return "open" end
  local raised
  ok, err, raised = checkpoint:commit(self._position, call, self, self._options.on_changes, changes,
    self._log)
  if raised then err = failure.of_handler(err, changes) end
  if not ok then return nil, err end
  self._changes, self._last = nil, changes[#changes]
  self._delivered = self._delivered + #changes
  return "take", #changes
end

return states
