--- forgelog trim: deletes old changes, once, from cron; or with --every again and again.
-- @module forgelog.cli.trim
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local status = require "forgelog.status"
local terminal = require "forgelog.cli.lib.terminal"
local units = require "forgelog.units"

local must = errors.must

local function range(first, last)
  return first == last and ("seq %d"):format(first) or ("seq %d to %d"):format(first, last)
end

-- The server's clock.
local function now(log) return must(status.clock(log.connection)) end

local function remaining(rest)
  if not rest.first then return "the log is empty" end
  return ("%s%s remain, %s"):format(rest.rows_exact and "" or "more than ", units.count(rest.rows),
    range(rest.first, rest.last))
end

-- The consumers for which `is` returns true, each with `name` and `position`; nil where this role
-- may not know.
local function consumers(log, is)
  local list, err = status.consumers(log.connection)
  if not list then
    if err.sqlstate == "42501" then return nil end
    error(err, 0)
  end
  local chosen = {}
  for _, one in ipairs(list) do
    local own = one.seq and is(one) and { name = one.name, position = one.position }
    if own then chosen[#chosen + 1] = own end
  end
  return chosen
end

local function in_words(list)
  local words = {}
  for i, one in ipairs(list) do
    words[i] = ("%s (at %s)"):format(one.name, core.place(one.position))
  end
  return table.concat(words, ", ")
end

-- The consumers that have not had all that is still there up to a seq.
local function awaiting(log, seq)
  return consumers(log, function(one)
    local awaited, err = status.awaits(log.connection, one, seq)
    if err then error(err, 0) end
    return awaited
  end)
end

-- The consumers that have not had all that is gone; without the right to know what is, those that
-- are not behind the last seq that was deleted.
local function passed_by(log, last)
  return consumers(log, function(one)
    local reason, found = log:gap(one.position)
    if reason == nil and found.sqlstate == "42501" then return one.seq < last end
    if reason == nil then error(found, 0) end
    return reason == "trimmed"
  end)
end

-- What a trim would delete now: how many changes, and up to which seq (nil: none).
local function preview(log, before, min_rows, keep_consumers)
  local deleted, last = 0, nil
  must(log:trim(before, {
    min_rows = min_rows, keep_consumers = keep_consumers, dry_run = true,
    on_batch = function(count, _, to) deleted, last = count, to end,
  }))
  return deleted, last
end

-- What was deleted, as text.
local function account(options, done)
  local text = ("%s %s older than %s"):format(options.dry_run and "would delete" or "deleted",
    units.many(done.deleted, "change"), units.duration(options.older_than))
  return done.first and ("%s, %s"):format(text, range(done.first, done.last)) or text
end

-- The bar that shows how far a trim is; its length is what the trim would delete at its beginning.
local function start_progress(log, before, options)
  if options.quiet or not core.terminal(2) then return function() end end
  local total = preview(log, before, options.min_rows, options.keep_consumers)
  return terminal.progress(total, "changes", true)
end

-- Says what is known of a trim that a signal has broken off.
local function say_unknown(context, done)
  if context.options.quiet then return end
  local known = { deleted = done.deleted, first = done.first, last = done.last, unknown = true }
  if context:tell(known) then return context.flush() end
  context.out(account(context.options, done), "; what became of the batch at hand is not known\n")
  context.flush()
end

-- Runs the trim, and counts into `done` what it deletes. Returns nil, or why it ended early:
-- "busy" or "stopped".
local function delete(context, log, before, done)
  local options = context.options
  local progress = start_progress(log, before, options)
  local opts = {
    min_rows = options.min_rows, keep_consumers = options.keep_consumers, dry_run = options.dry_run,
    on_batch = function(deleted, first, last)
      done.deleted, done.first, done.last = deleted, first, last
      progress(deleted)
      return not context.caught()
    end,
  }
  local ran, deleted, why = pcall(context.unbroken, context, log.trim, log, before, opts)
  progress()
  if not ran then
    local raised = deleted
    if context.interrupted(raised) then say_unknown(context, done) end
    error(raised, 0)
  end
  if not deleted and done.deleted > 0 then
    errors.advise(why, units.many(done.deleted, "change") .. " deleted before")
  end
  must(deleted, why)
  return why
end

-- Finds out for which consumers old changes were kept: those are what a trim that keeps nothing for
-- consumers would still delete, beside what a dry run has only counted. Where no consumer is
-- behind them, they were kept by --min-rows and have become more than that meanwhile, by new
-- changes.
local function find_kept(log, before, options, done)
  local deletable, last = preview(log, before, options.min_rows, false)
  local kept = deletable - (options.dry_run and done.deleted or 0)
  local list = kept > 0 and awaiting(log, last)
  if list and list[1] then done.kept, done.kept_for = kept, list end
end

-- Adds which consumers must resync because of what was deleted, and for which some was kept.
local function find_consumers(log, before, options, done)
  if done.last then
    done.left_behind = (options.dry_run and awaiting or passed_by)(log, done.last)
  end
  if options.keep_consumers and not options.quiet and not done.why then
    find_kept(log, before, options, done)
  end
end

local function say_done(context, done)
  local text = account(context.options, done)
  if done.why == "busy" then
    context.out(text, ": another session is trimming\n")
  else
    context.out(text, (", in %s; %s\n"):format(units.duration(done.seconds), remaining(done.rest)))
  end
  context.flush()
end

local function say_consumers(context, done)
  if done.left_behind and done.left_behind[1] then
    context.note(context.options.dry_run and "would be left behind: %s"
      or "left behind, must resync: %s", in_words(done.left_behind))
  end
  if done.kept then
    context.out(("kept %s for %s\n"):format(units.many(done.kept, "change"),
      in_words(done.kept_for)))
  end
end

local function tell(context, done)
  local options, rest = context.options, done.rest
  local nothing_wrong = not (done.left_behind and done.left_behind[1])
  if options.quiet and nothing_wrong then return end
  context:tell({ deleted = done.deleted, first = done.first, last = done.last,
    older_than = options.older_than, dry_run = options.dry_run or false, busy = done.why == "busy",
    seconds = done.seconds, remaining = rest.rows, remaining_exact = rest.rows_exact,
    min_seq = rest.first, max_seq = rest.last, left_behind = done.left_behind,
    kept = done.kept, kept_for = done.kept_for })
end

-- Says what a trim did, how long it took, what remains, and what consumers have to do with it.
local function report(context, log, before, done, started)
  local options = context.options
  if options.json or not options.quiet then
    done.seconds, done.rest = now(log) - started, must(status.remains(log.connection))
    if not options.json then say_done(context, done) end
  end
  find_consumers(log, before, options, done)
  local say = options.json and tell or say_consumers
  say(context, done)
end

-- One round.
local function trim(context)
  local options, log, done = context.options, context:connect(), { deleted = 0 }
  local started = now(log)
  local before = started - options.older_than
  done.why = delete(context, log, before, done)
  context:shield() -- what was done is said, even if a signal came meanwhile
  report(context, log, before, done, started)
  if done.why == "stopped" then context.interrupt() end
end

-- Rounds without end; an error that passes by itself does not end them either.
local function repeatedly(context)
  while true do
    local ok, err = pcall(trim, context)
    context:unshield()
    context:disconnect()
    context.flush()
    if not ok and not (type(err) == "table" and err.retryable) then error(err, 0) end
    if not ok then context:report(err) end
    context:sleep(context.options.every)
  end
end

--- Trims.
-- @param context of `forgelog.cli.lib.context`
-- @param options `older_than`, `min_rows`, `keep_consumers`, `every`, `dry_run`, `quiet`
return function(context, options)
  if not options.every then return trim(context) end
  context.until_signal(repeatedly, context)
end
