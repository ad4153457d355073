--- forgelog trim: once, from cron; or again and again.
-- @module forgelog.cli.trim
local core = require "forgelog.core"
local status = require "forgelog.status"
local terminal = require "forgelog.cli.terminal"
local units = require "forgelog.cli.units"

local function must(value, ...)
  if not value then error((...), 0) end
  return value, ...
end

local function range(first, last)
  return first == last and ("seq %d"):format(first) or ("seq %d to %d"):format(first, last)
end

-- The consumers that have not read all up to a seq, as text; nil: nobody, or this role may not know.
local function behind(log, seq)
  local list, err = status.consumers(log)
  if not list then
    if err.sqlstate == "42501" then return nil end
    error(err, 0)
  end
  local names = {}
  for _, one in ipairs(list) do
    if one.seq and one.seq < seq then names[#names + 1] = ("%s (at %s)"):format(one.name, one.position) end
  end
  return names[1] and table.concat(names, ", ")
end

local function remaining(log)
  local now = must(status.remains(log))
  if not now.first then return "the log is empty" end
  return ("%s%s remain, %s"):format(now.rows > 100000 and "more than " or "", units.count(math.min(now.rows, 100000)),
    range(now.first, now.last))
end

-- What was deleted, as text.
local function account(options, done)
  local text = ("%s %s older than %s"):format(options.dry_run and "would delete" or "deleted", units.many(done.deleted, "change"),
    options.older_than[2])
  return done.first and ("%s, %s"):format(text, range(done.first, done.last)) or text
end

-- Runs the trim; counts into `done`, and draws a bar where it takes long.
local function delete(context, log, before, done)
  local options = context.options
  local opts = { min_rows = options.min_rows, keep_consumers = options.keep_consumers }
  local progress = function() end
  if core.terminal(2) and not options.quiet then
    opts.dry_run = true
    progress = terminal.progress(must(log:trim(before, opts)), "changes", true)
  end
  opts.dry_run = options.dry_run
  opts.on_batch = function(deleted, first, last)
    done.deleted, done.first, done.last = deleted, first, last
    progress(deleted)
    return not core.caught()
  end
  local ran, deleted, why = pcall(context.unbroken, context, log.trim, log, before, opts)
  progress()
  if not ran then
    if context.interrupted(deleted) and not options.quiet then
      context.out(account(options, done), "; what became of the batch at hand is not known\n")
      context.flush()
    end
    error(deleted, 0)
  end
  if not deleted and done.deleted > 0 then why.advice = ("%d changes were deleted before"):format(done.deleted) end
  must(deleted, why)
  return why
end

-- What consumers have to do with it.
local function tell_consumers(context, log, before, done, why)
  local options, more = context.options, { deleted = 0 }
  local left = done.last and behind(log, done.last)
  if left then context.note(options.dry_run and "would be left behind: %s" or "left behind, must resync: %s", left) end
  if not options.keep_consumers or options.quiet or why then return end
  must(log:trim(before, { min_rows = options.min_rows, dry_run = true, on_batch = function(deleted, _, last)
    more.deleted, more.last = deleted - (options.dry_run and done.deleted or 0), last
  end }))
  local whom = more.deleted > 0 and behind(log, more.last) -- nobody: written since, which moves the floor of rows
  if whom then context.out(("kept %s for %s\n"):format(units.many(more.deleted, "change"), whom)) end
end

-- One round; says what it did.
local function trim(context)
  local options, log = context.options, context:connect()
  local started, done = must(status.remains(log)).now, { deleted = 0 }
  local before = started - options.older_than[1]
  local why = delete(context, log, before, done)
  context.grace = true -- what was done is told, also where a signal came meanwhile
  if not options.quiet then
    context.out(account(options, done), why == "busy" and ": another session is trimming\n"
      or (", in %.1f s; %s\n"):format(must(status.remains(log)).now - started, remaining(log)))
    context.flush()
  end
  tell_consumers(context, log, before, done, why)
  if why == "stopped" then context.interrupt() end
end

-- Again and again; what passes by itself does not end it.
local function repeatedly(context, seconds)
  while true do
    local ok, err = pcall(trim, context)
    context.grace = false
    if context.log then context.log:close() end
    context.flush()
    if not ok and not (type(err) == "table" and err.retryable) then error(err, 0) end
    if not ok then context:failed(err) end
    context:sleep(seconds)
  end
end

return function(context, options)
  if not options.every then return trim(context) end
  local ok, err = pcall(repeatedly, context, options.every)
  if not ok and not context.interrupted(err) then error(err, 0) end
end
