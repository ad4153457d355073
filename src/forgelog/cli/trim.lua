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

local function remaining(log)
  local rest = must(status.remains(log.connection))
  if not rest.first then return "the log is empty" end
  return ("%s%s remain, %s"):format(rest.rows_exact and "" or "more than ", units.count(rest.rows),
    range(rest.first, rest.last))
end

-- The consumers for which `is` returns true, as text; nil where there are none, or where this role
-- may not know.
local function consumers(log, is)
  local list, err = status.consumers(log.connection)
  if not list then
    if err.sqlstate == "42501" then return nil end
    error(err, 0)
  end
  local names = {}
  for _, one in ipairs(list) do
    if one.seq and is(one) then
      names[#names + 1] = ("%s (at %s)"):format(one.name, core.place(one.position))
    end
  end
  return names[1] and table.concat(names, ", ")
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
    units.many(done.deleted, "change"), options.older_than.text)
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
    errors.advise(why, ("%d changes were deleted before"):format(done.deleted))
  end
  must(deleted, why)
  return why
end

-- Says which consumers must resync because of what was deleted.
local function say_left_behind(context, log, done)
  if not done.last then return end
  local preview_only = context.options.dry_run
  local find = preview_only and awaiting or passed_by
  local names = find(log, done.last)
  if not names then return end
  context.note(preview_only and "would be left behind: %s" or "left behind, must resync: %s", names)
end

-- Says for which consumers old changes were kept: those are what a trim that keeps nothing for
-- consumers would still delete, beside what a dry run has only counted. Where no consumer is
-- behind them, they were kept by --min-rows and have become more than that meanwhile, by new
-- changes.
local function say_kept(context, log, before, done)
  local options = context.options
  local deletable, last = preview(log, before, options.min_rows, false)
  local kept = deletable - (options.dry_run and done.deleted or 0)
  local names = kept > 0 and awaiting(log, last)
  if names then context.out(("kept %s for %s\n"):format(units.many(kept, "change"), names)) end
end

-- Says what a trim did, how long it took, and what remains.
local function say_done(context, log, done, why, started)
  local text = account(context.options, done)
  if why == "busy" then
    context.out(text, ": another session is trimming\n")
  else
    local took = core.number_text(now(log) - started, 1)
    context.out(text, (", in %s s; %s\n"):format(took, remaining(log)))
  end
  context.flush()
end

-- One round.
local function trim(context)
  local options, log, done = context.options, context:connect(), { deleted = 0 }
  local started = now(log)
  local before = started - options.older_than.seconds
  local why = delete(context, log, before, done)
  context:shield() -- what was done is said, even if a signal came meanwhile
  if not options.quiet then say_done(context, log, done, why, started) end
  say_left_behind(context, log, done)
  if options.keep_consumers and not options.quiet and not why then
    say_kept(context, log, before, done)
  end
  if why == "stopped" then context.interrupt() end
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
