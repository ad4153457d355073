--- The first edition's name of a part of `forgelog.tables`. Its functions take a log.
-- @module forgelog.watch
local schema = require "forgelog.schema"

return { watch = schema.watch, unwatch = schema.unwatch }
