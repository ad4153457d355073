--- The key of a change's row as a list of texts. Nothing goes through a Lua number, which would
-- round keys above 2^53.
-- @module forgelog.key
local check = require "forgelog.connection.options"

local ESCAPED = { ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r",
  t = "\t" }

-- A character as UTF-8.
local function utf8_char(code)
  if code < 0x80 then return string.char(code) end
  local tail, least = "", 0x40
  repeat
    tail = string.char(0x80 + code % 0x40) .. tail
    code, least = math.floor(code / 0x40), least / 2
  until code < least
  return string.char(0x100 - 2 * least + code) .. tail
end

-- The unit of UTF-16 written \uXXXX at a place; nil where none is.
local function unit_at(text, at)
  local hex = text:match("^\\u(%x%x%x%x)", at)
  return hex and tonumber(hex, 16)
end

-- The character that an escape at a place stands for, and the place behind it; nil where it stands
-- for none.
local function escape_at(text, at)
  local plain = ESCAPED[text:sub(at + 1, at + 1)]
  if plain then return plain, at + 2 end
  local unit = unit_at(text, at)
  if not unit or unit >= 0xDC00 and unit < 0xE000 then return nil end
  if unit < 0xD800 or unit >= 0xE000 then return utf8_char(unit), at + 6 end
  local low = unit_at(text, at + 6)
  if not low or low < 0xDC00 or low >= 0xE000 then return nil end
  return utf8_char(0x10000 + (unit - 0xD800) * 0x400 + low - 0xDC00), at + 12
end

-- The JSON string that begins at a place, and the place behind it; nil where none does.
local function string_at(text, at)
  if text:sub(at, at) ~= '"' then return nil end
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('[%z\1-\31"\\]', from)
    if not stop then return nil end
    parts[#parts + 1] = text:sub(from, stop - 1)
    local found = text:sub(stop, stop)
    if found == '"' then return table.concat(parts), stop + 1 end
    if found ~= "\\" then return nil end
    parts[#parts + 1], from = escape_at(text, stop)
    if not from then return nil end
  end
end

local WORDS = { ["true"] = true, ["false"] = true, ["null"] = true }

local function is_number(text)
  local rest = text:match("^%-?0(.*)$") or text:match("^%-?[1-9]%d*(.*)$")
  if not rest then return false end
  rest = rest:gsub("^%.%d+", "")
  return rest == "" or rest:find("^[eE][+-]?%d+$") ~= nil
end

-- The same of any JSON scalar, of which those that are no strings stay as they are written.
local function scalar_at(text, at)
  local value, behind = string_at(text, at)
  if value then return value, behind end
  local written = text:match("^[%w+.-]+", at)
  if not written or not (WORDS[written] or is_number(written)) then return nil end
  return written, at + #written
end

local function skip_space(text, at) return text:find("[^ \t\r\n]", at) or #text + 1 end

-- The elements of a text that is one JSON array of two or more, each read by `element`; nil where
-- it is none.
local function array(text, element)
  local at, list = text:match("^[ \t\r\n]*%[()"), {}
  while at do
    local value, stop
    value, at = element(text, skip_space(text, at))
    if not value then return nil end
    list[#list + 1] = value
    at = skip_space(text, at)
    stop, at = text:sub(at, at), at + 1
    if stop == "]" then return #list > 1 and skip_space(text, at) > #text and list or nil end
    if stop ~= "," then return nil end
  end
end

-- Fields that are missing may have come back from JSON as something that stands for null.
local function has(value) return type(value) == "number" or type(value) == "string" end

--- The primary key of a change's row as a list of texts, exactly.
-- @function key
-- @tparam forgelog.AnyChange change as drained or followed, also where it went through JSON since
-- @treturn string[]|nil a text for each column of the primary key; nil where the change has no
-- `row_id`
return function(change)
  check.argument("key", "change", change, "table")
  local row_id = change.row_id
  if type(row_id) ~= "string" then return nil end
  if has(change.key_cols) then
    return tonumber(change.key_cols) > 1 and array(row_id, string_at) or { row_id }
  end
  -- A change of the first edition does not say how many columns its key has.
  return not has(change.txid) and change.op ~= "READ" and array(row_id, scalar_at) or { row_id }
end
