--- forgelog follow: prints changes as they are committed, until Ctrl-C.
-- @module forgelog.cli.follow
local consumer = require "forgelog.consumer"
local errors = require "forgelog.cli.lib.errors"
local make_sink = require "forgelog.cli.lib.sink"
local primary = require "forgelog.connection.primary"
local stream = require "forgelog.cli.lib.stream"
local units = require "forgelog.units"

local SLICE = 0.5 -- seconds of one wait for changes
local LEASE = 600 -- seconds: nothing can renew a lease while an --exec command runs
local SETTLE = 1 -- seconds of one wait for writers, before the position of a time is looked for

-- What a user of the command is told: it has no handler, but a sink that tells enough by itself.
local function words(err)
  if err.code ~= "handler_failed" or not err.first_seq then return errors.text(err) end
  return ("%s (%s, seq %d to %d)"):format(errors.text(err.raised),
    units.many(err.changes, "change"), err.first_seq, err.last_seq)
end

-- A consumer whose handler is the sink. What the sink raises to end the command goes to
-- `over.err`: the consumer would take it for a failed batch.
local function make_consumer(context, options, store, over)
  local sink, reported = make_sink(context, options), nil
  return consumer.new(stream.filter(options, {
    conninfo = context.conninfo, schema = options.schema, timeout = options.timeout,
    wait = context.waiter, name = options.name, position = store,
    batch = options.batch, poll = options.poll, listen = not options.no_listen,
    lease = options.exec and LEASE or nil,
    start = options.since == "now" and "now" or "beginning",
    on_changes = function(changes)
      context:shield() -- until the position is saved
      local ok, err = pcall(sink, changes)
      if not ok and errors.ends(err) then over.err = err end
      if not ok then error(err, 0) end
    end,
    on_error = function(err)
      if over.err or not err.retryable or err.message == reported then return end
      reported = err.message
      context.note("%s; trying again", words(err))
    end,
  }))
end

-- Steps until a signal, the limit, or an error that does not pass by itself.
local function follow(context, options, following, over)
  local left = options.limit
  while left ~= 0 do
    local handled, err = following:step(SLICE, left and math.min(left, options.batch))
    context:unshield()
    if over.err then error(over.err, 0) end
    if not handled then
      if not following:passes(err) then error(err, 0) end
    elseif left then
      left = left - handled
    end
    context.check_signal()
    if not options.exec then context.check_reader() end
  end
end

-- Finds the position of a time, however long writers stay open of which nobody knows when they
-- began. A connection that has given up on them would take a place before all that they can write.
local function find_time(context, log, options)
  local found, err = stream.find_time(context, log, options, SETTLE)
  if found then return end
  context.note("%s; waiting for them", errors.text(err))
  context:disconnect()
  stream.find_time(context, context:connect(), options, math.huge)
end

-- Connects once, and reads the log: what fails then, such as a missing log or right, a standby that
-- is to keep a name's position, or a table that is not watched, will not pass by itself.
local function check(context, options)
  local log = context:connect()
  errors.must(log:min_seq())
  if options.name then
    errors.must(primary(log.connection, "--name", "keep the position by --position-file"))
  end
  stream.check_names(log, "follow", options)
  find_time(context, log, options)
  context:disconnect()
end

--- Follows.
-- @param context of `forgelog.cli.lib.context`
-- @param options `since`, `limit`, `tables`, `channel`, `op`, `column`, `key`, `format`, `name`,
-- `position_file`, `exec`, `batch`, `poll`, `no_listen`, `json`
return function(context, options)
  stream.claim_file(options, context.note)
  check(context, options)
  local store, over = stream.store(options, context.note), {}
  local following = make_consumer(context, options, store, over)
  local ok, err = pcall(follow, context, options, following, over)
  local position = following:stats().position
  context:shield()
  pcall(following.close, following)
  if ok then return end
  if not context.interrupted(err) then error(stream.advise(err, options), 0) end
  stream.say_stopped(context, position, options.since, options)
end
