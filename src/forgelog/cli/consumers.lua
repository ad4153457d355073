--- forgelog position and forget: what a consumer needs around a reload.
-- @module forgelog.cli.consumers
local consumer = require "forgelog.consumer"

local act = {}

function act.position(context, options)
  local position, err = context:connect():position({ settle = options.settle })
  if not position then error(err, 0) end
  context.out(position, "\n")
end

function act.forget(context, options)
  local log = context:connect()
  for _, name in ipairs(options.name) do
    local position, err = consumer.forget(log, name)
    if err then error(err, 0) end
    context.out(position and ("forgot %s, which was at %s\n"):format(name, position)
      or ("there was no consumer %s\n"):format(name))
  end
end

return function(context, options) return act[options.command](context, options) end
