--- JSON by dkjson (exact integers, keys in a steady order), else by cjson.
-- @module forgelog.cli.json

local json = {}

-- As they are told in text; further ones follow.
local ORDER = { "name", "seq", "table_name", "op", "row_id", "changed_cols", "created_at", "schema", "check", "severity",
  "message", "advice" }

local encode

local function find()
  local found, library = pcall(require, "dkjson")
  if found then return function(value) return library.encode(value, { keyorder = ORDER }) end end
  found, library = pcall(require, "cjson")
  if not found then
    error("JSON needs the Lua module dkjson or cjson: luarocks install dkjson (Debian: apt install lua-dkjson)", 0)
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
