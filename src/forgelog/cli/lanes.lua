--- forgelog lanes: how many lanes a named consumer has, and another number of them.
-- @module forgelog.cli.lanes
local consumer = require "forgelog.consumer"
local errors = require "forgelog.cli.lib.errors"
local units = require "forgelog.units"

local function lanes(count) return count == 1 and "no lanes" or units.many(count, "lane") end

--- Tells how many there are, or changes that.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name`, `number` (nil: it only tells)
return function(context, options)
  local log, name, number = context:connect(), options.name, options.number
  local was, position = errors.must(consumer.lanes(log, name, number))
  if context:tell({ consumer = name, lanes = number or was, was = was, position = position }) then
    return
  end
  if not number or was == number then
    return context.out(("%s has %s\n"):format(name, lanes(was)))
  end
  local begin = position and "goes on after " .. units.position(position) or "begins anew"
  context.out(("%s has %s now (it had %s), and %s\n"):format(name, lanes(number),
    was == 1 and "none" or was, begin))
end
