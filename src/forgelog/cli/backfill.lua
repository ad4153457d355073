--- forgelog backfill: has a consumer read a table from end to end.
-- @module forgelog.cli.backfill
local consumer = require "forgelog.consumer"
local errors = require "forgelog.cli.lib.errors"
local units = require "forgelog.units"

local DONE = { pause = "%s reads %s no further for now\n", resume = "%s goes on with %s\n",
  cancel = "%s reads %s no more\n" }

-- What was asked for: "read", or one of these.
local function wish_of(options)
  for what in pairs(DONE) do
    if options[what] then return what end
  end
  return "read"
end

local function say_asked(context, options, about)
  local name = options.name
  if about.whole then
    return context.out(("%s has no primary key: %s is told once to read it whole\n"):format(
      about.table, name))
  end
  local behind = options.from and "behind " .. options.from or "from its beginning"
  local rows = about.estimate and (" (about %s)"):format(units.many(about.estimate, "row")) or ""
  context.out(("%s is to read %s %s%s\n"):format(name, about.table, behind, rows))
end

--- Asks for it; the consumer does it, when it runs.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name`, `table`, `from`, `pause`, `resume`, `cancel`
return function(context, options)
  local opts = { from = options.from, cancel = options.cancel }
  if options.pause then opts.pause = true elseif options.resume then opts.pause = false end
  local log = context:connect()
  local _, about = errors.must(consumer.backfill(log, options.name, options.table, opts))
  local wish = wish_of(options)
  local told = context:tell({ consumer = options.name, table = about.table, asked = wish,
    from = options.from, whole = about.whole, estimate = about.estimate })
  if told then return end
  if DONE[wish] then return context.out(DONE[wish]:format(options.name, about.table)) end
  say_asked(context, options, about)
end
