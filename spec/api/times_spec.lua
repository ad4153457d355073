-- Times as people type them. Where they name no zone they are those of the program's own clock,
-- which has the rules of any place of the world.
local support = require "support"
local times = require "forgelog.times"

-- The rules of some places, as POSIX writes them.
local BERLIN, INDIA = "CET-1CEST,M3.5.0,M10.5.0/3", "'<+0530>-5:30'"
local LORD_HOWE = "'<+1030>-10:30<+11>-11,M10.1.0,M4.1.0'"

local function refuses(text, wrong)
  local time, why = times.parse(text)
  assert.is_nil(time, text)
  assert.equal(wrong, why, text)
end

-- What each text means in a program of its own with that TZ: its seconds, or what is wrong.
local function in_zone(zone, texts)
  local words = {}
  for i, text in ipairs(texts) do words[i] = ("%q"):format(text) end
  local script = ([[
    local times = require "forgelog.times"
    for _, text in ipairs({ %s }) do
      local time, wrong = times.parse(text)
      print(time and ("%%.0f"):format(time) or wrong)
      if time and not text:find("Z$") and times.text(time) ~= text then print("reads", text) end
    end]]):format(table.concat(words, ", "))
  local file = support.path("zone.lua")
  support.write(file, script)
  local ok, output, errors = support.run(("TZ=%s '%s' '%s'"):format(zone,
    os.getenv("FORGELOG_LUA"), file))
  assert(ok, errors)
  local said = {}
  for line in output:gmatch("[^\n]+") do said[#said + 1] = line end
  return said
end

describe("times", function()
  it("are read with their zone", function()
    for text, seconds in pairs({ ["1970-01-01T00:00Z"] = 0, ["2026-11-24T10:00Z"] = 1795514400,
      ["2026-11-24 10:00:00Z"] = 1795514400, ["2026-11-24t10:00z"] = 1795514400,
      ["2026-11-24T12:00+02:00"] = 1795514400, ["2026-11-24T12:00+02"] = 1795514400,
      ["2026-11-24T15:30+0530"] = 1795514400, ["2026-11-24T00:30-09:30"] = 1795514400,
      ["2026-11-24 10:00:05.5Z"] = 1795514405.5, ["2024-02-29T00:00Z"] = 1709164800,
      ["2000-02-29T23:59:59Z"] = 951868799, ["1969-12-31T23:59:59Z"] = -1,
      ["2026-12-31T23:00-02:00"] = 1798765200, ["2100-03-01T00:00Z"] = 4107542400 }) do
      assert.equal(seconds, times.parse(text), text)
    end
  end)

  it("to the microsecond", function()
    local time = assert(times.parse("2026-11-24T10:00:05.757165Z"))
    assert.equal("1795514405.757165", ("%.6f"):format(time))
  end)

  it("of every day for some hundred years are right", function()
    local time = 0
    for year = 1970, 2110 do
      for month, length in ipairs({ 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }) do
        local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
        for day = 1, month == 2 and leap and 29 or length do
          local text = ("%04d-%02d-%02dT00:00Z"):format(year, month, day)
          if times.parse(text) ~= time then assert.equal(time, times.parse(text), text) end
          time = time + 86400
        end
      end
    end
  end)

  it("that are none are refused", function()
    refuses("2026-02-30", "there is no day 2026-02-30")
    refuses("2026-02-29T10:00", "there is no day 2026-02-29")
    refuses("2100-02-29", "there is no day 2100-02-29")
    refuses("2026-13-01", "there is no day 2026-13-01")
    refuses("2026-00-10", "there is no day 2026-00-10")
    refuses("2026-11-00", "there is no day 2026-11-00")
    refuses("2026-1-2", "there is no day 2026-1-2")
    refuses("26-11-24", "there is no day 26-11-24")
    refuses("2026-11-24T25:00", "there is no time of day 25:00")
    refuses("2026-11-24T24:00", "there is no time of day 24:00")
    refuses("2026-11-24T10:60", "there is no time of day 10:60")
    refuses("2026-11-24T10:00:60", "there is no time of day 10:00:60")
    refuses("2026-11-24T10:00:05.", "there is no time of day 10:00:05.")
    refuses("2026-11-24T10", "there is no time of day 10")
    refuses("2026-11-24T10:00:5", "there is no time of day 10:00:5")
    refuses("2026-11-24T10:00.5", "there is no time of day 10:00.5")
    refuses("2026-11-24T10:00 CET", " CET is no offset such as Z or +02:00")
    refuses("2026-11-24T10:00+2", "+2 is no offset such as Z or +02:00")
    refuses("2026-11-24T10:00+99:00", "+99:00 is no offset such as Z or +02:00")
    refuses("2026-11-24Z", "it is no time such as 2026-11-24T10:00")
    refuses("2026-11-24 ", "it is no time such as 2026-11-24T10:00")
    refuses("yesterday", "it is no time such as 2026-11-24T10:00")
    refuses("", "it is no time such as 2026-11-24T10:00")
  end)

  it("without a zone are those of the program's clock", function()
    assert.same({ "1795510800", "1795474800" },
      in_zone(BERLIN, { "2026-11-24T10:00:00", "2026-11-24T00:00:00" }))
    assert.same({ "1795514400" }, in_zone("UTC", { "2026-11-24T10:00:00" }))
    assert.same({ "1795494600" }, in_zone(INDIA, { "2026-11-24T10:00:00" }))
    assert.same({ "1795514400" }, in_zone(INDIA, { "2026-11-24T10:00Z" }))
  end)

  it("that a clock has skipped are none, and of those that it has shown twice the first", function()
    local skipped = "the local clock was set forward over it"
    assert.same({ "1774745999", skipped, skipped, "1774746000" }, in_zone(BERLIN,
      { "2026-03-29T01:59:59", "2026-03-29T02:00:00", "2026-03-29T02:59:59",
        "2026-03-29T03:00:00" }))
    assert.same({ "1792886399", "1792886400", "1792893600" }, in_zone(BERLIN,
      { "2026-10-25T01:59:59", "2026-10-25T02:00:00", "2026-10-25T03:00:00" }))
    -- By half an hour, in the south.
    assert.same({ skipped, "1775313000" }, in_zone(LORD_HOWE,
      { "2026-10-04T02:15:00", "2026-04-05T01:30:00" }))
  end)
end)
