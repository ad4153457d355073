--- forgelog position: the position to go on from after a reload that begins now.
-- @module forgelog.cli.position
local errors = require "forgelog.cli.lib.errors"

--- Prints it.
-- @param context of `forgelog.cli.lib.context`
-- @param options `settle`
return function(context, options)
  local position = errors.must(context:connect():position({ settle = options.settle }))
  if not context:tell({ position = position }) then context.out(position, "\n") end
end
