--- forgelog parked: the changes that a consumer could not handle, and those that wait behind them.
-- @module forgelog.cli.parked
local consumer = require "forgelog.consumer"
local errors = require "forgelog.cli.lib.errors"
local make_line = require "forgelog.cli.lib.parked_line"
local parked = require "forgelog.consumer.parked"

local PAGE = 1000 -- of as many changes as are there

--- Prints them in the order in which they were parked.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name`, `format`, `json`
return function(context, options)
  local log = context:connect()
  local format = options.json and "json" or options.format or "text"
  local line, head = make_line(format, context.color)
  local after = 0
  repeat
    local list = errors.must(consumer.parked(log, options.name, { limit = PAGE, after = after }))
    if after == 0 then context.out(list[1] and head or "") end
    for _, entry in ipairs(list) do
      context.out((line(entry)))
      after = entry.id
    end
    context.check_signal()
  until #list < PAGE
  if after > 0 then return end
  errors.must(parked.known(log, options.name))
  context.note("%s has no parked changes", options.name)
end
