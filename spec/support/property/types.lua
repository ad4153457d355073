--- The types that columns have, with some values of each: few, so that values meet again.
-- @module support.property.types

local types = {}

local LONG = ("0123456789abcdef"):rep(4400) -- 70,400 bytes
local BIG_JSON = '{"a": "' .. ("xyz"):rep(1000) .. '"}'

-- A type as SQL has it, "key" where it can be a key, and texts that its input function takes.
local LIST = {
  { "int4", "key", "0", "1", "2", "-1", "2147483647" },
  { "int8", "key", "0", "1", "9007199254740993", "-9223372036854775808" },
  { "int2", "key", "0", "7", "-32768" },
  { "numeric", "key", "0", "1", "1.0", "1.00", "NaN", "1e40", "-0.000001" },
  { "numeric(10,2)", "key", "0", "1", "12345678.90" },
  { "float4", "key", "0", "-0", "1.1", "NaN", "1e30" },
  { "float8", "key", "0", "-0", "0.1", "0.30000000000000004", "Infinity", "NaN", "1e-300" },
  { "text", "key", "", "a", "A", "a,b", 'q"q', "it's", "back\\slash", "\206\169", "new\nline",
    "\1\2\127", '["1", "2"]', "  x ", "null", "\240\159\152\128" },
  { "varchar(70)", "key", "", "a", "a ", "b,\"", "\195\164\195\182" },
  { "text", "large", "", LONG, LONG .. "x", ("\195\164"):rep(32768), ("\195\164"):rep(32769) },
  { "char(5)", "key", "", "a", "a b", "abcde" },
  { "bytea", "key", "", "\\x00", "\\x00ff27", "\\x5c5c" },
  { "bool", "key", "t", "f" },
  { "date", "key", "2024-02-29", "0044-03-15 BC", "infinity", "1999-12-31" },
  { "time", "key", "00:00", "24:00:00", "12:34:56.789012" },
  { "timetz", "key", "00:00+02", "12:00:00-03:30", "22:00-00" },
  { "timestamp", "key", "2024-02-29 12:00", "-infinity", "1999-12-31 23:59:59.999999" },
  { "timestamptz", "key", "2024-02-29 12:00+02", "2024-10-27 02:30+01", "infinity",
    "1850-01-01 00:00+00", "2024-02-29 10:00+00" },
  { "interval", "key", "1 mon", "30 days", "720:00:00", "1 year 2 mons 3 days 04:05:06.7", "0" },
  { "uuid", "key", "00000000-0000-0000-0000-000000000000",
    "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" },
  { "json", "", '{"a":1,"a":2}', '{"a": 1}', '"\\u0000"', "[1,2]", "1e1000", "null" },
  { "jsonb", "key", '{"a":1}', "[]", "1", "1.0", '"x"', BIG_JSON },
  { "xml", "", "<a/>", "<a>b</a>", "text" },
  { "int4[]", "key", "{}", "{1,NULL}", "{1,2}", "[0:1]={1,2}", "{{1},{2}}" },
  { "text[]", "key", "{}", '{"a,b","c\\"d"}', "{NULL}" },
  { "numeric[]", "", "{1.0}", "{1.00}" },
  { "timestamptz[]", "key", '{"2024-02-29 12:00+02"}', "{infinity}" },
  { "int4range", "key", "empty", "[1,2)", "(,)", "[5,6]" },
  { "tstzrange", "key", "[2024-02-29 12:00+02,)", "empty" },
  { "numrange", "", "[1.0,2)", "[1.00,2)" },
  { "int4multirange", "key", "{}", "{[1,2),[5,6)}" },
  { "public.spec_mood", "key", "sad", "ok", "so, so" },
  { "public.spec_pair", "key", "(1,a)", "(,)", '(2,"b,c")', '(2,"b""c")' },
  { "public.spec_pair[]", "", '{"(1,a)"}', "{}" },
  { "public.spec_small", "key", "1", "5", "9" },
  { "public.spec_word", "key", "a", "b b" },
  { "public.spec_list", "", "{1}", "{1,2}" },
  { "inet", "key", "10.0.0.1", "10.0.0.1/8", "::1" },
  { "cidr", "key", "10.0.0.0/8", "::/0" },
  { "macaddr", "key", "08:00:2b:01:02:03", "00:00:00:00:00:00" },
  { "macaddr8", "key", "08:00:2b:01:02:03:04:05" },
  { "bit(8)", "key", "00000000", "10101010" },
  { "varbit", "key", "", "1", "01" },
  { "money", "key", "0", "12.34", "-1234567.89" },
  { "point", "", "(0,0)", "(-0,1.5)" },
  { "line", "", "{1,2,3}" },
  { "lseg", "", "[(0,0),(1,1)]" },
  { "box", "", "(1,1),(0,0)", "(2,2),(0,0)" },
  { "path", "", "((0,0),(1,1))", "[(0,0),(1,1)]" },
  { "polygon", "", "((0,0),(1,1),(1,0))" },
  { "circle", "", "<(0,0),1>", "<(1,0),1>" },
  { "tsvector", "key", "a:1 b:2A", "", "'it''s':3" },
  { "tsquery", "", "a & b", "!c" },
  { "oid", "key", "0", "4294967295" },
  { "name", "key", "", "a", "b\"c" },
  { '"char"', "key", "", "a", "\\" },
  { "pg_lsn", "key", "0/0", "16/B374D848" },
  { "jsonpath", "", "$.a", "$[*] ? (@ > 1)" },
  { "pg_snapshot", "", "10:20:10,14", "1:1:" },
  { "xid", "", "0", "77" },
  { "tid", "", "(0,1)", "(7,2)" },
  { "regtype", "", "integer", "text" },
  { "text COLLATE public.spec_nocase", "key", "a", "A", "b" },
  { "text COLLATE \"C\"", "key", "a", "A", "\195\164" },
}

-- Of these, any number.
local NUMBERS = { int4 = 60, int8 = 60, int2 = 60, numeric = 40, text = 40, float8 = 40 }

--- A literal that means the same under every setting of a session.
function types.literal(text)
  return "E'" .. text:gsub("\\", "\\\\"):gsub("'", "''") .. "'"
end

--- The list of types, as far as a server has them.
-- @func has whether it takes an SQL expression
-- @treturn table of { sql, key = true or false, large, values }
function types.list(has)
  local list = {}
  for _, entry in ipairs(LIST) do
    local values = {}
    for i = 3, #entry do values[i - 2] = types.literal(entry[i]) end
    local made = { sql = entry[1], key = entry[2] == "key", large = entry[2] == "large",
      values = values, upto = entry[2] ~= "large" and NUMBERS[entry[1]] }
    local bare = entry[1]:gsub(" COLLATE.*", "")
    local collation = entry[1]:match(" COLLATE (.*)")
    made.cast = bare
    if has(("SELECT %s::%s%s"):format(values[1], bare,
      collation and " COLLATE " .. collation or "")) then
      list[#list + 1] = made
    end
  end
  return list
end

--- A random value of a type, as SQL.
function types.value(r, type)
  if type.upto and r:chance(70) then return ("'%d'::%s"):format(r:int(0, type.upto), type.cast) end
  return r:pick(type.values) .. "::" .. type.cast
end

--- What there is to be before tables are made: types and schemas of a user's.
types.PREPARE = [[
CREATE TYPE public.spec_mood AS ENUM ('sad', 'ok', 'so, so');
CREATE TYPE public.spec_pair AS (a int, b text);
CREATE DOMAIN public.spec_small AS int CHECK (VALUE BETWEEN 1 AND 9);
CREATE DOMAIN public.spec_word AS text NOT NULL DEFAULT 'a';
CREATE DOMAIN public.spec_list AS int[];
CREATE SEQUENCE public.spec_tags;
CREATE SCHEMA s2;
CREATE SCHEMA "odd.Schema";
-- Runs a query under the settings that keys are printed with.
CREATE FUNCTION public.spec_rows(query text)
RETURNS TABLE (tag int8, home int8, key text, hashes text, kept text, omitted text)
LANGUAGE plpgsql SET search_path = pg_catalog SET TimeZone = 'UTC' SET DateStyle = 'ISO'
SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1
SET lc_monetary = 'C' SET standard_conforming_strings = on AS
'BEGIN RETURN QUERY EXECUTE query; END';
]]

return types
