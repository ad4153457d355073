-- What Kong does for a plugin: the values of its configuration, and a call in each phase.
local plugin = require "handler"
local schema = require "schema"

local conf = {}
for _, field in ipairs(schema.fields[1].config.fields) do
  local name, about = next(field)
  conf[name] = about.default
end

return {
  init_worker = function() plugin:init_worker() end,
  access = function() plugin:access(conf) end,
}
