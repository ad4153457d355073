--- forgelog install: creates or upgrades the log, and says which of its parts were there already.
-- @module forgelog.cli.install
local errors = require "forgelog.cli.lib.errors"

local must = errors.must

-- Which parts of the log are there, by their code.
local function codes_of(installed)
  local there = {}
  for _, part in ipairs(installed.parts) do there[part.code] = part.there end
  return there
end

local function headline(changed, before)
  if not changed then return "nothing to do for" end
  return before.log and "updated" or "installed"
end

local function state_of(part)
  if not part.there then return "not there" end
  return part.created and "created" or "was there"
end

local function say(context, changed, before, after)
  context.out(("%s the log in schema %s\n"):format(headline(changed, before), after.schema))
  for _, part in ipairs(after.parts) do
    context.out(("  %-9s  %s\n"):format(state_of(part), part.name))
  end
  if after.owner then context.out("changes are written by role ", after.owner, "\n") end
  for _, pair in ipairs({ { "forge_notify_change", after.own_trigger },
    { "forge_trim_change_log", after.own_trimmer } }) do
    local name, own = pair[1], pair[2]
    if not own then context.out(name, " is not forgelog's own and stays as it is\n") end
  end
end

--- Installs.
-- @param context of `forgelog.cli.lib.context`
-- @param options `schema`, `owner`, `no_owner`
return function(context, options)
  local log, where = context:connect(), { schema = options.schema }
  local before = codes_of(must(log:installed(where)))
  local owner = options.owner -- nil: a role of its own, where this role may make one
  if options.no_owner then owner = false end
  local _, changed, left = must(log:install({ schema = options.schema, owner = owner }))
  local after = must(log:installed(where))
  for _, part in ipairs(after.parts) do part.created = part.there and not before[part.code] end
  local told = context:tell({ schema = after.schema, changed = changed, parts = after.parts,
    owner = after.owner, own_trigger = after.own_trigger, own_trimmer = after.own_trimmer })
  if not told then say(context, changed, before, after) end
  for _, err in ipairs(left or {}) do context:report(err) end
end
