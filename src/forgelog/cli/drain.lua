--- forgelog drain: prints what is settled after a position, in ascending seq, and ends.
-- @module forgelog.cli.drain
local backoff = require "forgelog.connection.backoff"
local claim = require "forgelog.consumer.claim"
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local make_sink = require "forgelog.cli.lib.sink"
local names = require "forgelog.tables.names"
local stream = require "forgelog.cli.lib.stream"
local terminal = require "forgelog.cli.lib.terminal"

local TRIES = 10 -- runs of the --exec command with one batch

local must = errors.must

-- The timeline and the seq of a position.
local function parse(position)
  local timeline, seq = core.parse_position(position)
  if timeline then return timeline, tonumber(seq) end -- text where this Lua would round it
  local wrong = seq
  error(("%q is no position: %s"):format(position, wrong), 0)
end

-- Claims the name, so that one drain or follow of it runs at a time. Behind a pooler the claim
-- would stay with a server connection that others use too, so it is given back there: of two
-- drains at once one then fails to save its position.
local function claim_name(conn, name)
  must(conn:locate()) -- a missing log is reported first
  local _, pooled = must(claim.take(conn, name))
  if pooled then claim.release(conn, name) end
end

-- The position up to which everything is settled.
local function settled(log, seconds)
  local position, err = log:position({ settle = seconds })
  if position then return position end
  if err.kind == "timeout" then errors.advise(err, "forgelog follow is not held up by them") end
  error(err, 0)
end

-- What a drain works with: where the position is kept, what is saved there, the position behind
-- which it begins, and the one up to which it goes.
local function begin(context, log, options)
  local store = stream.store(options, context.note)
  -- What is wrong there is told before anything is saved.
  must(names.resolve(log.connection, "drain", stream.filter(options, {}), {}))
  if options.name then claim_name(log.connection, options.name) end
  local saved = must(store.load(log, options.name))
  local upto = settled(log, options.settle)
  return {
    log = log,
    store = store,
    sink = make_sink(context, options),
    saved = saved,
    from = saved or options.since == "now" and upto or "0",
    upto = upto,
  }
end

-- Gives a batch to the sink. An --exec command that fails is given it again, later each time.
local function deliver(context, sink, batch)
  for attempt = 1, TRIES do
    local ok, err = pcall(sink, batch)
    if ok then return end
    if not context.options.exec or attempt == TRIES or errors.ends(err) then error(err, 0) end
    context.note("%s; trying again", errors.text(err))
    context:sleep(backoff.delay(attempt, {}))
  end
end

-- Delivers a batch, then saves the position behind it.
local function finish(context, run, batch, position)
  if #batch > 0 then deliver(context, run.sink, batch) end
  if position == run.saved then return end
  must(context:unbroken(run.store.save, run.log, context.options.name, position, run.saved))
  run.saved = position
end

local function drain(context, run)
  local options = context.options
  local timeline, upto = parse(run.upto)
  local _, from = parse(run.from)
  local progress = terminal.progress(math.max(upto - from, 0), "seqs", options.exec ~= nil)
  local batch, left, last, position = {}, options.limit, from, run.from
  local changes = run.log:drain(run.from,
    stream.filter(options, { limit = left, settle = options.settle }))
  for change in changes do
    batch[#batch + 1], last = change, change.seq
    position = core.position_text(timeline, last)
    if #batch == options.batch then
      finish(context, run, batch, position)
      left, batch = left and left - #batch, {}
      progress(last - from)
      context.check_signal()
    end
  end
  progress()
  -- Unless the limit ended it, whatever is settled has been delivered, except for changes that are
  -- not wanted.
  local all = not left or #batch < left
  finish(context, run, batch, all and upto > last and run.upto or position)
end

--- Drains.
-- @param context of `forgelog.cli.lib.context`
-- @param options `since`, `limit`, `tables`, `channel`, `op`, `column`, `format`, `name`,
-- `position_file`, `exec`, `batch`, `settle`
return function(context, options)
  local run = begin(context, context:connect(), options)
  local ok, err = pcall(drain, context, run)
  if ok then return end
  if context.interrupted(err) then stream.say_stopped(context, run.saved or run.from, options) end
  error(stream.advise(err, options), 0)
end
