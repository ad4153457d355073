--- forgelog install, watch, unwatch, watched: each says what was done, and what was there already.
-- @module forgelog.cli.tables
local watched = require "forgelog.watched"

local act = {}

local function must(value, ...)
  if not value then error((...), 0) end
  return value, ...
end

function act.install(context, options)
  local log = context:connect()
  local where = { schema = options.schema }
  local before = must(log:installed(where))
  local hstore = nil
  if options.no_hstore then hstore = false end
  local _, changed = must(log:install({ schema = options.schema, hstore = hstore }))
  local after = must(log:installed(where))
  context.out(("%s the log in schema %s\n"):format(not changed and "nothing to do for" or before.parts[1].there and "updated"
    or "installed", after.schema))
  for i, part in ipairs(after.parts) do
    local state = part.there and (before.parts[i].there and "was there" or "created") or "not there"
    context.out(("  %-9s  %s\n"):format(state, part.name))
  end
  context.out("UPDATEs are captured by ", after.capture or "nothing", "\n")
  for name, own in pairs({ forge_notify_change = after.own_trigger, forge_trim_change_log = after.own_trimmer }) do
    if not own then context.out(("%s is not forgelog's own and stays as it is\n"):format(name)) end
  end
end

-- Does something to each table; what failed is told, and the others are done all the same.
local function each(context, tables, work)
  local failed
  for _, name in ipairs(tables) do
    local text, err = work(name)
    if text then context.out(text, "\n") else failed = context:failed(err) end
  end
  return failed
end

function act.watch(context, options)
  local log = context:connect()
  return each(context, options.table, function(name)
    local ok, changed = log:watch(name, { ignore = options.ignore, notify = not options.no_notify })
    if not ok then return nil, changed end
    return (changed and "watching %s" or "%s was watched so already"):format(name)
  end)
end

function act.unwatch(context, options)
  local log = context:connect()
  return each(context, options.table, function(name)
    local ok, changed = log:unwatch(name)
    if not ok then return nil, changed end
    return (changed and "no longer watching %s" or "%s was not watched"):format(name)
  end)
end

function act.watched(context, options)
  local list = must(watched.list(context:connect()))
  if options.json then return context.out(context.json(list), "\n") end
  for _, one in ipairs(list) do
    context.out(("%-24s  %-9s  %s%s%s\n"):format(one.name, one.level,
      one.wrong and context.color("red", one.wrong) or context.color("green", "ok"),
      #one.ignore > 0 and "  ignores " .. table.concat(one.ignore, ", ") or "", one.notify and "" or "  notifies nobody"))
  end
  if #list == 0 then context.note("no table is watched; forgelog watch TABLE begins it") end
end

return function(context, options) return act[options.command](context, options) end
