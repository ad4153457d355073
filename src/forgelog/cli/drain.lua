--- forgelog drain: prints what is settled after a position, in ascending seq, and ends.
-- @module forgelog.cli.drain
local backoff = require "forgelog.connection.backoff"
local check = require "forgelog.connection.options"
local claim = require "forgelog.consumer.claim"
local core = require "forgelog.core"
local drain_log = require "forgelog.drain"
local errors = require "forgelog.cli.lib.errors"
local lanes = require "forgelog.consumer.lanes"
local make_sink = require "forgelog.cli.lib.sink"
local primary = require "forgelog.connection.primary"
local seqs = require "forgelog.seqs"
local stream = require "forgelog.cli.lib.stream"
local terminal = require "forgelog.cli.lib.terminal"
local units = require "forgelog.units"

local TRIES = 10 -- runs of the --exec command with one batch
-- Seconds for connecting again, and for the answer of a server that may be gone, where --timeout
-- does not say them.
local PATIENCE, SILENCE = 60, 15
local HELD_UP = "forgelog follow is not held up by them, and --settle waits for longer"
local LEASE = 600 -- seconds: nothing can renew a lease while an --exec command runs

local must = errors.must

-- The timeline and the seq of a position.
local function parse(position)
  local timeline, seq = core.parse_position(position)
  if timeline then return timeline, tonumber(seq) end -- text where this Lua would round it
  local wrong = seq
  error(("%q is no position: %s"):format(position, wrong), 0)
end

-- Claims the name, so that one drain or follow of it runs at a time. Where that is a session's
-- lock, it would behind a pooler stay with a server connection that others use too, so it is given
-- back there: of two drains at once one then fails to save its position.
local function claim_name(run, options)
  local conn = run.log.connection
  must(conn:locate()) -- a missing log is reported first
  if options.name then must(primary(conn, "--name", "keep the position by --position-file")) end
  run.claim = run.claim
    or must(claim.new(conn, options.name, { lease = options.exec and LEASE or nil }))
  if run.claim.renew then must(lanes.enter(conn, options.name)) end -- a drain is no lane
  local _, pooled = must(run.claim:take(conn))
  if pooled then run.claim:release(conn) end
  run.claimed = not pooled
end

-- Passes on what a function returned that may have waited for writers in vain.
local function settled(value, err)
  if value then return value end
  if err.kind == "timeout" then errors.advise(err, HELD_UP) end
  error(err, 0)
end

-- Adds what a drain works with: where the position is kept, what is saved there, the position
-- behind which it goes on, and the one up to which it goes.
local function begin(context, run, options)
  local log = run.log
  stream.check_names(log, "drain", options, run.names)
  claim_name(run, options)
  settled(stream.find_time(context, log, options, options.settle))
  run.store = stream.store(options, context.note)
  run.sink, run.left, run.tries = make_sink(context, options), options.limit, 0
  run.saved = must(run.store.load(log, options.name))
  -- The position in the database goes back with that at a failover. So it may be one of before some
  -- work was begun, unless whoever had the name before has given it back.
  local vouched = run.saved and options.name and not run.claim:was_free()
    and core.stirred(run.saved) or run.saved
  run.upto = settled(log:position({ settle = options.settle }))
  run.position = vouched or options.since == "now" and run.upto or "0"
  run.began = run.position
  local _, upto = parse(run.upto)
  _, run.from = parse(run.began)
  run.progress = terminal.progress(math.max(upto - run.from, 0), "seqs", options.exec ~= nil)
end

-- The connection, for what is not to wait for ever.
local function patient(context, run)
  return run.log.connection:limited(context.options.timeout or SILENCE)
end

-- Raises where the connection, which may have rested beside an --exec command, is gone, or another
-- has claimed the name.
local function prove(context, run)
  must(run.claim:prove(patient(context, run)))
end

-- Gives a batch to the sink. An --exec command that fails is given it again, later each time.
local function deliver(context, run, batch)
  for attempt = 1, TRIES do
    prove(context, run)
    local ok, err = pcall(run.sink, batch)
    if ok then return end
    if not context.options.exec or attempt == TRIES or errors.ends(err) then error(err, 0) end
    context.note("%s; trying again", errors.text(err))
    context:sleep(backoff.delay(attempt, {}))
  end
end

local function save(context, run)
  if run.unsaved and run.position ~= run.saved then
    if context.options.name then prove(context, run) end
    must(context:unbroken(run.store.save, run.log, context.options.name, run.position, run.saved,
      run.claim))
    run.saved = run.position
  end
  run.unsaved = false
end

-- Has the position say how much the server had written when all work was done. A server that takes
-- over and has as much lacks nothing that this work can have seen. Where the server does not say
-- it, the position goes without.
local function rest(context, run)
  local options = context.options
  if not (options.name or options.position_file) or parse(run.position) == 0 then return end
  local lsn = seqs.written(patient(context, run))
  if lsn then run.position = core.place(run.position) .. "@" .. lsn end
end

-- Delivers a batch, then saves the position behind it; `last`: no more work follows.
local function finish(context, run, batch, position, last)
  if #batch > 0 then
    local under_way = run.saved and core.stirred(run.saved, true) -- as a consumer does
    if under_way ~= run.saved then
      run.position, run.unsaved = under_way, true
      save(context, run)
    end
    deliver(context, run, batch)
    run.worked = true
  end
  run.left, run.tries = run.left and run.left - #batch, 0
  local moved = run.worked or not run.saved or position ~= run.position
  run.position, run.unsaved = position, true
  context:unbroken(function() -- what was done is saved, also after a signal
    if last and moved then rest(context, run) end
    save(context, run)
  end)
end

-- Whether somebody has paused the consumer; the user is told.
local function rests(context, run)
  local name = context.options.name
  local paused = name and run.claim:paused()
  if paused then context.note("%s is paused, until forgelog resume %s", name, units.word(name)) end
  return paused
end

-- Drains by the present connection.
local function drain(context, run)
  local options = context.options
  if rests(context, run) then return end
  local timeline, upto = parse(run.upto)
  local batch, position = {}, run.position
  local _, last = parse(position)
  local wanted = stream.filter(options, { limit = run.left, settle = options.settle })
  local changes = drain_log.iterate(run.log.connection, position, check.wanted("drain", wanted),
    run.names)
  for change in changes do
    batch[#batch + 1], last = change, change.seq
    position = core.position_text(timeline, last)
    if #batch == options.batch then
      finish(context, run, batch, position)
      prove(context, run)
      if rests(context, run) then return end
      batch = {}
      run.progress(last - run.from)
      context.check_signal()
    end
  end
  run.progress()
  -- Unless the limit ended it, whatever is settled has been delivered, except for changes that are
  -- not wanted.
  local all = not run.left or #batch < run.left
  finish(context, run, batch, all and upto > last and run.upto or position, true)
end

-- What is done on another connection before it goes on: the name and the saved position have to be
-- ours as before, and what was delivered meanwhile is saved.
local function resume(context, run)
  local options = context.options
  claim_name(run, options)
  local stored = must(run.store.load(run.log, options.name))
  if run.unsaved and stored == run.position then
    run.saved = stored -- its answer was lost
  elseif stored ~= run.saved then
    error(core.error("query", "the saved position was moved by another drain or follow"), 0)
  end
  save(context, run)
  run.upto = settled(run.log:position({ settle = options.settle }))
end

-- Connects again, as long as that may come to something.
local function reconnect(context, run)
  local conn, attempt = run.log.connection, 0
  local deadline = conn:now() + (context.options.timeout or PATIENCE)
  while true do
    local ok, err = conn:limited(math.max(deadline - conn:now(), 0)):reconnect()
    if ok then ok, err = pcall(resume, context, run) end
    if ok then return end
    attempt = attempt + 1
    local pause = backoff.delay(attempt, {})
    local late = conn:now() + pause > deadline
    if late or type(err) ~= "table" or not err.retryable then error(err, 0) end
    context:sleep(pause)
  end
end

-- Drains by as many connections as it takes: an --exec command may outlive each of them. A
-- connection that ends before anything was delivered by it counts as a failed try.
local function drain_on(context, run)
  while true do
    local ok, err = pcall(drain, context, run)
    if ok then return end
    run.tries = run.tries + 1
    if errors.ends(err) or not run.log.connection:lost() or run.tries > TRIES then error(err, 0) end
    context.note("%s; connecting again", errors.text(err))
    reconnect(context, run)
  end
end

-- Gives the claim back: behind a pooler nobody sees that this session has ended.
local function give_back(context, run)
  local conn = run.log.connection
  if not run.claimed or conn:lost() or conn:busy() or conn:in_transaction() then return end
  pcall(context.unbroken, context, run.claim.release, run.claim, conn:limited(SILENCE))
end

--- Drains.
-- @param context of `forgelog.cli.lib.context`
-- @param options `since`, `limit`, `tables`, `channel`, `op`, `column`, `key`, `format`, `name`,
-- `position_file`, `exec`, `batch`, `settle`, `json`
return function(context, options)
  stream.claim_file(options, context.note)
  -- unsaved: whether `position` is to be; names: what those of tables mean, which goes on to mean
  -- that while open writers are waited for, and on another connection
  local run = { log = context:connect(), unsaved = false, names = {} }
  local ok, err = pcall(begin, context, run, options)
  if ok then ok, err = pcall(drain_on, context, run) end
  give_back(context, run)
  if ok then return end
  if context.interrupted(err) and run.began then
    stream.say_stopped(context, run.saved, run.began, options)
  end
  error(stream.advise(err, options), 0)
end
