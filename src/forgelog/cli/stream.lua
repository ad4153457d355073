--- forgelog drain and follow.
-- @module forgelog.cli.stream
local consumer = require "forgelog.consumer"
local keep = require "forgelog.keep"
local make_sink = require "forgelog.cli.sink"
local retry = require "forgelog.retry"
local terminal = require "forgelog.cli.terminal"

local SLICE = 0.5 -- seconds of one wait for changes
local NO_RIGHT = "42501" -- to save the position: no try gives it
local TRIES = 10 -- of a drain's command with one batch

local act = {}

local function must(value, err)
  if value == nil and err then error(err, 0) end
  return value, err
end

-- Where the position is kept: by the name in the database, in the file, or nowhere but here.
local function find_store(options)
  if options.name then return consumer.table() end
  return options.position_file and consumer.file(options.position_file) or consumer.memory()
end

-- The same store, which where nothing is saved begins with what --since says: saved at once, so that a trim that passes it
-- before the first change comes is a gap as any other.
local function beginning_at(store, since, note)
  if since == nil or since == "now" or since == "beginning" then return store end
  return {
    save = store.save,
    load = function(log, name)
      local position, err = store.load(log, name)
      if err then return nil, err end
      if position then
        if position ~= since then note("going on from the saved position %s, not from --since", position) end
        return position
      end
      local ok
      ok, err = store.save(log, name, since)
      if not ok then return nil, err end
      return since
    end,
  }
end

local function hint_at(err, options)
  if type(err) == "table" and err.kind == "gap" then
    err.advice = "take the new position (forgelog position), read the tables anew, "
      .. (options.name and ("forgelog forget %s, "):format(options.name) or "")
      .. (options.position_file and ("rm %s, "):format(options.position_file) or "") .. "then go on with --since it"
  end
  error(err, 0)
end

local function seq_of(position) return tonumber(position:match("^%d+:(%d+)") or position) end

-- How a command that stopped early is gone on with.
local function stands(context, position, options)
  local kept = options.name or options.position_file
  context.note(kept and "stopped at position %s, saved" or "stopped at position %s; go on with --since %s",
    position or "0", position or "0")
end

-- ---- drain ----

-- Gives a batch to the sink; a command that fails is given it again, later each time.
local function deliver(context, sink, batch)
  for attempt = 1, TRIES do
    local ok, err = pcall(sink, batch)
    if ok then return end
    if not context.options.exec or attempt == TRIES or context.ends(err) then error(err, 0) end
    context.note("%s; trying again", err.message)
    context:sleep(retry(attempt, {}))
  end
end

-- What a drain goes through: `saved` as it is in the store, after which position it begins, and what is settled now.
local function begin(context, log, options)
  local store = beginning_at(find_store(options), options.since, context.note)
  if options.name then
    must(log:min_seq()) -- finds the log, and so the store beside it
    local _, pooled = must(keep.claim(log, options.name))
    if pooled then keep.release(log, options.name) end -- of two at once one then fails to save
  end
  local saved = must(store.load(log, options.name))
  local upto, err = log:position({ settle = options.settle })
  if not upto then
    if err.kind == "timeout" then err.advice = "forgelog follow is not held up by them" end
    error(err, 0)
  end
  return { log = log, store = store, saved = saved, upto = upto, from = saved or options.since == "now" and upto or "0" }
end

-- Delivers a batch, then saves the position behind it.
local function finish(context, run, sink, batch, position)
  if #batch > 0 then deliver(context, sink, batch) end
  if position == run.saved then return end
  must(context:unbroken(run.store.save, run.log, context.options.name, position, run.saved))
  run.saved = position
end

local function drain(context, run)
  local options, sink = context.options, make_sink(context, context.options)
  local timeline, from, upto = run.upto:match("^%d+"), seq_of(run.from), seq_of(run.upto)
  local progress = terminal.progress(math.max(upto - from, 0), "seqs", options.exec ~= nil)
  local batch, left, last = {}, options.limit, run.from
  for change in run.log:drain(run.from, { limit = left, tables = options.tables, settle = options.settle }) do
    batch[#batch + 1], last = change, ("%s:%d"):format(timeline, change.seq)
    if #batch == options.batch then
      finish(context, run, sink, batch, last)
      left, batch = left and left - #batch, {}
      progress(change.seq - from)
      context.check_signal()
    end
  end
  progress()
  local all = not left or #batch < left -- what is settled was handed out, but for other tables' changes
  finish(context, run, sink, batch, all and upto > seq_of(last) and run.upto or last)
end

function act.drain(context, options)
  local run = begin(context, context:connect(), options)
  local ok, err = pcall(drain, context, run)
  if ok then return end
  if context.interrupted(err) then stands(context, run.saved or run.from, options) end
  hint_at(err, options)
end

-- ---- follow ----

-- A consumer whose handler is the sink; what ends the command goes to `over`.
local function make_consumer(context, options, store, over)
  local sink, told = make_sink(context, options), nil
  return consumer.new {
    conninfo = context.conninfo, schema = options.schema, timeout = options.timeout, wait = context.waiter,
    name = options.name, position = store, tables = options.tables, poll = options.poll, batch = options.batch,
    listen = not options.no_listen, start = options.since == "now" and "now" or "beginning",
    on_changes = function(changes)
      context.grace = true -- until the position is saved
      local ok, err = pcall(sink, changes)
      if not ok and context.ends(err) then over.err = err end
      if not ok then error(err, 0) end
    end,
    on_error = function(err)
      if over.err or err.kind == "gap" or err.message == told then return end
      told = err.message
      context.note("%s; trying again", told)
    end,
  }
end

-- Steps until a signal, the limit or an error that does not pass.
local function follow(context, options, following, over)
  local left = options.limit
  while left ~= 0 do
    local handled, err = following:step(SLICE, left and math.min(left, options.batch))
    context.grace = false
    if over.err then error(over.err, 0) end
    if handled and left then left = left - handled end
    if not handled and (err.sqlstate == NO_RIGHT or not following:passes(err)) then error(err, 0) end
    context.check_signal()
    if not options.exec then context.check_reader() end
  end
end

function act.follow(context, options)
  local store = beginning_at(find_store(options), options.since, context.note)
  local log = context:connect() -- what is wrong at the first connection will not pass by itself
  must(log:min_seq())
  log:close()
  local over = {}
  local following = make_consumer(context, options, store, over)
  local ok, err = pcall(follow, context, options, following, over)
  local position = following:stats().position
  context.grace = true
  pcall(following.close, following)
  if ok then return end
  if not context.interrupted(err) then hint_at(err, options) end
  stands(context, position or options.since, options)
end

return function(context, options)
  if options.tables then
    local names = {}
    for _, text in ipairs(options.tables) do
      for name in text:gmatch("[^,]+") do names[#names + 1] = name end
    end
    options.tables = names
  end
  return act[options.command](context, options)
end
