--- Changes as text and back, exactly: for the ring by which one worker hands to the others what it
-- was handed. A private part of forgelog.cache.
--
-- A text is its length, a colon and itself; a number is `#`, its digits and a semicolon; a table is
-- `{`, its keys and values in turn, and `}`.
-- @module forgelog.cache.packed
local core = require "forgelog.core"

local packed = {}

local function write(parts, value)
  local kind = type(value)
  if kind == "string" then
    parts[#parts + 1] = #value .. ":" .. value
  elseif kind == "number" then
    parts[#parts + 1] = "#" .. core.number_text(value) .. ";"
  elseif kind == "table" then
    parts[#parts + 1] = "{"
    for name, field in pairs(value) do
      write(parts, name)
      write(parts, field)
    end
    parts[#parts + 1] = "}"
  else
    error("forgelog.cache.packed: a " .. kind, 0)
  end
end

--- Changes as texts of several changes each.
-- @tparam table changes a list
-- @int bytes of a text that holds more than one
-- @treturn table a list of texts
function packed.write(changes, bytes)
  local texts, parts, length = {}, {}, 0
  for _, change in ipairs(changes) do
    local one = {}
    write(one, change)
    one = table.concat(one)
    if length > 0 and length + #one > bytes then
      texts[#texts + 1] = table.concat(parts)
      parts, length = {}, 0
    end
    parts[#parts + 1], length = one, length + #one
  end
  if length > 0 then texts[#texts + 1] = table.concat(parts) end
  return texts
end

-- The value that begins at a place, and the place behind it.
local function read(text, at)
  local mark = text:sub(at, at)
  if mark == "#" then
    local digits, behind = text:match("^([^;]+);()", at + 1)
    return core.parse_number(digits), behind
  end
  if mark ~= "{" then
    local length, first = text:match("^(%d+):()", at)
    local behind = first + tonumber(length)
    return text:sub(first, behind - 1), behind
  end
  local value = {}
  at = at + 1
  while text:sub(at, at) ~= "}" do
    local name, behind = read(text, at)
    value[name], at = read(text, behind)
  end
  return value, at + 1
end

--- The changes that a text holds.
-- @string text
-- @int at where they begin in it
-- @treturn table a list
function packed.read(text, at)
  local changes = {}
  while at <= #text do changes[#changes + 1], at = read(text, at) end
  return changes
end

return packed
