--- Durations, numbers and sizes as people type and read them; words of a shell command.
-- @module forgelog.units
local core = require "forgelog.core"

local units = {}

local SECONDS = { ms = 0.001, s = 1, m = 60, min = 60, h = 3600, d = 86400, w = 604800 }

--- Seconds from "90", "90s", "15m", "1h30m", "7d", and from what `duration` writes, such as
-- "1 h 30 min"; nil where the text is none of these.
function units.seconds(text)
  if text:find("^[%d.]+$") then return core.parse_number(text) end
  local total, rest = 0, text
  while rest ~= "" do
    local digits, unit, after = rest:match("^([%d.]+) ?(%a+) ?(.*)$")
    local number = digits and core.parse_number(digits)
    if not (number and SECONDS[unit]) then return nil end
    total, rest = total + number * SECONDS[unit], after
  end
  return text ~= "" and total or nil
end

-- The larger unit, and what is left over in the smaller one.
local function in_two(large, large_unit, small, small_unit)
  local text = ("%d %s"):format(large, large_unit)
  return small == 0 and text or ("%s %d %s"):format(text, small, small_unit)
end

--- Seconds as text of at most two units: "0.3 s", "5 s", "4 min", "2 h 5 min", "3 d".
function units.duration(seconds)
  local whole = math.floor(seconds + 0.5)
  if seconds < 10 and whole ~= seconds then return core.number_text(seconds, 1) .. " s" end
  if whole < 100 then return ("%d s"):format(whole) end
  local days, hours = math.floor(whole / 86400), math.floor(whole / 3600) % 24
  local minutes = math.floor(whole / 60) % 60
  if days > 0 then return in_two(days, "d", hours, "h") end
  if hours > 0 then return in_two(hours, "h", minutes, "min") end
  return ("%d min"):format(minutes)
end

--- A time limit as text: like `duration`, but a short one is exact to the millisecond.
function units.limit(seconds)
  if seconds >= 10 then return units.duration(seconds) end
  return core.number_text(math.floor(seconds * 1000 + 0.5) / 1000) .. " s"
end

--- A whole number from "1000", or from what `count` writes, "1,000"; nil where the text is neither.
function units.number(text)
  local head, rest = text:match("^(%d%d?%d?),([%d,]+)$")
  if not head then return core.parse_number(text) end
  local left = (rest .. ","):gsub("%d%d%d,", "")
  return left == "" and core.parse_number((text:gsub(",", ""))) or nil
end

--- A whole number with a comma after each three digits.
function units.count(number)
  local digits = ("%.0f"):format(number)
  local rest = #digits % 3
  local grouped = digits:sub(1, rest) .. digits:sub(rest + 1):gsub("(%d%d%d)", ",%1")
  return (grouped:gsub("^,", ""))
end

--- Bytes as "12.3 MB".
function units.bytes(bytes)
  local size, unit = bytes, 1
  local names = { "B", "kB", "MB", "GB", "TB" }
  while size >= 1024 and unit < #names do size, unit = size / 1024, unit + 1 end
  return core.number_text(size, unit == 1 and 0 or 1) .. " " .. names[unit]
end

--- How many of something.
function units.many(number, word)
  return ("%s %s%s"):format(units.count(number), word, number == 1 and "" or "s")
end

--- A position in a column of 16 characters: its place, and a longer one without its end.
function units.position(position)
  position = position:match("^[^@=~!]*")
  return #position > 16 and position:sub(1, 13) .. "..." or position
end

--- Any text as one word of a shell command, in quotes where it needs them.
function units.word(text)
  if text:find("^[%w_.][%w_.-]*$") then return text end
  return "'" .. text:gsub("'", [['\'']]) .. "'"
end

--- What stands between the commas of a text.
-- @bool quoted commas within double quotes belong to a part
-- @return a list of texts, none of which is empty
function units.parts(text, quoted)
  local list = {}
  if quoted then text = text:gsub('%b""', function(part) return (part:gsub(",", "\0")) end) end
  for part in text:gmatch("[^,]+") do list[#list + 1] = quoted and part:gsub("%z", ",") or part end
  return list
end

return units
