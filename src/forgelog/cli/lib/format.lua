--- Changes as lines: text for people, JSON for programs, TSV for COPY.
-- @module forgelog.cli.lib.format
local core = require "forgelog.core"
local json = require "forgelog.cli.lib.json"
local terminal = require "forgelog.cli.lib.terminal"

local COLORS = { INSERT = "green", UPDATE = "yellow", DELETE = "red", TRUNCATE = "magenta",
  RELOAD = "magenta" }
local NO_TIME = (" "):rep(#"YYYY-MM-DD hh:mm:ss")

-- Unix time as ISO 8601 with microseconds, in UTC.
local function iso(seconds)
  local whole = math.floor(seconds)
  local micros = math.floor((seconds - whole) * 1e6 + 0.5)
  if micros == 1000000 then whole, micros = whole + 1, 0 end
  return os.date("!%Y-%m-%dT%H:%M:%S", whole) .. (".%06dZ"):format(micros)
end

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
  for _, omitted in ipairs(change.omitted or {}) do
    if omitted == name then return "(too long)" end
  end
  local before = change.old and (change.old[name] or "NULL")
  local after = change.new and (change.new[name] or "NULL")
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
    local line = ("%s  %s  %s  %s  %s"):format(column(1, whole(change.seq)), paint("dim", time),
      column(2, terminal.safe(change.op), COLORS[change.op]),
      column(3, terminal.safe(change.table_name)), rest)
    return (line:gsub("%s+$", "")) .. "\n"
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

local function micros(seconds) return ("%.6f"):format(seconds) end

-- How a field is written in JSON; as text where nothing else is said. Those of later editions are
-- there where they have a value; the others always, as null if need be.
local AS_JSON = { seq = whole, created_at = micros, txid = digits, key_cols = digits,
  old = object, new = object }
local LATER = { txid = true, context = true, old = true, new = true, omitted = true,
  key_cols = true }

local function as_json()
  local fields, names, write = core.fields, {}, {}
  for i, name in ipairs(fields) do
    names[i] = json.encode(name) .. ":"
    write[i] = AS_JSON[name] or json.encode
  end
  return function(change)
    local members = {}
    for i = 1, #fields do
      local name = fields[i]
      local value = change[name]
      if value ~= nil then
        members[#members + 1] = names[i] .. write[i](value)
      elseif not LATER[name] then
        members[#members + 1] = names[i] .. "null"
      end
    end
    return "{" .. table.concat(members, ",") .. "}\n"
  end
end

-- An array as PostgreSQL reads it: the values of these names.
local function array(values, names)
  local elements = {}
  for i, name in ipairs(names) do
    local value = values[name]
    elements[i] = value and '"' .. value:gsub('[\\"]', "\\%0") .. '"' or "NULL"
  end
  return "{" .. table.concat(elements, ",") .. "}"
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

local ESCAPES = { ["\\"] = "\\\\", ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

-- As COPY reads it into a table like the log.
local function as_tsv()
  local fields = core.fields
  local write = { seq = whole, created_at = iso, txid = digits, key_cols = digits }
  return function(change)
    local values = {}
    local names = (change.old or change.new) and kept_names(change)
    for i = 1, #fields do
      local name = fields[i]
      local value = change[name]
      if name == "omitted" then
        value = names and kept_cols(change, names)
      elseif type(value) == "table" then
        value = array(value, names)
      elseif value ~= nil and write[name] then
        value = write[name](value)
      end
      values[i] = value and value:gsub("[\\\t\n\r]", ESCAPES) or "\\N"
    end
    return table.concat(values, "\t") .. "\n"
  end
end

local makers = { text = as_text, json = as_json, tsv = as_tsv }

--- Makes the function that turns a change into a line.
-- @string kind "text", "json" or "tsv"
-- @func paint of `forgelog.cli.lib.terminal`
return function(kind, paint) return makers[kind](paint) end
