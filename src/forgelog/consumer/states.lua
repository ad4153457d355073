--- What a consumer does next, by its state. Each state is a function of the consumer, the seconds
-- left and the most changes wanted. It returns the next state, and the number of changes handled
-- where there is one; or nil and the error, after which the same state is tried again.
--
--     open    connects, claims the name, loads the position    -> take, resync
--     resync  reads everything again, or sets the position     -> take
--     take    waits for changes                                -> handle, resync, open
--     handle  the handler works, and the position is saved     -> take, open
-- @module forgelog.consumer.states
local forgelog = require "forgelog"
local make_checkpoint = require "forgelog.consumer.checkpoint"
local names = require "forgelog.tables.names"

local SILENCE = 15 -- seconds after which a server that does not answer counts as gone

local states = {
  -- The options that go to the feed as they are; `on_error` is wrapped.
  FOLLOWS = {
    tables = "names", channels = "names", ops = "ops", columns = "names", poll = "seconds",
    linger = "seconds", listen = "boolean", silence = "seconds", backoff = "seconds",
    backoff_max = "seconds",
  },
}

local function close_feed(self)
  if not self._feed then return end
  self._reconnects = self._reconnects + self._feed:stats().reconnects
  self._feed:close()
  self._feed = nil
end

-- Before anything is delivered from a new connection: the batch at hand is done where its COMMIT
-- had taken place, and not ours any more where another consumer of the name has gone on.
local function on_reconnect(self)
  local ok, result = self._checkpoint:resume()
  if not ok then return nil, result end
  if result then self._changes = nil end
  return true
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
  self._feed:on_reconnect(function() return on_reconnect(self) end)
  return "take"
end

--- Closes what the consumer has open.
function states.drop(self)
  close_feed(self)
  if self._checkpoint then self._last_saved = self._checkpoint:saved() end
  if self._log then self._log:close() end
  self._log, self._changes, self._checkpoint = nil, nil, nil
end

local function silence(options) return options.silence or options.timeout or SILENCE end

local function connect(self)
  local options = self._options
  local log, err = forgelog.connect(options.conninfo, {
    schema = options.schema, wait = self._waiter, timeout = options.timeout or silence(options),
  })
  if not log then return nil, err end
  -- A name that means nothing is told before anything is read or saved.
  local filter
  filter, err = names.resolve(log:limited(silence(options)).connection, "consumer", options,
    self._names)
  if not filter then
    log:close()
    return nil, err
  end
  self._log = log:limited(options.timeout) -- the handlers' own statements take as long as they take
  self._checkpoint = make_checkpoint {
    log = log:limited(silence(options)),
    store = self._store,
    name = options.name,
    claims = options.name ~= nil and options.listen ~= false,
    refuse = self._refuse,
    transaction = options.transaction,
  }
  return self._checkpoint:open()
end

-- The first connection, the claim, and the position to begin from.
function states.open(self)
  states.drop(self)
  local ok, err = connect(self)
  if not ok then return nil, err end
  local saved = self._checkpoint:saved()
  if saved then return follow(self, saved) end
  if self._start == "beginning" then return follow(self, "0") end
  self._reason = self._start == "resync" and "start" or nil
  return "resync"
end

local function nothing() end

-- The new position is taken first: what commits while the tables are read comes again rather than
-- never.
function states.resync(self)
  local options, lost = self._options, self._log.connection:lost()
  if lost then
    self._state = "open"
    return nil, lost
  end
  if self._checkpoint:superseded() then return "open" end
  local ok
  local position, err = self._log:limited(silence(options)):position({ settle = options.settle })
  if not position then return nil, err end
  local work = self._reason and options.on_resync or nothing
  ok, err = self._checkpoint:commit(position, work, self._reason, self._log)
  if not ok then return nil, err end
  if self._reason then self._resyncs = self._resyncs + 1 end
  return follow(self, position), 0
end

function states.take(self, timeout, most)
  local options = self._options
  local changes, err = self._feed:batch(most or options.batch, timeout)
  self._changes = changes
  if self._checkpoint:superseded() then return "open" end
  if changes then return "handle" end
  if err.code == "no_change" and not self._log.connection:lost() then
    local ok, why = self._checkpoint:heartbeat(self._feed:position())
    return nil, ok and err or why
  end
  if err.kind ~= "gap" or not options.on_resync then return nil, err end
  self._reason, self._last_error = err.reason, err
  return "resync"
end

-- A batch stays until its handler has returned and its position is saved.
function states.handle(self, timeout)
  local ok, err
  if self._log.connection:lost() then
    ok, err = self._feed:connected(timeout)
    if not ok then return nil, err end
  end
  if self._checkpoint:superseded() then return "open" end
  local changes = self._changes
  if not changes then return "take" end -- its COMMIT had taken place
  local position = self._feed:position()
  ok, err = self._checkpoint:commit(position, self._options.on_changes, changes, self._log)
  if not ok then return nil, err end
  self._changes, self._last = nil, changes[#changes]
  self._delivered = self._delivered + #changes
  return "take", #changes
end

return states
