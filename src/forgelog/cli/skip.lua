--- forgelog skip: removes a parked change, which its consumer never handles then.
-- @module forgelog.cli.skip
local consumer = require "forgelog.consumer"
local errors = require "forgelog.cli.lib.errors"
local make_line = require "forgelog.cli.lib.parked_line"

--- Skips it, and prints all of it, so that it can be done by hand.
-- @param context of `forgelog.cli.lib.context`
-- @param options `name`, `seq`
return function(context, options)
  local entry = errors.must(consumer.skip(context:connect(), options.name, options.seq))
  context.out((make_line("json")(entry)))
end
