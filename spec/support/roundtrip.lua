--- Sends values of every type that Lua has to a server and back, through columns of the types that
-- they match, and tells what did not come back as it was sent. It runs in a process of its own,
-- whose locale is another one: see spec/api/values_spec.lua.
-- @module support.roundtrip
local forgelog = require "forgelog"

local HAS_INTEGERS = rawget(math, "type") ~= nil
local log, wrong, tried

local function shown(value)
  local text = type(value) == "string" and #value > 60 and #value .. " bytes" or tostring(value)
  return ("%s (%s)"):format((text:gsub("[^\32-\126]", "?")), type(value))
end

local function report(type_name, value, what, got)
  wrong[#wrong + 1] = ("%s %s: %s %s"):format(type_name, shown(value), what, shown(got))
end

-- NaN is what it is not equal to; zeroes differ by their sign.
local function same(one, other)
  if type(one) ~= type(other) then return false end
  if type(one) ~= "number" then return one == other end
  return one ~= one and other ~= other or one == other and 1 / one == 1 / other
end

local kinds = rawget(math, "type") or function() end

-- Sends a value into a column of that type.
-- expected: what is to come back; text: how the server prints it; nil: that is not looked at
local function send(type_name, value, expected, text)
  tried = tried + 1
  local column = "of_" .. type_name:gsub("%W", "_")
  assert(log:query(('CREATE TEMP TABLE IF NOT EXISTS %s (v %s)'):format(column, type_name)))
  local rows, err = log:query(("INSERT INTO %s VALUES ($1) RETURNING v, v::text AS text"):format(
    column), value)
  if not rows then return report(type_name, value, "failed:", err.message) end
  local row = rows[1]
  if not same(row.v, expected) or kinds(row.v) ~= kinds(expected) then
    report(type_name, value, "came back as", row.v)
  end
  if text and row.text ~= text then report(type_name, value, "arrived as", row.text) end
end

local function integers()
  for _, number in ipairs({ 0, 1, -1, 32767, -32768 }) do
    for _, type_name in ipairs({ "smallint", "integer", "bigint" }) do
      send(type_name, number, number, ("%d"):format(number))
    end
  end
  send("integer", 2147483647, 2147483647)
  send("integer", -2147483648, -2147483648)
  send("oid", 4294967295, 4294967295)
  local far = 9007199254740992 -- 2^53
  for _, number in ipairs({ far, -far, far - 1 }) do
    local digits = ("%d"):format(number)
    send("bigint", number, number, digits)
    send("numeric", number, digits, digits)
    send("text", number, digits, digits)
  end
  for _, digits in ipairs({ "9223372036854775807", "-9223372036854775808", "9007199254740993" }) do
    local number = HAS_INTEGERS and math.tointeger(digits) or digits -- luacheck: ignore 143
    send("bigint", digits, number, digits)
    send("bigint", number, number, digits)
    send("numeric", number, digits, digits)
    send("text", number, digits, digits)
  end
  send("boolean", true, true, "true")
  send("boolean", false, false, "false")
end

-- Each with the text that it is to arrive as.
local FLOATS = {
  { 19.99, "19.99" }, { 0.1, "0.1" }, { -0.5, "-0.5" }, { 1 / 3, "0.3333333333333333" },
  { 0.1 + 0.2, "0.30000000000000004" }, { 123456789.125, "123456789.125" },
  { 1.5e-7, "1.5e-07" }, { 2.5e-300, "2.5e-300" }, { 5e-324 },
  { 1e15 + 0.5, "1000000000000000.5" },
}

-- Whole ones, in all their digits.
local WHOLE = {
  { 1e18, "1000000000000000000" }, { -1e18, "-1000000000000000000" }, { 5.0, "5" },
  { 9.2e18, "9200000000000000000" }, { 2 ^ 62, "4611686018427387904" },
}

local function as_float(number) return number * 1.0 end -- which keeps the sign of a zero

local function floats()
  for _, each in ipairs(FLOATS) do
    local number, text = each[1], each[2]
    send("float8", number, number)
    if text then send("text", number, text) end
    send("numeric", number, log:query("SELECT $1::numeric::text AS n", text or number)[1].n)
  end
  for _, each in ipairs(WHOLE) do
    local number, text = each[1], each[2]
    local is_exact = HAS_INTEGERS or math.abs(number) <= 2 ^ 53
    local whole = HAS_INTEGERS and math.tointeger(number) or number -- luacheck: ignore 143
    send("float8", number, as_float(number))
    send("bigint", number, is_exact and whole or text, text)
    send("numeric", number, text)
    send("text", number, text)
  end
  for _, number in ipairs({ 1e22, -1.7976931348623157e308, 2 ^ 1000, 0.0, -0.0 }) do
    send("float8", number, as_float(number))
  end
  for _, each in ipairs({ { 1 / 0, "Infinity" }, { -1 / 0, "-Infinity" }, { 0 / 0, "NaN" } }) do
    send("float8", each[1], each[1], each[2])
    send("real", each[1], each[1], each[2])
    send("text", each[1], each[2])
  end
  for _, number in ipairs({ 0.5, -1.25, 16777216, 3.0e38 }) do
    local rows = log:query("SELECT $1::real AS v", number)
    if math.abs(rows[1].v - number) > math.abs(number) * 1e-6 then
      report("real", number, "came back as", rows[1].v)
    end
  end
end

-- Doubles of all sizes, many in one statement.
local function chance(count)
  local numbers, columns = {}, {}
  for i = 1, count do
    local size = math.random(-300, 300)
    numbers[i] = (math.random() - 0.5) * 10 ^ size
    columns[i] = ("$%d::float8 AS c%d"):format(i, i)
  end
  local row = assert(log:query("SELECT " .. table.concat(columns, ", "),
    (table.unpack or unpack)(numbers)))[1] -- luacheck: ignore 143
  for i = 1, count do
    tried = tried + 1
    local got = row["c" .. i]
    if got ~= numbers[i] then report("float8", numbers[i], "came back as", got) end
  end
end

local function texts(letters, count)
  for _, text in ipairs({ "", " ", "'", "O'Reilly", "\\", "a\\'b", '"', "{1,2}", "NULL", "0.5",
    "0,5", "\1\t\r\n\127", letters, (letters .. "'\\\""):rep(math.ceil(1e6 / #letters)) }) do
    for _, type_name in ipairs({ "text", "varchar" }) do send(type_name, text, text, text) end
  end
  local length = log:query("SELECT length($1) AS n", letters)[1].n
  if length ~= count then report("text", letters, "has characters:", length) end
  send("bytea", "\\x00ff5c27", "\\x00ff5c27")
  send("int[]", "{1,2}", "{1,2}")
  send("numeric", "0.1000", "0.1000")
  send("jsonb", '{"a": [1, 2.50]}', '{"a": [1, 2.50]}')
  local row = log:query("SELECT $1::text AS a, $2::bigint AS b, $3::text AS c", nil, nil, "x")[1]
  if row.a ~= nil or row.b ~= nil or row.c ~= "x" then report("nil", nil, "came back as", row.a) end
end

--- Tries it over one connection.
-- @string conninfo
-- @string letters text of all characters that the connection's encoding and the database both have
-- @int count how many these are
-- @return how many values were sent, and a list of what did not come back
return function(conninfo, letters, count)
  log, wrong, tried = assert(forgelog.connect(conninfo)), {}, 0
  assert(log:query("SET client_min_messages = warning"))
  integers()
  floats()
  chance(300)
  texts(letters, count)
  log:close()
  return tried, wrong
end
