--- forgelog retry: has a consumer try parked changes again.
-- @module forgelog.cli.retry
local consumer = require "forgelog.consumer"
local errors = require "forgelog.cli.lib.errors"
local units = require "forgelog.units"

--- Asks for it; the consumer does it, when it runs.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name`, `seq`
return function(context, options)
  local count = errors.must(consumer.retry(context:connect(), options.name, options.seq))
  if context:tell({ consumer = options.name, changes = count }) then return end
  if count == 0 then return context.note("%s has no parked changes", options.name) end
  context.out(("%s to be tried again by %s\n"):format(units.many(count, "change"), options.name))
end
