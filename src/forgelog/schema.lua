--- The first edition's name of `forgelog.install` and `forgelog.tables`. Its functions take a log,
-- where theirs take the connection of a log.
-- @module forgelog.schema
local install = require "forgelog.install"
local tables = require "forgelog.tables"

local function of_log(method)
  return function(log, ...) return method(log.connection, ...) end
end

return {
  install = of_log(install.install),
  installed = of_log(install.installed),
  watch = of_log(tables.watch),
  unwatch = of_log(tables.unwatch),
  watched = of_log(tables.watched),
}
