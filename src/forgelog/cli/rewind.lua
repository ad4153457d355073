--- forgelog rewind: has a named consumer go on from another position.
-- @module forgelog.cli.rewind
local consumer = require "forgelog.consumer"
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local stream = require "forgelog.cli.lib.stream"
local times = require "forgelog.times"
local units = require "forgelog.units"

local BEGINNING = "0"

-- The position that a place means: see the parser. Raises where it cannot be had.
local function find(log, place, settle, again)
  if place == "beginning" then return BEGINNING end
  if place == "now" then return errors.must(log:position({ settle = settle })) end
  if type(place) == "string" then return place end
  return errors.must(stream.position_of(log, place, settle, again))
end

-- An error, to which a gap adds from when on there are changes.
local function advise(err, log, place, settle, again)
  if err.kind ~= "gap" then return err end
  local clock = stream.of_clock(place)
  if clock then return errors.advise(err, clock) end
  local held = ""
  if err.reason == "trimmed" then
    local _, _, _, first_at = log:position({ at = 0, settle = settle })
    if first_at then held = ", the first one of " .. times.text(first_at) end
  end
  return errors.advise(err, again .. BEGINNING .. " gives all that is there" .. held)
end

--- Moves the consumer.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name`, `position` (a place, as the parser has it), `settle`
return function(context, options)
  local log, name, settle = context:connect(), options.name, options.settle
  stream.refuse_future(log, options.position, "position")
  local again = ("forgelog rewind %s "):format(units.word(name))
  local position = find(log, options.position, settle, again)
  local ok, was = consumer.rewind(log, name, position)
  if not ok then error(advise(was, log, options.position, settle, again), 0) end
  if context:tell({ consumer = name, position = position, was = was or nil }) then return end
  local from = position == BEGINNING and "from the beginning" or "after " .. position
  context.out(("%s goes on %s; it %s\n"):format(name, from,
    was and "was at " .. core.place(was) or "had no position"))
end
