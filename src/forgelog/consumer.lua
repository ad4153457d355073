--- A consumer that runs for months: batches to a handler, positions to a store, a resync whenever the log has a gap.
-- At least once: a position is saved after the handler has returned. With `store.table()` and `transaction = true` both
-- commit together, and each change takes effect exactly once.
-- @module forgelog.consumer
local check = require "forgelog.check"
local core = require "forgelog.core"
local find_waiter = require "forgelog.wait"
local forgelog = require "forgelog"
local keep = require "forgelog.keep"
local retry = require "forgelog.retry"
local store = require "forgelog.store"

--- `forget(log, name)` removes a consumer's position from the table store: an error, SQLSTATE 55P03, while that runs.
-- @function forget
-- @return the position (false: there was none); or nil and an error
local consumer = { memory = store.memory, file = store.file, table = store.table, forget = keep.forget }

--- A store in a `lua_shared_dict` of OpenResty: see `forgelog.store.shared`.
function consumer.shared(...) return require("forgelog.store.shared")(...) end

local Consumer = {}
Consumer.__index = Consumer

local SLICE = 1 -- seconds after which a waiting run() looks whether it was stopped

-- What a consumer does next, by its state. Each returns the next state and the number of changes handled; or nil and the
-- error, after which the same is tried again.
local act = {}

local known = {
  conninfo = "any", name = "string", position = "any", on_changes = "function", on_resync = "function",
  on_error = "function", tables = "names", batch = "positive", start = "string", transaction = "boolean",
  exclusive = "string", schema = "string", wait = "any", timeout = "seconds", poll = "seconds", linger = "seconds",
  listen = "boolean", silence = "seconds", backoff = "seconds", backoff_max = "seconds", settle = "seconds",
}

local function one_of(options, name, choices)
  local value = options[name] or choices[1]
  for _, choice in ipairs(choices) do
    if value == choice then return value end
  end
  check.misuse("consumer.new", ("%s must be one of %s, got %q"):format(name, table.concat(choices, ", "), value))
end

local function check_store(self, options)
  local kept = options.position or store.memory()
  if type(kept) ~= "table" or type(kept.load) ~= "function" or type(kept.save) ~= "function" then
    check.misuse("consumer.new",
      "position must be a store: consumer.memory(), .file(path), .table(), or a table of load and save")
  end
  if options.transaction and not kept.transactional then
    check.misuse("consumer.new", "transaction needs position = consumer.table(), which commits with the handler's work")
  end
  if kept.transactional and not options.name then check.misuse("consumer.new", "the table store needs a name") end
  self._store = kept
end

--- Makes a consumer; it connects when it first steps.
-- @tparam table options `on_changes(changes, log)` (required: raise to have the batch again), `conninfo`, `name` (needed
-- by the table store; two consumers of one name never run at once), `position` (a store; default `consumer.memory()`),
-- `on_resync(reason, log)` (reads everything anew; called at a gap, and at the first start when `start` says so),
-- `on_error(err, attempt)`, `start` ("resync": the default with on_resync; "beginning": the default without; "now"),
-- `batch` (most changes at once; default 1000), `transaction`, `exclusive` ("wait" or "refuse" while another consumer of
-- this name runs), and the options of `connect` and `follow`
-- @return a consumer
function consumer.new(options)
  options = check.options("consumer.new", options, known)
  check.argument("consumer.new", "on_changes", options.on_changes, "function")
  local self = setmetatable({
    _options = options, _silence = options.silence or options.timeout or 15, _state = "open",
    _waiter = find_waiter("consumer.new", options.wait), _handed = 0, _resyncs = 0, _reconnects = 0, _attempt = 0,
  }, Consumer)
  check_store(self, options)
  local starts = options.on_resync and { "resync", "beginning", "now" } or { "beginning", "now" }
  self._start = one_of(options, "start", starts)
  self._refuse = one_of(options, "exclusive", { "wait", "refuse" }) == "refuse"
  return self
end

local function forget_feed(self)
  if not self._feed then return end
  self._reconnects = self._reconnects + self._feed:stats().reconnects
  self._feed:close()
  self._feed = nil
end

local function follow(self, position)
  local options = self._options
  forget_feed(self)
  self._saved_at = self._waiter.now()
  self._feed = self._log:follow(position, {
    tables = options.tables, poll = options.poll, linger = options.linger, listen = options.listen,
    silence = options.silence, backoff = options.backoff, backoff_max = options.backoff_max,
    on_error = function(err, attempt)
      self._last_error = err
      if options.on_error then options.on_error(err, attempt) end
    end,
  })
  self._feed._on_connect = function(log)
    if self._feed._reconnects == 0 then return true end
    return keep.resume(self, log)
  end
  return "take"
end

local function drop(self)
  forget_feed(self)
  if self._log then self._log:close() end
  self._log, self._changes, self._moved = nil, nil, false
end

-- The first connection, the claim, and the position to begin from.
function act.open(self)
  local options = self._options
  drop(self)
  local ok, err
  self._log, err = forgelog.connect(options.conninfo,
    { schema = options.schema, wait = self._waiter, timeout = options.timeout or self._silence })
  if not self._log then return nil, err end
  self._log._timeout = options.timeout -- for the handlers' own statements
  ok, err = keep.open(self, self._log)
  if not ok then return nil, err end
  if self._saved then return follow(self, self._saved) end
  if self._start == "beginning" then return follow(self, "0") end
  self._reason = self._start == "resync" and "start" or nil
  return "resync"
end

-- The new position is taken first: what commits while the tables are read comes again rather than never.
function act.resync(self)
  if self._log._lost then
    self._state = "open"
    return nil, self._log._lost
  end
  if self._moved then return "open" end
  local position, err = keep.patiently(self, self._log.position, self._log, { settle = self._options.settle })
  if not position then return nil, err end
  local ok
  ok, err = keep.perform(self, position, self._reason and self._options.on_resync or function() end, self._reason, self._log)
  if not ok then return nil, err end
  if self._reason then self._resyncs = self._resyncs + 1 end
  return follow(self, position), 0
end

function act.take(self, timeout, most)
  local err
  self._changes, err = self._feed:batch(most or self._options.batch, timeout)
  if self._moved then return "open" end
  if self._changes then return "handle" end
  if err.kind == "timeout" and self._log._lost == nil then return keep.up(self, err) end
  if err.kind ~= "gap" or not self._options.on_resync then return nil, err end
  self._reason, self._last_error = err.reason, err
  return "resync"
end

-- A batch stays until its handler has returned and its position is saved.
function act.handle(self, timeout)
  if self._log._lost then
    local ok, err = self._feed:connected(timeout)
    if not ok then return nil, err end
  end
  if self._moved then return "open" end
  local changes = self._changes
  if not changes then return "take" end -- its COMMIT had taken place
  local ok, err = keep.perform(self, self._feed:position(), self._options.on_changes, changes, self._log)
  if not ok then return nil, err end
  self._changes, self._handed, self._last = nil, self._handed + #changes, changes[#changes]
  return "take", #changes
end

-- Reports an error and sets when the next try is due; a time that passed without changes is none.
local function judge(self, err)
  if err.kind == "timeout" and self._state == "take" then return nil, err end
  self._attempt, self._last_error = self._attempt + 1, err
  self._retry_at = self._waiter.now() + retry(self._attempt, self._options)
  if self._options.on_error then self._options.on_error(err, self._attempt) end
  return nil, err
end

--- One step: until a batch is handled, a resync is done, or the time is over. It connects where it has to.
-- @number[opt] timeout seconds to wait; none: as long as it takes
-- @int[opt] most most changes to handle; default: the option `batch`
-- @return the number of changes handled (0 for a resync), or nil and an error: kind "timeout" when nothing came. After
-- any error another step tries again, later each time.
function Consumer:step(timeout, most)
  local deadline = timeout and self._waiter.now() + timeout
  while true do
    local left = deadline and math.max(deadline - self._waiter.now(), 0)
    local wait = (self._retry_at or 0) - self._waiter.now()
    if wait > 0 then self._waiter.wait(nil, "", left and math.min(wait, left) or wait) end
    if left and wait > left then return nil, core.error("timeout", "waiting for the next try") end
    local state, result = act[self._state](self, left, most)
    if not state then return judge(self, result) end
    self._state = state
    if result then
      self._attempt = 0
      return result
    end
  end
end

--- Whether run() would go on after an error of `step`: what passes by itself, and whatever befalls a handler or a resync.
-- @param err the error
-- @treturn bool
function Consumer:passes(err)
  return err.retryable or err.kind == "timeout" or self._state == "handle" or self._state == "resync"
end

--- Steps until it is stopped, or until an error that does not pass by itself.
-- @return true when it was stopped, or nil and the error
function Consumer:run()
  self._stopping = false
  while not self._stopping do
    local done, err = self:step(SLICE)
    if not done and not self:passes(err) then
      self:close()
      return nil, err
    end
  end
  self:close()
  return true
end

--- Has run() return once the batch at hand is done; within a second when it waits. May be called by a handler.
function Consumer:stop() self._stopping = true end

--- Closes the connection; a later step opens it again and goes on from the saved position.
function Consumer:close()
  drop(self)
  self._state = "open"
end

--- What it has done: `handed_out` (changes), `position` (as saved), `lag_changes` (an upper bound) and `lag_seconds`,
-- `reconnects`, `resyncs`, `connected`, `last_error`.
function Consumer:stats()
  local feed = self._feed and self._feed:stats() or {}
  local behind = feed.behind or 0
  return {
    handed_out = self._handed,
    position = self._saved,
    lag_changes = behind,
    lag_seconds = behind > 0 and self._last and math.max(0, os.time() - self._last.created_at) or 0,
    reconnects = self._reconnects + (feed.reconnects or 0),
    resyncs = self._resyncs,
    connected = feed.connected or false,
    last_error = self._last_error,
  }
end

return consumer
