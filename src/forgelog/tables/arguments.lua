--- The arguments of capture triggers, in which the options of a watched table stand: `notify` or
-- `quiet`; then "forgelog 2", the columns that are kept, and those that are ignored as number:name.
-- The first edition had the names of ignored columns after the mode. The trigger for TRUNCATE
-- records the primary key as of now instead, so that `watched` can see when it changes.
-- @module forgelog.tables.arguments
local arrays = require "forgelog.connection.arrays"

local arguments = {}

local FORMAT = "forgelog 2"
local KEY = "key"

-- The texts of an array that `arrays.write` has written. Of whatever else somebody has put there,
-- what looks like that.
local function from_array(text)
  local list = {}
  for quoted in (text or ""):gsub("\\(.)", function(char) return ("\1%03d"):format(char:byte()) end)
    :gmatch('"([^"]*)"') do
    list[#list + 1] = quoted:gsub("\1(%d%d%d)", function(code)
      return string.char(tonumber(code))
    end)
  end
  return list
end

--- The arguments of a trigger.
-- @string kind "insert", "update", "delete", "row" or "truncate"
-- @tparam table wanted `notify`, `keep` and `ignore` (lists of columns)
-- @tparam table found a row of sql/tables/find.sql
-- @treturn table a list
function arguments.of(kind, wanted, found)
  local mode = wanted.notify and "notify" or "quiet"
  if kind == "truncate" then return { mode, KEY, found.key } end
  local numbers, ignore = {}, {}
  for number, name in found.columns:gmatch("(%d+):([^\1]+)") do numbers[name] = number end
  for i, name in ipairs(wanted.ignore) do ignore[i] = (numbers[name] or 0) .. ":" .. name end
  return { mode, FORMAT, arrays.write(wanted.keep), arrays.write(ignore) }
end

--- The arguments of a trigger as the catalog has them.
-- @string hex each ended by a zero byte
-- @treturn table a list
function arguments.decode(hex)
  local text = hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
  local list = {}
  for argument in text:gmatch("(%Z*)%z") do list[#list + 1] = argument end
  return list
end

--- What the arguments of a trigger say.
-- @tparam table list of `decode`
-- @treturn table `notify`; `keep` and `ignore` (lists of columns); `key` (the columns of the
-- primary key at that time, separated by \1; only for TRUNCATE)
function arguments.read(list)
  local notify = list[1] ~= "quiet"
  if list[2] == KEY then
    return { notify = notify, key = list[3] or "", keep = {}, ignore = {} }
  end
  if list[2] ~= FORMAT then
    local ignore = {}
    for i = 2, #list do ignore[i - 1] = list[i] end
    return { notify = notify, keep = {}, ignore = ignore }
  end
  local ignore = {}
  for _, item in ipairs(from_array(list[4])) do
    ignore[#ignore + 1] = item:match("^%d+:(.*)$")
  end
  return { notify = notify, keep = from_array(list[3]), ignore = ignore }
end

return arguments
