--- The tables that are watched, and whether their triggers are as they should be.
-- @module forgelog.watched
local database = require "forgelog.database"

local unpack = table.unpack or unpack -- luacheck: ignore 143

local watched = {
  PARTITION = "forge_capture_truncate_partition", -- the trigger on each partition of a watched table
  KINDS = { statement = { "insert", "update", "delete", "truncate" }, row = { "row", "truncate" } }, -- triggers by level
  KEY = "key", -- the word of a trigger before the primary key at the time of watch
}

local function unhex(hex)
  return (hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

local function words_of(row)
  local words = {}
  for word in unhex(row.args):gmatch("(%Z*)%z") do words[#words + 1] = word end
  return words
end

local function columns(key)
  local list = {}
  for name in (key or ""):gmatch("[^\1]+") do list[#list + 1] = name end
  return list
end

-- What one trigger says of its table.
local function note(about, row, have)
  local words = words_of(row)
  have[row.trigger] = row.enabled
  if row.altered then about.altered[#about.altered + 1] = row.trigger:match("^forge_capture_(.*)$") or row.trigger end
  if row.trigger == "forge_capture_row" then about.level = "row" end
  if row.trigger == "forge_capture_row" or row.trigger == "forge_capture_update" then about.ignore = { unpack(words, 2) } end
  if words[1] == "quiet" then about.notify = false end
  if words[2] == watched.KEY then about.key_changed = (words[3] or "") ~= (row.key or "") end
end

-- What is wrong, in words.
local function in_words(about)
  local parts = {}
  if #about.missing > 0 then parts[#parts + 1] = "missing: " .. table.concat(about.missing, ", ") end
  if #about.altered > 0 then parts[#parts + 1] = "altered: " .. table.concat(about.altered, ", ") end
  if about.key_changed then parts[#parts + 1] = "the primary key has changed since" end
  return parts[1] and table.concat(parts, "; ")
end

--- What the triggers of one table amount to.
-- @param rows those of sql/triggers.sql for it
-- @local
function watched.describe(rows)
  local first, have = rows[1], {}
  local about = { schema = first.schema, table = first.table, ignore = {}, notify = true, level = "statement", missing = {},
    altered = {}, key_changed = false, key = columns(first.key) }
  for _, row in ipairs(rows) do note(about, row, have) end
  for _, kind in ipairs(watched.KINDS[about.level]) do
    if not have["forge_capture_" .. kind] then about.missing[#about.missing + 1] = kind end
  end
  if about.level == "row" and first.uncovered then about.missing[#about.missing + 1] = "truncate of a partition" end
  about.wrong = in_words(about)
  about.healthy = about.wrong == nil
  return about
end

--- The tables that are watched.
-- @param log the log
-- @return a sorted list of their names as in `table_name`, and a table from each name to its `schema`, `table`, `ignore`,
-- `notify`, `level` ("statement" or "row"), `key` (list of columns), and what is wrong: `missing` (list of triggers that are
-- gone or disabled), `altered` (list of triggers that are not as `watch` makes them), `key_changed` (the primary key is
-- another one than at the time of `watch`, so `row_id` is too: read the table again), `wrong` (that in words, or nil),
-- `healthy` (nothing of it; otherwise watch it again); or nil and an error
function watched.watched(log)
  local home, err = database.schema(log)
  if not home then return nil, err end
  local all
  all, err = log:query(database.sql("triggers"), home, nil)
  if not all then return nil, err end
  local names, rows, about = {}, {}, {}
  for _, row in ipairs(all) do
    if row.trigger ~= watched.PARTITION then
      if not rows[row.name] then
        names[#names + 1], rows[row.name] = row.name, {}
      end
      table.insert(rows[row.name], row)
    end
  end
  for name, list in pairs(rows) do about[name] = watched.describe(list) end
  return names, about
end

--- The same as one list; for status and the command line.
-- @local
-- @param log the log
-- @return a sorted list of what `watched` tells, each with its `name`; or nil and an error
function watched.list(log)
  local names, about = watched.watched(log)
  if not names then return nil, about end
  local list = {}
  for i, name in ipairs(names) do
    list[i] = about[name]
    list[i].name = name
  end
  return list
end

return watched
