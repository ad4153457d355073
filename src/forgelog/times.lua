--- Times as people type them, such as 2026-11-24T10:00, and as they read them.
-- @module forgelog.times
local core = require "forgelog.core"

local times = {}

local DAY = 86400

-- Days from 1970-01-01 on to a day of the Gregorian calendar. The year is counted from March, so
-- that a leap day is its last one.
local function days_of(year, month, day)
  if month <= 2 then year = year - 1 end
  local months = (month + 9) % 12 -- since March
  local leaps = math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
  return 365 * year + leaps + math.floor((153 * months + 2) / 5) + day - 719469
end

local function days_in(year, month)
  local following = month == 12 and days_of(year + 1, 1, 1) or days_of(year, month + 1, 1)
  return following - days_of(year, month, 1)
end

local function of_fields(fields)
  return days_of(fields.year, fields.month, fields.day) * DAY
    + fields.hour * 3600 + fields.min * 60 + fields.sec
end

-- Seconds by which the local clock is ahead of UTC at a time.
local function ahead(time) return of_fields(os.date("*t", time)) - time end

-- The first time at which the local clock shows what a clock at UTC shows at `shown`; nil where it
-- never does, since it was set forward. Where it was set back it shows that twice.
local function from_local(shown)
  local first
  for _, near in ipairs({ shown - DAY, shown + DAY }) do
    local time = shown - ahead(near)
    local is_it = time + ahead(time) == shown
    if is_it and (not first or time < first) then first = time end
  end
  return first
end

-- Seconds by which a zone, such as +02:00, is ahead of UTC; nil where it is none.
local function zone_ahead(zone)
  if zone == "Z" or zone == "z" then return 0 end
  local sign, hours, minutes = zone:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then sign, hours, minutes = zone:match("^([+-])(%d%d)$") end
  hours, minutes = tonumber(hours), tonumber(minutes or 0)
  if not sign or hours > 15 or minutes > 59 then return nil end
  return (sign == "-" and -1 or 1) * (hours * 3600 + minutes * 60)
end

-- Hours, minutes and seconds of "10:00" or "10:00:05.5"; nil where it is no time of day.
local function parse_clock(text)
  local hour, min, sec = text:match("^(%d%d):(%d%d)$")
  if not hour then hour, min, sec = text:match("^(%d%d):(%d%d):(%d%d%.?%d*)$") end
  if not hour or sec and sec:find("%.$") then return nil end
  hour, min, sec = tonumber(hour), tonumber(min), core.parse_number(sec or "0")
  if hour > 23 or min > 59 or sec >= 60 then return nil end
  return hour, min, sec
end

-- The year, month and day; nil where there is no such day.
local function parse_day(text)
  local year, month, day = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)$")
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local there = year and month >= 1 and month <= 12 and day >= 1 and day <= days_in(year, month)
  if there then return year, month, day end
end

--- Whether a text begins as a date does, so that it is meant as a time.
function times.resembles(text) return text:find("^%d+%-%d+%-%d") ~= nil end

--- Whether a text is a time of day, such as 10:00.
function times.is_clock(text) return parse_clock(text) ~= nil end

--- Unix seconds from "2026-11-24", "2026-11-24T10:00", "2026-11-24 10:00:05.5", each time of day
-- with "Z", "+02:00" or another offset behind it, or else by the local clock of this program. An
-- hour that this clock shows twice is the earlier one.
-- @string text
-- @treturn[1] number
-- @return[2] nil
-- @treturn[2] string what is wrong with it
function times.parse(text)
  local date, rest = text:match("^([%d-]+)(.*)$")
  local clock, zone = (rest or ""):match("^[Tt ]([%d:.]+)(.*)$")
  if not clock and rest ~= "" then return nil, "it is no time such as 2026-11-24T10:00" end
  local year, month, day = parse_day(date)
  if not year then return nil, ("there is no day %s"):format(date) end
  local hour, min, sec = parse_clock(clock or "00:00")
  if not hour then return nil, ("there is no time of day %s"):format(clock) end
  local whole = math.floor(sec)
  local shown = of_fields({ year = year, month = month, day = day, hour = hour, min = min,
    sec = whole })
  local time
  if zone and zone ~= "" then
    local offset = zone_ahead(zone)
    if not offset then return nil, ("%s is no offset such as Z or +02:00"):format(zone) end
    time = shown - offset
  else
    time = from_local(shown)
  end
  if not time then return nil, "the local clock was set forward over it" end
  return time + (sec - whole)
end

--- A time by the local clock as `parse` reads it, to the second below.
-- @number seconds Unix seconds
-- @treturn string
function times.text(seconds) return os.date("%Y-%m-%dT%H:%M:%S", math.floor(seconds)) end

return times
