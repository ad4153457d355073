-- Durations, numbers and sizes as people type and read them.
local units = require "forgelog.units"

describe("units", function()
  it("reads durations", function()
    for text, seconds in pairs({ ["90"] = 90, ["0.5"] = 0.5, ["90s"] = 90, ["250ms"] = 0.25,
      ["15m"] = 900, ["15min"] = 900, ["1h30m"] = 5400, ["1.5h"] = 5400, ["7d"] = 604800,
      ["2w"] = 1209600, ["1d12h"] = 129600,
      ["1 h"] = 3600, ["1 h 30 min"] = 5400, ["0.3 s"] = 0.3 }) do
      assert.is_true(math.abs(seconds - units.seconds(text)) < 1e-9, text)
    end
    for _, text in ipairs({ "", "x", "1x", "h", "1h30", "-1", "1e3", "0x10", "1  h", " 1h", "1..5h",
      "." }) do
      assert.is_nil(units.seconds(text), text)
    end
  end)

  it("writes durations in at most two units", function()
    for _, case in ipairs({ { 0, "0 s" }, { 0.04, "0.0 s" }, { 0.24, "0.2 s" }, { 5, "5 s" },
      { 9.94, "9.9 s" }, { 10, "10 s" }, { 99, "99 s" }, { 100, "1 min" }, { 240, "4 min" },
      { 3600, "1 h" }, { 7500, "2 h 5 min" }, { 86400, "1 d" }, { 262800, "3 d 1 h" } }) do
      assert.equal(case[2], units.duration(case[1]))
      local back = units.seconds(case[2])
      assert.is_true(math.abs(back - case[1]) < 60, case[2])
    end
  end)

  it("writes short time limits exactly", function()
    for seconds, text in pairs({ [0.05] = "0.05 s", [1 / 3] = "0.333 s", [2] = "2 s",
      [60] = "60 s", [300] = "5 min" }) do
      assert.equal(text, units.limit(seconds))
    end
  end)

  it("writes whole numbers with commas, and how many of something", function()
    for _, case in ipairs({ { 0, "0" }, { 12, "12" }, { 999, "999" }, { 1000, "1,000" },
      { 123456, "123,456" }, { 1234567, "1,234,567" } }) do
      assert.equal(case[2], units.count(case[1]))
    end
    assert.equal(1234567, units.number("1,234,567"))
    assert.equal(1234567, units.number("1234567"))
    for _, text in ipairs({ "1,23", ",123", "1,2345", "1,,234", "1234,567", "x", "" }) do
      assert.is_nil(units.number(text), text)
    end
    assert.equal("0 changes", units.many(0, "change"))
    assert.equal("1 change", units.many(1, "change"))
    assert.equal("2,000 changes", units.many(2000, "change"))
  end)

  it("shortens a position to 16 characters", function()
    assert.equal("1:10:12-15,17-20", units.position("1:10:12-15,17-20"))
    assert.equal("1:10:12-15,17...", units.position("1:10:12-15,17-201"))
    assert.equal("1:10", units.position("1:10@0/154A69012~9+1/1f.2b"))
  end)

  it("writes sizes", function()
    for _, case in ipairs({ { 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 kB" },
      { 1536, "1.5 kB" }, { 12.3 * 1024 ^ 2, "12.3 MB" }, { 1024 ^ 3, "1.0 GB" },
      { 2048 * 1024 ^ 4, "2048.0 TB" } }) do
      assert.equal(case[2], units.bytes(case[1]))
    end
  end)
end)
