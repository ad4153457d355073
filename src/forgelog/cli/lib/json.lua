--- JSON as it must be for any reader: UTF-8 whatever the database holds, numbers exact and with a
-- point in every locale, keys in a steady order.
-- @module forgelog.cli.lib.json
local core = require "forgelog.core"
local errors = require "forgelog.cli.lib.errors"
local utf8 = require "forgelog.utf8"

local json = {}

-- The keys that come first, in the order in which people read them.
local PLACES, count = {}, 0
local function place(key) count, PLACES[key] = count + 1, PLACES[key] or count end
for _, key in ipairs({ "error", "consumer", "name", "schema", "table" }) do place(key) end
for _, field in ipairs(core.fields) do place(field) end
for _, key in ipairs({ "check", "severity", "message", "advice" }) do place(key) end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(byte) return ESCAPES[byte] or ("\\u%04x"):format(byte:byte()) end

local REPLACEMENT = "\239\191\189" -- U+FFFD

local function replacement() return REPLACEMENT end

local told = false

local function tell()
  if told then return end
  told = true
  errors.say("the database sent text that is no UTF-8, and each such byte is printed as U+FFFD; "
    .. "hint: drain and follow print the bytes as they are by --format tsv")
end

-- Control characters that a terminal would obey are escaped, too.
local function encode_text(text)
  local clean, mended = utf8.mend(text, replacement)
  if mended then tell() end
  clean = clean:gsub('[%z\1-\31"\\\127]', escape)
  return '"' .. clean:gsub("\194([\128-\159])", escape) .. '"'
end

local kind_of = math.type or function() end -- luacheck: ignore 143

local function encode_number(number)
  if kind_of(number) == "integer" then return ("%d"):format(number) end
  if number ~= number or number == math.huge or number == -math.huge then return "null" end
  return core.number_text(number)
end

local function comes_before(one, other)
  local first, second = PLACES[one] or count, PLACES[other] or count
  if first ~= second then return first < second end
  return one < other
end

local function encode_list(list)
  local texts = {}
  for i, value in ipairs(list) do texts[i] = json.encode(value) end
  return "[" .. table.concat(texts, ",") .. "]"
end

local function encode_table(values)
  if values[1] ~= nil or next(values) == nil then return encode_list(values) end
  local keys, members = {}, {}
  for key in pairs(values) do keys[#keys + 1] = key end
  table.sort(keys, comes_before)
  for i, key in ipairs(keys) do
    members[i] = encode_text(key) .. ":" .. json.encode(values[key])
  end
  return "{" .. table.concat(members, ",") .. "}"
end

local encoders = { string = encode_text, number = encode_number, table = encode_table,
  boolean = tostring, ["nil"] = function() return "null" end }

--- A value as JSON text; an empty table is a list. Says once on standard error where a text was no
-- UTF-8.
-- @param value nil, a boolean, number or string, or a list or table of such with strings for keys
function json.encode(value) return encoders[type(value)](value) end

return json
