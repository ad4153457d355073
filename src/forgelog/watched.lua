--- The first edition's name of a part of `forgelog.tables`. Its functions take a log.
-- @module forgelog.watched
local inspect = require "forgelog.tables.inspect"
local schema = require "forgelog.schema"

return {
  watched = schema.watched,
  list = function(log) return inspect.list(log.connection) end,
}
