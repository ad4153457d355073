-- Values of every type that Lua has go to the server and come back as they were: in each locale, in
-- each encoding, on each Lua.
local forgelog = require "forgelog"
local locales = require "support.locales"
local logs = require "support.logs"
local process = require "support.process"
local support = require "support"

-- The UTF-8 of all characters from one code to another.
local function utf8(from, to)
  local list = {}
  for code = from, to do
    list[#list + 1] = code < 0x80 and string.char(code)
      or code < 0x800 and string.char(0xC0 + math.floor(code / 0x40), 0x80 + code % 0x40)
      or string.char(0xE0 + math.floor(code / 0x1000), 0x80 + math.floor(code / 0x40) % 0x40,
        0x80 + code % 0x40)
  end
  return table.concat(list)
end

local function bytes()
  local list = {}
  for byte = 1, 255 do list[byte] = string.char(byte) end
  return table.concat(list)
end

-- Database, what conninfo adds, all characters that go through, and how many these are.
local ENCODINGS = {
  { "UTF8", "", utf8(1, 0x7FF) .. "\240\159\152\128" .. utf8(0x3041, 0x3090), 0x7FF + 1 + 0x50 },
  { "UTF8", " client_encoding=LATIN1", bytes(), 255 },
  { "LATIN1", "", utf8(1, 255), 255 },
  { "SQL_ASCII", "", bytes(), 255 },
  { "EUC_JP", "", utf8(1, 127) .. utf8(0x3041, 0x3090), 127 + 0x50 },
}

local SCRIPT = [[
  local roundtrip = require "support.roundtrip"
  local name, conninfo, file, count = ...
  assert(os.setlocale(name))
  local letters = io.open(file, "rb"):read("*a")
  local tried, wrong = roundtrip(conninfo, letters, tonumber(count))
  print(tried .. " tried")
  for _, text in ipairs(wrong) do print(text) end]]

describe("a value", function()
  for _, name in ipairs({ "C", locales.GERMAN, locales.TURKISH }) do
    it("comes back as it was sent, in the locale " .. name, function()
      for _, encoding in ipairs(ENCODINGS) do
        local db = support.database(nil, nil, encoding[1])
        local output = locales.run(SCRIPT, name, db .. encoding[2], process.file(encoding[3]),
          encoding[4])
        local tried, wrong = output:match("^(%d+) tried\n(.*)$")
        assert.equal("", wrong, encoding[1] .. encoding[2])
        assert.is_true(tonumber(tried) > 400)
        support.drop(db)
      end
    end)
  end

  it("that is none of nil, a boolean, a number or text is refused, with what to pass instead",
    function()
      local db, log = logs.empty()
      local function refuses(value, text)
        assert.error_matches(function() log:query("SELECT $1, $2", 1, value) end, text, 1, true)
      end
      refuses({}, "parameter $2 must be nil, a boolean, a number or a string, got table; an array "
        .. "is passed as text, such as '{1,2}', and cast: $2::int[]")
      refuses(print, "got function")
      refuses("a\0b", "parameter $2 has a zero byte")
      if rawget(_G, "jit") then
        refuses(assert(rawget(_G, "loadstring")("return 1LL"))(),
          'got cdata; a 64-bit integer is passed as text: ("%d"):format(n)')
      end
      log:close()
      support.drop(db)
    end)

  it("that a session prints with few digits comes so, and as numeric with all of them", function()
    local db = support.database()
    local log = assert(forgelog.connect(db .. " options='-c extra_float_digits=-15'"))
    local sql = "SELECT $1::float8 AS f, $1::numeric AS n, $1::float8 = 19.99 AS same"
    assert.same({ f = 20, n = "19.99", same = true }, logs.must(log, sql, 19.99)[1])
    log:close()
    support.drop(db)
  end)
end)
