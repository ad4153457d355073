--- JSON by dkjson (exact integers, keys in a steady order), else by cjson.
-- @module forgelog.cli.lib.json
local core = require "forgelog.core"

local json = {}

-- The order of keys in what dkjson writes: as people read them. Other keys follow.
local ORDER = { "name" }
for _, field in ipairs(core.fields) do ORDER[#ORDER + 1] = field end
for _, key in ipairs({ "schema", "check", "severity", "message", "advice" }) do
  ORDER[#ORDER + 1] = key
end

local encode -- of the library that was found

local function find()
  local found, library = pcall(require, "dkjson")
  if found then return function(value) return library.encode(value, { keyorder = ORDER }) end end
  found, library = pcall(require, "cjson")
  if not found then
    error("JSON needs the Lua module dkjson or cjson: "
      .. "luarocks install dkjson (Debian: apt install lua-dkjson)", 0)
  end
  if library.encode_empty_table_as_object then library.encode_empty_table_as_object(false) end
  return library.encode
end

--- A value as JSON text.
function json.encode(value)
  encode = encode or find()
  return encode(value)
end

return json
