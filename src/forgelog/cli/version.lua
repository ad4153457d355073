--- forgelog version: what --version prints.
-- @module forgelog.cli.version
local forgelog = require "forgelog"

--- Prints it.
-- @param context of `forgelog.cli.lib.context`
return function(context) context.out("forgelog ", forgelog._VERSION, "\n") end
