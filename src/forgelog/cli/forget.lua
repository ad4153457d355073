--- forgelog forget: removes the saved position of named consumers.
-- @module forgelog.cli.forget
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"

--- Forgets each consumer; it stops at the first that cannot be forgotten.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name` (list of names)
return function(context, options)
  local log = context:connect()
  for _, name in ipairs(options.name) do
    local position = errors.must(consumer.forget(log, name))
    local told = context:tell({ consumer = name, changed = position ~= false,
      position = position or nil })
    if not told then
      context.out(position and ("forgot %s, which was at %s\n"):format(name, core.place(position))
        or ("there was no consumer %s\n"):format(name))
    end
  end
end
