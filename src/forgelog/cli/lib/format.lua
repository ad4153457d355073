--- Changes as lines: text for people, JSON for programs, TSV for COPY.
-- @module forgelog.cli.lib.format
local arrays = require "forgelog.connection.arrays"
local core = require "forgelog.core"
local fields = require "forgelog.cli.lib.fields"
local json = require "forgelog.cli.lib.json"
local terminal = require "forgelog.cli.lib.terminal"

local unpack = table.unpack or unpack -- luacheck: ignore 143
local COLORS = { INSERT = "green", UPDATE = "yellow", DELETE = "red", TRUNCATE = "magenta",
  RELOAD = "magenta" }
local NO_TIME = (" "):rep(#"YYYY-MM-DD hh:mm:ss")

local function whole(number) return ("%d"):format(number) end

-- An integer, which is a text where this Lua would round it.
local function digits(value) return type(value) == "number" and whole(value) or value end

-- The names of all values that were kept with a change, or were too long for that, in order.
local function kept_names(change)
  local seen, names = {}, {}
  local function add(name)
    if not seen[name] then names[#names + 1] = name end
    seen[name] = true
  end
  for name in pairs(change.old or {}) do add(name) end
  for name in pairs(change.new or {}) do add(name) end
  for _, name in ipairs(change.omitted or {}) do add(name) end
  table.sort(names)
  return names
end

-- A kept value for people: before and after, where both are known and differ.
local function kept_text(change, name)
  local missing = "NULL"
  for _, omitted in ipairs(change.omitted or {}) do
    if omitted == name then missing = "(too long)" end
  end
  local before = change.old and (change.old[name] or missing)
  local after = change.new and (change.new[name] or missing)
  if not before or not after or before == after then return before or after end
  return before .. " -> " .. after
end

local function all_kept_text(change)
  if not (change.old or change.new) then return "" end
  local texts = {}
  for i, name in ipairs(kept_names(change)) do
    texts[i] = name .. ": " .. kept_text(change, name)
  end
  return table.concat(texts, ", ")
end

-- Lines of aligned columns, each as wide as the widest value that it has held so far.
local function as_text(paint)
  local widths = { 6, 8, 8 }
  local function column(i, value, color)
    widths[i] = math.max(widths[i], #value)
    local padding = (" "):rep(widths[i] - #value)
    return i == 1 and padding .. value or (color and paint(color, value) or value) .. padding
  end
  return function(change)
    local time = change.created_at
      and os.date("%Y-%m-%d %H:%M:%S", math.floor(change.created_at)) or NO_TIME
    local rest = terminal.safe(change.row_id or "")
    local function add(format, text)
      rest = rest .. "  " .. paint("dim", format:format(terminal.safe(text)))
    end
    if change.changed_cols then add("(%s)", change.changed_cols) end
    local kept = all_kept_text(change)
    if kept ~= "" then add("[%s]", kept) end
    if change.context then add("# %s", change.context) end
    local seq = change.seq and whole(change.seq) or "" -- what a backfill has read has none
    local line = ("%s  %s  %s  %s  %s"):format(column(1, seq), paint("dim", time),
      column(2, terminal.safe(change.op), COLORS[change.op]),
      column(3, terminal.safe(change.table_name)), rest)
    return (line:gsub("%s+$", "")) .. "\n"
  end
end

-- The fields that every change has always had, and those of later editions, in the core's order.
local FIRST, LATER = {}, {}
for _, name in ipairs(core.fields) do
  local list = FIRST[#FIRST] == "created_at" and LATER or FIRST
  list[#list + 1] = name
end

-- Makes a function from a change to its first fields as text. format: of that text, for
-- string.format; write: a function from a field's value to what takes its place there, by the
-- field's name; text: that function for every other field, which holds a string or nil.
local function of_first(format, write, text)
  local writers, values = {}, {}
  for i, name in ipairs(FIRST) do writers[i] = write[name] or text end
  return function(change)
    for i = 1, #FIRST do values[i] = writers[i](change[FIRST[i]]) end
    return format:format(unpack(values, 1, #FIRST))
  end
end

local function object(values)
  local names, members = {}, {}
  for name in pairs(values) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    members[i] = json.encode(name) .. ":" .. json.encode(values[name])
  end
  return "{" .. table.concat(members, ",") .. "}"
end

local function unchanged(value) return value end

local function micros(seconds) return seconds and core.number_text(seconds, 6) or "null" end

-- How a later field is written in JSON; as json.encode does where nothing else is said.
local AS_JSON = { txid = digits, key_cols = digits, old = object, new = object }

-- The first fields are always there, as null if need be, the later ones where they have a value.
local function as_json()
  local members, labels = {}, {}
  for i, name in ipairs(FIRST) do
    members[i] = json.encode(name) .. ":" .. (name == "seq" and "%d" or "%s")
  end
  for _, name in ipairs(LATER) do labels[name] = "," .. json.encode(name) .. ":" end
  local format, own = "{" .. table.concat(members, ","), { seq = unchanged, created_at = micros }
  local function own_text(value) return value and json.encode(value) or "null" end
  local first = of_first(format, own, own_text)
  local unnumbered = of_first("{%s" .. format:match('^{"seq":%%d,(.*)$'), { seq = function()
    return ""
  end, created_at = micros }, own_text)
  return function(change)
    local line = (change.seq and first or unnumbered)(change)
    for i = 1, #LATER do
      local name = LATER[i]
      local value = change[name]
      if value ~= nil then line = line .. labels[name] .. (AS_JSON[name] or json.encode)(value) end
    end
    return line .. "}\n"
  end
end

-- An array as PostgreSQL reads it: the values of these names.
local function array(values, names)
  local elements = {}
  for i, name in ipairs(names) do
    elements[i] = values[name] or false
  end
  return arrays.write(elements)
end

-- Names as the log lists them.
local function name_list(names)
  local list = {}
  for i, name in ipairs(names) do
    list[i] = name:find('[,"]') and '"' .. name:gsub('"', '""') .. '"' or name
  end
  return table.concat(list, ",")
end

-- The column kept_cols as it may have been.
local function kept_cols(change, names)
  local list = name_list(names)
  return change.omitted and list .. ",," .. name_list(change.omitted) or list
end

-- The later fields of a change that has any of them, as COPY reads them.
local function later_tsv(change)
  local names, values = (change.old or change.new) and kept_names(change), {}
  for i, name in ipairs(LATER) do
    local value = change[name]
    if name == "omitted" then
      value = names and kept_cols(change, names)
    elseif type(value) == "table" then
      value = array(value, names)
    end
    values[i] = fields.tsv_text(digits(value))
  end
  return table.concat(values, "\t") .. "\n"
end

-- As COPY reads it into a table like the log.
local function as_tsv()
  local unnumbered = of_first(("%s\t"):rep(#FIRST), { created_at = fields.tsv_time },
    fields.tsv_text)
  local nothing = ("\\N\t"):rep(#LATER - 1) .. "\\N\n"
  local first = of_first("%d" .. ("\t%s"):rep(#FIRST - 1) .. "\t",
    { seq = unchanged, created_at = fields.tsv_time }, fields.tsv_text)
  return function(change)
    local own = change.seq and first or unnumbered
    for i = 1, #LATER do
      if change[LATER[i]] ~= nil then return own(change) .. later_tsv(change) end
    end
    return own(change) .. nothing
  end
end

local makers = { text = as_text, json = as_json, tsv = as_tsv }

--- Makes the function that turns a change into a line.
-- @string kind "text", "json" or "tsv"
-- @func paint of `forgelog.cli.lib.terminal`
return function(kind, paint) return makers[kind](paint) end
